"""The command line: `python3 -m promptjuggler`, or `promptjuggler` where it is installed.

The only folder that prints or exits; the package does without it. One call goes through
its modules like this:

    tables      say what can be asked for, in the terms of `kinds`
    arguments   reads what was
    commands    carries it out: by `runs`, `batches`, `waits` and `documents`, all of it on
    session     which has the client or the stand-in, and says how it goes
    results     prints a run, and ends the command as that ended
    exits       says how it ended, in all cases: the exit code and the last line

What these use:

    inputs      reads files, standard input and NAME=VALUE arguments
    rows        reads a file of inputs, a run for each row
    files       is what is uploaded
    demo        is the stand-in, and what is asked of it
    trust       reads the certificates of --ca-file
    output      writes results and notes, whatever becomes of the streams
    line        is drawn in a terminal while something goes on
    watching    writes a line for each request, and the bodies of errors
    bar         tells how many runs go
    sums        writes what has come of them, and adds it up
    amounts     are times and sums of money in words
    advice      has the words of options for what the client says to programs
    signals     end a command as Ctrl-C does
    program     knows how we were called, and makes commands to be pasted into a shell
    again       is the same command once more, as one of those
    completion  makes the scripts by which shells complete commands

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
