"""What is collected here, and what the tests of the benchmarks begin with."""

import pytest
from benchmarks.environment import Bench
from benchmarks.measure import Effort
from helpers.package import FOLDER

# They want more than pytest: the first what builds the package, the second the published
# package. `tox -e package` and `tox -e moving` name them, and pytest collects what is named.
collect_ignore = ["test_distribution.py", "test_published.py"]


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """The smallest benchmark of the package under test, without the published one."""
    work = tmp_path_factory.mktemp("benchmarks")
    return Bench(FOLDER, work, Effort(0.001), peer=False)
