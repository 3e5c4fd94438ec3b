"""What is measured, and where: the Pythons, an empty environment, the published package, and copies of ours.

Everything is made in a temporary folder, but for the published package: it is installed once for each Python, into a
folder of this program's own among the user's caches.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .measure import Effort
from .process import HERE, Failed, Process, whole
from .report import FLOOR, OURS, PEER as PEER_NAME

PEER = "promptjuggler==1.7.0"
VERSIONS = tuple(
    re.findall(
        r"^ *Programming Language :: Python :: (3\.\d+)$",
        (HERE.parents[1] / "setup.cfg").read_text("utf-8"),
        re.MULTILINE,
    )
)
"""Of the classifiers."""
TLS = HERE.parent / "data" / "tls"
WORKER = (HERE / "worker.py").read_text("utf-8")

# That it is the right package which is measured.
_FOUND = "import sys, promptjuggler; assert promptjuggler.__file__.startswith(sys.argv[1]), promptjuggler.__file__"

# Of the machine's environment, what a process needs to start. All else could change what is measured.
_NEEDED = ("HOME", "PATH", "LD_LIBRARY_PATH", "TMPDIR")
BARE = {name: os.environ[name] for name in _NEEDED if name in os.environ} | {
    "LANG": "C.UTF-8"
}


@dataclass(frozen=True)
class Subject:
    """One of those that are compared: a Python, and the environment in which it finds the package, or none.

    `folder` is empty: Python looks there first, and must not find the package of the project.
    """

    python: str
    env: dict[str, str]
    folder: Path

    def start(self, code: str, *arguments: str) -> float:
        """The seconds of a whole process that runs `code`."""
        return whole([self.python, "-c", code, *arguments], self.env, self.folder)

    def worker(self) -> Process:
        """A process that takes the orders of `worker.py`."""
        return self.process(WORKER)

    def process(self, code: str, *arguments: str, **env: str) -> Process:
        """A process that runs `code`, which takes orders."""
        return Process(
            [self.python, "-c", code, *arguments], self.env | env, self.folder
        )


class Python:
    """One CPython, with an environment in which nothing is installed: what its own has would be measured too."""

    def __init__(
        self, executable: str, version: str, work: Path, trusted: Path
    ) -> None:
        self.executable, self.version = executable, version
        empty = work / f"empty-{version}"
        subprocess.run(
            [executable, "-m", "venv", "--without-pip", empty], check=True, env=BARE
        )
        self.interpreter = str(empty / "bin" / "python")
        self._folder = work / "nothing"
        self._folder.mkdir(exist_ok=True)
        self._env = BARE | {"SSL_CERT_FILE": str(trusted)}

    def finding(self, path: Path | None, *, caches: bool = True) -> Subject:
        """This Python, with a folder or a zip to import from; without `caches`, it writes no compiled modules."""
        env = dict(self._env)
        if path:
            env["PYTHONPATH"] = str(path)
        if not caches:
            env["PYTHONDONTWRITEBYTECODE"] = "1"
        subject = Subject(self.interpreter, env, self._folder)
        if path:
            subject.start(_FOUND, str(path))
        return subject


class Bench:
    """Everything that a group of rows needs."""

    def __init__(self, package: Path, work: Path, effort: Effort, peer: bool) -> None:
        self.package, self.work, self.effort = package, work, effort
        self.with_peer = peer
        self.missing = "" if peer else "left out (--no-peer)"
        self.trusted = work / "trusted.pem"
        _write_certificates(self.trusted)
        self.python = Python(
            sys.executable, ".".join(map(str, sys.version_info[:3])), work, self.trusted
        )
        self.source, self.compiled, self.archive = (
            work / "source",
            work / "compiled",
            work / "source.zip",
        )
        self._copy_package()
        self._compile(self.python)
        self.ours = self.python.finding(self.compiled)
        self.floor = self.python.finding(None)
        self.peer = self.peer_of(self.python)

    def peer_of(self, python: Python) -> Subject | None:
        """The published package under a Python; None where it is left out or cannot be installed, see `missing`."""
        try:
            return python.finding(_installed_peer(python)) if self.with_peer else None
        except Failed as error:
            self.missing = f"could not be installed: {error}"
            return None

    def subjects(self) -> dict[str, Subject]:
        """Those that are compared, by the names that reports have for them."""
        every = {OURS: self.ours, PEER_NAME: self.peer, FLOOR: self.floor}
        return {name: subject for name, subject in every.items() if subject}

    def pythons(self) -> Iterator[tuple[Python, Subject]]:
        """Every CPython of VERSIONS that is there, and our package under it."""
        for executable, version in found_pythons():
            same = version == self.python.version
            python = (
                self.python
                if same
                else Python(executable, version, self.work, self.trusted)
            )
            self._compile(python)
            yield python, python.finding(self.compiled)

    def server(self) -> Process:
        """A new server, and its ports by scheme in `answer()`."""
        from .documents import answers

        server = Process([sys.executable, str(HERE / "server.py")], BARE, self.work)
        server.send({"answers": answers(), "certificate": str(TLS / "server.pem")})
        return server

    def _copy_package(self) -> None:
        for folder in (self.source, self.compiled):
            shutil.copytree(
                self.package,
                folder / "promptjuggler",
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        with zipfile.ZipFile(self.archive, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.source.rglob("*.py")):
                archive.write(path, path.relative_to(self.source))

    def _compile(self, python: Python) -> None:
        command = [python.interpreter, "-m", "compileall", "-q", str(self.compiled)]
        subprocess.run(command, check=True, env=BARE, stdout=subprocess.DEVNULL)


def found_pythons() -> list[tuple[str, str]]:
    """The CPythons of VERSIONS on this machine, as (executable, version): pyenv's, or those on the PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = {}
    for minor in VERSIONS:
        by_patch = sorted(
            pyenv.glob(f"{minor}.*/bin/python3"),
            key=lambda path: _numbers(path.parts[-3]),
        )
        for candidate in [
            *map(str, reversed(by_patch)),
            shutil.which(f"python{minor}"),
        ]:
            version = _version(candidate) if candidate else ""
            if candidate and version.startswith(f"{minor}."):
                found[minor] = (candidate, version)
                break
    return list(found.values())


def _numbers(text: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", text)]


def _version(python: str) -> str:
    """The version of a Python, or nothing where it is no CPython or does not run."""
    code = "import platform as p; print(p.python_version() if p.python_implementation() == 'CPython' else '')"
    try:
        return subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=30, env=BARE
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _write_certificates(path: Path) -> None:
    """What the system trusts, and our own authority: reading all of it is what a TLS context costs in real life."""
    system = ssl.get_default_verify_paths().cafile
    path.write_bytes(
        (Path(system).read_bytes() if system else b"")
        + b"\n"
        + (TLS / "ca.pem").read_bytes()
    )


def cache_folder() -> Path:
    """Where the published package is kept from one run to the next."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "promptjuggler-benchmarks"


def _installed_peer(python: Python) -> Path:
    """The folder from which the published package can be imported; pip installs it where it is not there yet."""
    pip = with_pip(python)
    done = Path(pip).parents[1] / f"has-{PEER}"
    if not done.exists():
        run_pip([pip, "-m", "pip", "install", "--quiet", PEER])
        done.touch()
    # Imported from there by the interpreter of the empty environment, so that pip and what comes with it add nothing.
    (packages,) = done.parent.glob("lib/python*/site-packages")
    return packages


def with_pip(python: Python) -> str:
    """A Python with pip, in a virtual environment of its own."""
    folder = cache_folder() / f"cpython-{python.version}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        run_pip([python.executable, "-m", "venv", str(folder)])
        (folder / "complete").touch()
    return str(folder / "bin" / "python")


def run_pip(command: list[str], folder: Path | None = None) -> None:
    """Run a command that needs the settings which this machine has for pip. Raises `Failed` with what it said."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON")
    }
    result = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True
    )
    if result.returncode:
        raise Failed((result.stderr.strip().splitlines() or ["no reason given"])[-1])
