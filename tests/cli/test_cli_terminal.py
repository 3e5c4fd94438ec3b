"""The command line in a terminal: progress, answers as they come, ^C, colours."""

import io
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
from helpers.servers import PATIENCE, ScriptedServer, respond

from promptjuggler import PromptJuggler
from promptjuggler._cli.line import Line
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


def drawn_while_waiting(server, slug, columns):
    """What is drawn while a knowledge base of this name is waited for."""
    server.run_seconds = 60
    server.add_knowledge_base(slug)
    with PromptJuggler(server.api_key, base_url=server.url) as client:
        client.upload_documents(slug, [("a.txt", b"x")])
    command = ["wait-knowledge-base", slug]
    with Terminal(*command, env=account(server), columns=columns) as terminal:
        terminal.read_until("pending for 0 s: knowledge base .*\r")
        terminal.type("\x03")
        assert terminal.finish()[0] == 130
    shown = terminal.raw.partition("^C")[0]
    return [part for part in shown.split("\r") if part.startswith("pending")]


def test_a_name_in_the_line_of_progress_cannot_steer_the_terminal(own_server):
    drawn = drawn_while_waiting(own_server, "a\x1b]0;pwned\x07\r\nb\x9b2J\u202ec", 120)
    shown = r"knowledge base a\x1b]0;pwned\x07\r\nb\x9b2J\u202ec"
    assert {part.partition(": ")[2].rstrip() for part in drawn} == {shown}


BASE = "pending for 0 s: knowledge base "


@pytest.mark.parametrize(
    ("slug", "shown"),
    [
        # Two columns each; the last one is never written to.
        ("\u624b\u518c" * 20, "\u624b\u518c" * 4),
        ("x" + "\u624b\u518c" * 20, "x" + "\u624b\u518c" * 4),
        # None for what stands on the letter before it, or joins two.
        ("e\u0301" * 20, "e\u0301" * 17),
        ("a\u200db" * 20, "a\u200db" * 8 + "a\u200d"),
    ],
    ids=["wide", "a half too wide", "combined", "joined"],
)
def test_the_line_of_progress_is_as_wide_as_the_terminal_shows_it(
    own_server, slug, shown
):
    drawn = drawn_while_waiting(own_server, slug, len(BASE) + 18)
    assert {part.partition("knowledge base ")[2] for part in drawn} == {shown}


def test_the_line_of_progress_counts_the_escapes_of_what_cannot_be_shown(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), "ascii", "backslashreplace")
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("promptjuggler._cli.line.columns", lambda: 18)
    Line(lambda seconds: "\xe9" * 20).make_room(lambda: None)
    drawn = screen.buffer.getvalue().decode("ascii").split("\r")
    assert drawn[-1] == "\\xe9" * 4 + "\\"


def test_a_shorter_line_of_progress_leaves_nothing_of_a_longer_one(capsys):
    texts = iter(["\u624b\u518c" * 3, "\u624b", "", ""])
    line = Line(lambda seconds: next(texts))
    for _ in range(3):
        line.make_room(lambda: None)
    drawn = capsys.readouterr().err.split("\r")
    spaces = " " * 12
    assert drawn == ["", "", "", "\u624b\u518c" * 3, spaces, "", "\u624b", "  ", "", ""]


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


# --- what a model says ---

# It clears the screen, sets the title and the clipboard, goes back, hides, turns around.
HOSTILE = "a\x1b[2Jb\x1b]0;title\x07c\x1b]52;c;eA==\x07d\x08e\rf\x9b2Jg\x7fh\u202ei\u2066j\x00k"
SHOWN = "a\\x1b[2Jb\\x1b]0;title\\x07c\\x1b]52;c;eA==\\x07d\\x08e\\rf\\x9b2Jg\\x7fh\\u202ei\\u2066j\\x00k"
# What is left: lines, tabs, spaces that do not break, joined emoji, combined letters.
HARMLESS = (
    "x\ty\nz\u00a0!\u202f?\u3000\U0001f469\u200d\U0001f52c e\u0301 \u0645\u200c\u0645"
)

FULL = f"{HOSTILE} {HARMLESS}"


def in_terminal(text):
    """What a terminal is sent for a text with lines."""
    return text.replace("\n", "\r\n")


@pytest.mark.parametrize("option", [[], ["--stream"], ["--stream=always"]])
def test_what_a_model_says_cannot_steer_a_terminal_and_a_pipe_gets_it_as_it_is(
    own_server, option
):
    own_server.add_prompt("hostile", lambda inputs: FULL)
    env = account(own_server)
    command = ["run-prompt", "hostile", "1", "--quiet", *option]
    shown = shown_in_a_terminal(*command, env=env)
    assert in_terminal(f"{SHOWN} {HARMLESS}\n") in shown
    assert "\x1b[2J" not in shown
    assert run(*command, env=env)[:2] == (0, f"{FULL}\n".encode())


def test_json_in_a_terminal_is_json_of_the_same_that_cannot_steer_it(own_server):
    text = f"{FULL} \U000e0041\u2028"
    own_server.add_workflow("hostile", lambda inputs: {"a": text})
    env = account(own_server)
    for more in ([], ["--json"]):
        command = ["run-workflow", "hostile", "1", "--quiet", *more]
        shown = shown_in_a_terminal(*command, env=env)
        assert not set(shown) & set("\x1b\x7f\x9b\u202e\u2066\u2028\x08\U000e0041")
        assert "\\u009b2Jg\\u007fh\\u202ei" in shown
        assert "\\udb40\\udc41" in shown
        document = json.loads(shown)
        assert (document["outputs"] if more else document)["a"] == text
        code, out, _ = run(*command, env=env)
        assert (code, b"\xc2\x9b" in out, b"\x7f" in out) == (0, True, True)


def test_an_error_and_a_body_with_verbose_cannot_steer_a_terminal(own_server):
    body = json.dumps({"error": FULL}, ensure_ascii=False)
    with ScriptedServer(respond((502, body))) as other:
        env = account(own_server, PROMPTJUGGLER_BASE_URL=other.url)
        command = ["get-prompt", "x", "1", "--max-retries", "0", "--verbose"]
        shown = shown_in_a_terminal(*command, env=env)
    assert "promptjuggler: HTTP 502: a" in shown
    assert "the body of the answer:\r\n{" in shown
    assert not set(shown) & set("\x1b\x7f\x9b\u202e\u2066\x08")


def test_a_stream_is_shown_in_a_pipe_only_where_that_is_asked_for(own_server):
    """The part that a reset makes void is followed by the text anew."""
    own_server.add_prompt("again", lambda inputs: ["Wait", Reset(), "Hello, ", "Ada!"])
    env = account(own_server)
    command = ["run-prompt", "again", "1"]
    shown = {
        "--stream=always": b"Wait\nHello, Ada!\n",
        "--stream=never": b"Hello, Ada!\n",
        "--stream": b"Hello, Ada!\n",
        "--stream=auto": b"Hello, Ada!\n",
    }
    for option, out in shown.items():
        assert run(*command, option, env=env)[:2] == (0, out), option
    with Terminal(*command, "--stream=never", "--quiet", env=env) as terminal:
        assert terminal.finish() == (0, ["Hello, Ada!", ""])


# --- requests that are sent again ---


def test_a_delay_before_a_request_is_sent_again_is_a_line_in_a_terminal(own_server):
    def call_of(slug):
        own_server.add_prompt(slug, lambda inputs: "x")
        own_server.fail_next(503, path=f"/{slug}/")
        return ["get-prompt", slug, "1"]

    def check(case):
        slug, options, is_shown = case
        with Terminal(*call_of(slug), *options, env=env) as terminal:
            code, _ = terminal.finish()
        assert code == 0
        delay = rf"^GET /api/v1/prompts/{slug}/1: 503, again in \d\.\d s\r\n"
        assert len(re.findall(delay, terminal.raw, re.M)) == is_shown

    env = account(own_server)
    at_once(
        check, [("plain", [], 1), ("quiet", ["--quiet"], 0), ("all", ["--verbose"], 1)]
    )
    code, _, err = run(*call_of("piped"), env=env)
    assert (code, err) == (0, b"")


def test_such_a_line_moves_the_line_of_progress_down(own_server):
    own_server.run_seconds = 60
    with Terminal(*GREET, env=account(own_server)) as terminal:
        terminal.read_until(r"pending for \d s: run \S{36}")
        own_server.fail_next(503, times=2)
        terminal.read_until(r"again in .*\r\n")
        terminal.read_until(r"again in .*\r\n[^\n]*\rpending for \d s: run ")
        terminal.type("\x03")
        code, lines = terminal.finish()
    assert code == 130
    (first, *_) = [line for line in lines if "again in" in line]
    assert re.fullmatch(
        r"GET /api/v1/promptruns/[0-9a-f-]{36}: 503, again in \d\.\d s", first
    )


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
