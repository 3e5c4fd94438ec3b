"""The command line in a terminal: progress, answers as they come, ^C, colours."""

import json
import re
import sys
import threading
import uuid

import pytest
from helpers.calls import at_once
from helpers.commandline import (
    FLOOR,
    GREET,
    PLAIN,
    Terminal,
    account,
    run,
    shown_in_a_terminal,
)
from helpers.package import NAME
from helpers.servers import PATIENCE

from promptjuggler.testing import Reset


def test_while_a_run_is_pending_a_line_shows_for_how_long_and_it_is_gone_in_the_end(
    own_server,
):
    """Nor is it ever wider than the terminal."""

    def check(columns):
        shown = threading.Event()
        slug = f"shown-{columns}"
        own_server.add_prompt(
            slug, lambda inputs: shown.wait(PATIENCE) and "Hello, Ada!"
        )
        command = ["run-prompt", slug, "production"]
        with Terminal(*command, env=account(own_server), columns=columns) as terminal:
            terminal.read_until("pending for ")
            shown.set()
            code, lines = terminal.finish()
        assert (code, lines) == (0, ["Hello, Ada!", ""])
        drawn = {
            part
            for part in re.split("[\r\n]", terminal.raw)
            if part.startswith("pending ")
        }
        assert {len(part) for part in drawn} == {
            min(columns - 1, len(f"pending for 0 s: run {uuid.uuid4()}"))
        }
        assert all(
            re.fullmatch(r"pending for \d s: run [0-9a-f-]+", part) for part in drawn
        )

    at_once(check, [80, 30])


def test_there_is_no_progress_where_it_is_not_wanted_or_would_be_among_other_lines(
    own_server,
):
    def check(option):
        with Terminal(*GREET, option, env=account(own_server)) as terminal:
            code, lines = terminal.finish()
        assert (code, lines[-2:]) == (0, ["Hello, Ada!", ""])
        assert "pending for" not in terminal.raw
        assert "\r" not in terminal.raw.replace("\r\n", "")

    own_server.run_seconds = 0.1
    at_once(check, ["--quiet", "--verbose"])


def test_an_upload_has_a_bar_with_bytes_and_rate(own_server, tmp_path):
    files = [tmp_path / "a.bin", tmp_path / "b.bin"]
    for file in files:
        file.write_bytes(bytes(2_000_000))
    with Terminal(
        "upload-documents", "manuals", *map(str, files), env=account(own_server)
    ) as terminal:
        code, lines = terminal.finish()
    assert code == 0
    assert [document["bytes"] for document in json.loads("\n".join(lines))] == [
        2_000_000,
        2_000_000,
    ]
    assert re.search(
        r"\r\[#{20}\] 4,000,000 of 4,000,000 bytes, [0-9,]+ a second", terminal.raw
    )


def test_ctrl_c_in_a_terminal_ends_a_wait_and_the_line_says_the_id(own_server):
    own_server.run_seconds = 60
    with Terminal(*GREET, env=account(own_server)) as terminal:
        terminal.read_until(r"pending for \d s: run \S{36}")
        terminal.type("\x03")
        code, lines = terminal.finish()
    run_id = re.search(r"pending for \d s: run (\S{36})", terminal.raw)[1]
    assert code == 130
    fetch = f"{sys.executable} -m {NAME} wait-prompt-run {run_id}"
    # What the terminal shows of the key itself, ^C, may stand before it.
    assert lines[-2].endswith(
        f"promptjuggler: interrupted; run {run_id} was started: {fetch}"
    ), lines
    assert "pending" not in "".join(lines)


def test_standard_input_can_be_typed(own_quick):
    with Terminal(
        "run-prompt", "greeting", "1", "name=@-", "--quiet", env=account(own_quick)
    ) as terminal:
        terminal.type("\u00c5da\n\x04")
        code, lines = terminal.finish()
    assert (code, lines[-3:]) == (0, ["Hello, \u00c5da", "!", ""])


def test_a_streamed_answer_starts_anew_after_a_reset_in_a_terminal(own_server):
    own_server.add_prompt("again", lambda inputs: ["Wait", Reset(), "Hello, ", "Ada!"])
    with Terminal(
        "run-prompt", "again", "1", "--stream", env=account(own_server)
    ) as terminal:
        assert terminal.finish() == (0, ["Wait", "Hello, Ada!", ""])


# --- colours ---


def test_a_help_in_a_terminal_has_the_colours_of_argparse():
    """Those are none before Python 3.14."""
    coloured = "\x1b[" in shown_in_a_terminal(program=FLOOR)
    for arguments in (["--help"], ["run-prompt", "--help"]):
        assert ("\x1b[" in shown_in_a_terminal(*arguments)) is coloured


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run-prompt", "--help"], ["--version"], ["x"]]
)
def test_there_are_no_colours_in_a_pipe_nor_where_nobody_wants_them(arguments):
    """And all that they are is added: without them it is the same text."""
    piped = b"".join(run(*arguments, env=PLAIN)[1:]).decode()
    assert "\x1b" not in piped
    plain = shown_in_a_terminal(*arguments, env={**PLAIN, "NO_COLOR": "1"})
    assert plain.replace("\r\n", "\n") == piped
    coloured = shown_in_a_terminal(*arguments).replace("\r\n", "\n")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == piped
