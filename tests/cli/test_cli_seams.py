"""What the command line uses of argparse's insides, each held by a test of its own.

When a new Python moves one of them, the test that fails says which. They are marked
`# seam:` in the code.
"""

import argparse
import re

import pytest
from helpers.package import FOLDER

from promptjuggler._cli.arguments import _HelpFormatter


def parser_of(**options):
    """A parser like ours: it does not exit, has no help, and guesses no options."""
    parser = argparse.ArgumentParser(
        prog="x", add_help=False, allow_abbrev=False, exit_on_error=False
    )
    parser.error = lambda message: pytest.fail(f"argparse called error: {message}")
    for name, settings in options.items():
        parser.add_argument(f"--{name}", **settings)
    return parser


FLAG = {"action": "store_true"}


def formatter_width():
    text = " ".join(["word"] * 40)
    for more in ({}, {"max_help_position": 24}):
        formatter = _HelpFormatter("x", **more)
        formatter.add_argument(argparse.Action(["--option"], "option", help=text))
        assert max(map(len, formatter.format_help().splitlines())) in range(74, 80)


def errors_are_raised():
    parser = parser_of(flag=FLAG, value={}, number={"type": int})
    mistakes = [["--flag=x"], ["--value"], ["--number", "x"], ["--value", "--flag"]]
    for arguments in mistakes:
        with pytest.raises(argparse.ArgumentError):
            parser.parse_known_args(arguments)
    # What argparse itself makes an error of otherwise is left to us.
    for arguments in (["--val=x"], ["-v"], ["x"], ["--other=x"], ["-fx"], []):
        parser.parse_known_args(arguments)


def leftover_arguments():
    parser = parser_of(flag=FLAG, value={})
    given = ["a", "--flag", "-", "--x=1", "b", "--value", "v", "-y", "-1", "", "c d"]
    left = parser.parse_known_args(given)[1]
    assert left == ["a", "-", "--x=1", "b", "-y", "-1", "", "c d"]


def given_namespace():
    class Given:
        def __init__(self):
            self.flag, self.value, self.list = "kept", "kept", "kept"

    parser = parser_of(flag=FLAG, value={}, list={"action": "append"})
    given = Given()
    assert parser.parse_known_args([], given)[0] is given
    assert vars(given) == vars(Given())
    given.list = None
    parser.parse_known_args(["--list=1", "--flag", "--list", "2"], given)
    assert vars(given) == {"flag": True, "value": "kept", "list": ["1", "2"]}


def argument_name():
    parser = parser_of(flag=FLAG, value={})
    for arguments, name in ((["--flag=x"], "--flag"), (["--value"], "--value")):
        with pytest.raises(argparse.ArgumentError) as caught:
            parser.parse_known_args(arguments)
        assert caught.value.argument_name == name


def other_exceptions_pass():
    class Own(Exception):
        pass

    def convert(text):
        raise Own

    with pytest.raises(Own):
        parser_of(value={"type": convert}).parse_known_args(["--value", "x"])


SEAMS = {
    "formatter width": formatter_width,
    "errors are raised": errors_are_raised,
    "leftover arguments": leftover_arguments,
    "given namespace": given_namespace,
    "argument name": argument_name,
    "other exceptions pass": other_exceptions_pass,
}


@pytest.mark.parametrize("seam", SEAMS)
def test_argparse_does_what_is_relied_on(seam):
    SEAMS[seam]()


def test_every_seam_that_is_marked_has_a_test():
    marked = set()
    for file in (FOLDER / "_cli").glob("*.py"):
        marked.update(re.findall(r"# seam: ([\w ]+):", file.read_text("utf-8")))
    assert marked == set(SEAMS)
