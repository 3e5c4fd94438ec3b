"""The command line: `python3 -m promptjuggler`, or `promptjuggler` where it is installed.

The only folder that prints or exits; the package does without it. One call goes through
its modules like this:

    tables      say what can be asked for, in the terms of `kinds`
    arguments   reads what was; `program` knows the name by which we were called
    commands    carries it out: `runs`, `waits`, `documents`, `batches`, on
    session     which has the client or the stand-in, `progress` to show, and on
    inputs      which reads files, standard input and NAME=VALUE arguments
    rows        which reads a file of inputs; `bar` and `sums` tell of many runs
    results     prints runs, with
    output      which writes results and notes
    exits       says how it ended: the exit code and the last line, by `signals` too

Help, version and usage errors load argparse and nothing else that takes time: what a
command needs is imported when it is carried out.
"""

from __future__ import annotations

import sys

from .arguments import parse
from .exits import DONE, WRONG_USAGE, Interrupted, Progress, exit_for
from .output import print_note, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .arguments import Arguments
    from .signals import Signals

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Carry out what the arguments say, and give the exit code.

    argv    the arguments without the name of the program; None is for those of the
            process

    Nothing is raised: what goes wrong is one line on standard error. While it runs, and
    in the main thread, SIGTERM and SIGHUP end it as Ctrl-C does, unless they are ignored
    or handled already.
    """
    progress = Progress()
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        if args.answer:
            write(sys.stdout, args.answer)
            return DONE
        if not args.command:
            write(sys.stderr, args.needed)
            return WRONG_USAGE
        return _carried_out(args, progress)
    except (Exception, KeyboardInterrupt) as error:
        return _ended_by(error, progress)


def _carried_out(args: Arguments, progress: Progress) -> int:
    """Carry out a command, with signals handled; gives the exit code."""
    from .commands import carry_out
    from .signals import Signals

    def last_words(code: int) -> None:
        _ended_by(Interrupted(code), progress)

    signals = Signals(last_words)
    try:
        signals.install()
        try:
            carry_out(args, progress)
            return DONE
        except (Exception, KeyboardInterrupt) as error:
            return _ended_by(_cause(error, signals), progress)
        finally:
            signals.is_said = True
    finally:
        signals.restore()


def _cause(error: BaseException, signals: Signals) -> BaseException:
    """What ended a command: the signal, also where something broke on the way out."""
    return Interrupted(signals.received) if signals.received else error


def _ended_by(error: BaseException, progress: Progress) -> int:
    """Write the last line, and give the exit code."""
    code, text = exit_for(error, progress)
    if text:
        print_note(text)
    return code
