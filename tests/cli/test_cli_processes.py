"""The processes of these tests: one that is forked is as one that is started."""

import json
import signal
import subprocess
import sys

from helpers.commandline import PLAIN, Process, Terminal, run, started
from helpers.servers import PATIENCE

FACTS = """
import json, os, signal, sys, threading, warnings
print(json.dumps({
    "arguments": sys.argv,
    "environment": {name: os.environ[name] for name in os.environ if name != "LC_CTYPE"},
    "files": len(os.listdir("/dev/fd")),
    "flags": list(sys.flags),
    "folder": os.getcwd(),
    "name": __name__,
    "path": sys.path,
    "python": sys.orig_argv[:3],
    "signals": [str(signal.getsignal(number)) for number in signal.valid_signals()],
    "streams": [
        (stream.fileno(), stream.encoding, stream.errors, stream.mode,
            stream.isatty(), stream.line_buffering, stream.write_through)
        for stream in (sys.stdin, sys.stdout, sys.stderr)
    ],
    "threads": threading.active_count(),
    "warnings": [str(filter) for filter in warnings.filters],
}))
"""


def test_a_process_finds_all_as_in_a_new_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = {**PLAIN, "GIVEN": "\u2603 \udcff"}
    del env["TERM"]
    code, out, err = run("a", "\u2603 \udcff", env=env, program=FACTS)
    assert (code, err) == (0, b"")
    new = subprocess.run(
        [sys.executable, "-W", "error", "-c", FACTS, "a", "\u2603 \udcff"],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert json.loads(out) == json.loads(new.stdout)


def test_a_process_in_a_terminal_has_it_for_itself():
    own = "import os; print(os.getsid(0) == os.getpid() == os.tcgetpgrp(0))"
    with Terminal(env=PLAIN, program=f"{FACTS}\n{own}", columns=9999) as terminal:
        code, (facts, is_own, _) = terminal.finish()
    assert (code, is_own) == (0, "True")
    for *_, is_terminal, is_written_by_line, _ in json.loads(facts)["streams"]:
        assert (is_terminal, is_written_by_line) == (True, True)


def test_a_process_ends_as_a_new_python_ends():
    assert run(env=PLAIN, program="")[0] == 0
    assert run(env=PLAIN, program="raise SystemExit(7)")[0] == 7
    assert run(env=PLAIN, program="import os; os.kill(os.getpid(), 9)")[0] == -9
    ending = "import atexit; atexit.register(print, 'end'); print('begin')"
    assert run(env=PLAIN, program=ending) == (0, b"begin\nend\n", b"")
    # Python writes what is left at its end, and says that it cannot.
    with open("/dev/full", "wb") as full:
        code, _, err = run(env=PLAIN, program="print('x')", stdout=full)
    assert (code, b"No space left on device" in err) == (120, True)


def test_a_process_is_read_and_written_to_and_ended_while_it_runs():
    echo = """
import sys
for line in sys.stdin:
    print(line.upper(), end="", flush=True)
"""
    with started(env=PLAIN, program=echo) as process:
        process.stdin.write(b"a\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"A\n"
        assert process.poll() is None
        process.terminate()
        assert process.wait() == -signal.SIGTERM
    with Process(env=PLAIN, program=echo) as process:
        process.stdin.write(b"a\nb")
        assert process.communicate() == (b"A\nB", b"")
        assert process.poll() == 0
