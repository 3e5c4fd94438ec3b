"""What the command line loads, and what happens when it is interrupted meanwhile."""

import subprocess
import sys

import pytest
from helpers.commandline import FLOOR, PLAIN, modules_loaded_by
from helpers.package import NAME
from helpers.servers import PATIENCE

PARENTS = {NAME.rsplit(".", count)[0] for count in range(NAME.count(".") + 1)}


def call_of(arguments, code):
    """A program that calls the command line and sees how it ends."""
    return f"from {NAME}._cli import main; assert main({arguments}) == {code}"


@pytest.fixture(scope="module")
def floor():
    """The modules that a bare argparse needs."""
    return modules_loaded_by(FLOOR)


@pytest.mark.parametrize(
    ("arguments", "code", "is_mistyped"),
    [
        (["--version"], 0, False),
        (["--help"], 0, False),
        (["run-prompt", "--help"], 0, False),
        ([], 2, False),
        (["x"], 2, True),
        (["run-prompt"], 2, False),
        (["run-prompt", "a", "1", "--x"], 2, True),
        (["get-prompt", "a", "1", "--no-wait"], 2, False),
        (["--timeout", "x"], 2, False),
        (["--quiet=x"], 2, False),
    ],
)
def test_version_help_and_usage_errors_load_no_more_than_a_bare_argparse(
    floor, arguments, code, is_mistyped
):
    more = modules_loaded_by(call_of(arguments, code)) - floor
    parts = ("arguments", "exits", "kinds", "output", "program", "tables")
    ours = {f"{NAME}._cli"} | {f"{NAME}._cli.{part}" for part in parts}
    # What looks for a name that is like another one.
    guessing = {"difflib", "heapq", "_heapq"} if is_mistyped else set()
    assert more - PARENTS - ours <= {"__future__"} | guessing


def test_a_webhook_is_verified_without_the_client_and_json():
    secret = "import os; os.environ['PROMPTJUGGLER_WEBHOOK_SECRET'] = 's'"
    call = call_of(["verify-webhook", "--signature", "x"], 1)
    body = "import io, sys; sys.stdin = io.TextIOWrapper(io.BytesIO(b'{}'))"
    loaded = modules_loaded_by(f"{secret}\n{body}\n{call}")
    assert f"{NAME}.webhook" in loaded
    assert not loaded & {f"{NAME}.client", f"{NAME}.testing"}
    assert not loaded & {"json", "ssl", "urllib.request"}


@pytest.mark.parametrize(
    ("module", "said"),
    [
        # Nobody is there yet who could say something.
        ("._cli", b""),
        ("._cli.output", b""),
        ("._cli.commands", b"promptjuggler: interrupted\n"),
        (".client", b"promptjuggler: interrupted\n"),
    ],
)
def test_ctrl_c_while_modules_are_loaded_is_exit_code_130_and_no_traceback(
    module, said
):
    program = f"""
import os, runpy, signal, sys
class Interrupting:
    def find_spec(name, path=None, target=None):
        if name == {NAME + module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting)
sys.argv[1:] = ["get-prompt", "greeting", "1"]
runpy.run_module({NAME!r}, run_name="__main__", alter_sys=True)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**PLAIN, "PROMPTJUGGLER_API_KEY": "k"},
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", said)
