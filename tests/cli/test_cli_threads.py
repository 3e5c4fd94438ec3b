"""A thread that cannot be had, for what is only shown, costs nothing but that."""

import threading

import pytest
from helpers.commandline import AS_MODULE, GREET, Terminal, account

from promptjuggler._cli import bar

START = threading.Thread.start

# All threads of the command line; those of a batch can be had.
WITHOUT_THREADS = """
import threading
start = threading.Thread.start

def refuse(thread):
    if thread.name != "promptjuggler batch":
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = refuse
"""


def test_a_run_that_was_started_is_waited_for_where_no_thread_can_draw_the_line(
    own_server,
):
    program = f"{WITHOUT_THREADS}\n{AS_MODULE}"
    with Terminal(*GREET, env=account(own_server), program=program) as terminal:
        code, lines = terminal.finish()
    assert (code, lines) == (0, ["Hello, Ada!", ""])


@pytest.mark.parametrize("error", [RuntimeError("no thread"), MemoryError()])
def test_many_runs_go_on_where_no_thread_can_write_to_a_log(
    cli, server, tmp_path, monkeypatch, error
):
    def refuse(thread):
        if isinstance(getattr(thread._target, "__self__", None), bar.LogLines):
            raise error
        START(thread)

    path = tmp_path / "names.csv"
    path.write_text("name\nAda\nBob\n")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    code, out, _ = cli("run-prompts", "greeting", "1", str(path))
    assert (code, out.count("\n")) == (0, 2)
