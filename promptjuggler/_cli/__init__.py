"""The command line: `python3 -m promptjuggler`, or `promptjuggler` where it is installed.

The only folder that prints or exits; the package does without it. One call goes through
its modules like this:

    tables      say what can be asked for
    arguments   reads what was
    commands    carries it out, with `runs` for what is waited for, on
    session     which has the client or the stand-in, and on
    inputs      which reads files, standard input and NAME=VALUE arguments
    output      writes results, notes and progress
    exits       says how it ended: the exit code and the last line

Help, version and usage errors load argparse and nothing else that takes time: what a
command needs is imported when it is carried out.
"""

from __future__ import annotations

import sys

from .arguments import parse
from .exits import DONE, Progress, exit_for
from .output import print_note, write

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Carry out what the arguments say, and give the exit code.

    argv    the arguments without the name of the program; None is for those of the
            process

    Nothing is raised: what goes wrong is one line on standard error.
    """
    progress = Progress()
    try:
        args = parse(sys.argv[1:] if argv is None else argv)
        if args.answer:
            write(sys.stdout, args.answer)
        else:
            from .commands import carry_out

            carry_out(args, progress)
    except (Exception, KeyboardInterrupt) as error:
        code, text = exit_for(error, progress)
        if text:
            print_note(text)
        return code
    return DONE
