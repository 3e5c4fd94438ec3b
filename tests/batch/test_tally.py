"""What a batch has come to, as whoever interrupts it sees it."""

import subprocess
import sys

from helpers.package import ENV, NAME
from helpers.servers import PATIENCE

# A handler runs in the thread that iterates, between any two steps of it.
INTERRUPTED = """
import os, signal
from NAME._batch.tally import Tally

tally = Tally()
shown = []
signal.signal(signal.SIGUSR1, lambda number, frame: shown.append(tally.counts()))

class Run:
    cost = None

    @property
    def status(self):
        os.kill(os.getpid(), signal.SIGUSR1)
        return "completed"

tally.began()
tally.ended(Run(), None)
print(len(shown), tally.counts())
"""

# The same through what is public, in a place that is left to chance: signals come all the
# time, while results are given from a journal.
INTERRUPTED_OFTEN = """
import signal, sys
from NAME import PromptJuggler
url, key, path = sys.argv[1:]
rows = [{"name": str(number)} for number in range(300)]
shown = []
with PromptJuggler(key, base_url=url, proxy=False) as pj:
    with pj.run_prompts("greeting", 1, rows, journal=path) as batch:
        list(batch)
    batch = pj.run_prompts("greeting", 1, rows, journal=path)
    signal.signal(signal.SIGALRM, lambda number, frame: shown.append(batch.counts))
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    with batch:
        given = len(list(batch))
    signal.setitimer(signal.ITIMER_REAL, 0.0)
print(given, len(shown) > 10, batch.counts.done)
"""


def shown_by(code, *arguments):
    """What a process that runs code prints, with NAME as the name of the package."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code.replace("NAME", NAME), *arguments],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.stderr == ""
    return result.stdout


def test_a_signal_handler_can_read_the_counts_while_they_are_changed():
    assert shown_by(INTERRUPTED) == "1 (1, 0, 0, 0)\n"


def test_a_signal_handler_can_read_the_counts_at_any_time(server, path):
    shown = shown_by(INTERRUPTED_OFTEN, server.url, server.api_key, str(path))
    assert shown == "300 True 300\n"
