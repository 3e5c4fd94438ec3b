"""Adds up the tests of JUnit reports; the last line is the sum, as `N passed, N failed`.

Ends with 1 where a test failed or was skipped, which proves nothing, and where no test ran.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter


def main(reports: list[str]) -> int:
    """The command: prints, and gives the exit code."""
    total: Counter[str] = Counter()
    for report in reports:
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            for outcome in ("tests", "failures", "errors", "skipped"):
                total[outcome] += int(suite.get(outcome, 0))
    failed = total["failures"] + total["errors"]
    passed = total["tests"] - failed - total["skipped"]
    if total["skipped"]:
        print(f"FAILED: {total['skipped']} tests were skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or total["skipped"] or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
