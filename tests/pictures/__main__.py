"""`python3 -m tests.pictures`: draw the pictures of the command line anew, or one of a command of yours.

    python3 -m tests.pictures
    python3 -m tests.pictures --to FILE.svg --until "Hello, A" "python3 -m promptjuggler --demo ..."

A command runs in a shell, in a folder with a `names.csv` of two hundred names, with the account of a
stand-in. A picture is that of its end or,
with `--until`, of the moment when it has written so much.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from promptjuggler.testing import FakeServer

from .drawing import svg
from .recording import recorded
from .screen import Screen

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COLUMNS = 84
PROMPT = "\x1b[32m$\x1b[m "
PROGRAM = "python3 -m promptjuggler"
NAMES = "name\n" + "".join(f"Guest {number}\n" for number in range(1, 201))


class Picture:
    """A picture that is drawn.

    file     its name
    command  as it is typed
    until    a pattern: the picture is of the moment when it has been written; or None, of the end
    """

    __slots__ = ("command", "file", "until")

    def __init__(self, file: Path, command: str, until: str | None) -> None:
        self.file = file
        self.command = command
        self.until = until


PICTURES = [
    Picture(
        HERE / "stream.svg",
        f"{PROGRAM} --demo run-prompt greeting production name=Ada --stream",
        "Hello,",
    ),
    Picture(
        HERE / "batch.svg",
        f"{PROGRAM} run-prompts greeting production names.csv > answers.jsonl",
        r"[6-9]\d of 200 done[^\r]*",
    ),
]
"""Those of the README."""


def written_by(command: str, columns: int = COLUMNS, run_seconds: float = 0.2) -> str:
    """What a command writes to a terminal: this package's, by this Python."""
    python = f"{shlex.quote(sys.executable)} -m promptjuggler"
    line = command.replace(PROGRAM, python)
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME")
    }
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeServer(run_seconds=run_seconds) as server,
    ):
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        Path(folder, "names.csv").write_text(NAMES, "utf-8")
        env = {
            **kept,
            "PROMPTJUGGLER_API_KEY": server.api_key,
            "PROMPTJUGGLER_BASE_URL": server.url,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join([*_path_of_python(), str(ROOT)]),
        }
        return recorded(["sh", "-c", line], Path(folder), env, columns)


def _path_of_python() -> list[str]:
    """The folders of PYTHONPATH, for a process in another folder."""
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [os.path.abspath(folder) for folder in folders if folder]


def draw(picture: Picture, columns: int = COLUMNS) -> str:
    """The picture, as text."""
    written = written_by(picture.command, columns)
    if picture.until is not None:
        moment = re.search(picture.until, written)
        if not moment:
            raise ValueError(f"{picture.until!r} is not in {written!r}")
        written = written[: moment.end()]
    screen = Screen(columns)
    screen.write(f"{PROMPT}{picture.command}\r\n{written}")
    return svg(screen, picture.command, cursor=picture.until is not None)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.pictures", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--to", metavar="FILE", help="draw one picture, of COMMAND")
    parser.add_argument(
        "--until", metavar="PATTERN", help="at the moment when this has been written"
    )
    parser.add_argument("command", nargs="?", metavar="COMMAND", default="")
    options = parser.parse_args(arguments)
    pictures = PICTURES
    if options.to:
        pictures = [Picture(Path(options.to), options.command, options.until)]
    for picture in pictures:
        picture.file.write_text(draw(picture), "utf-8")


if __name__ == "__main__":
    main()
