"""Wheels: how large they are and what they need."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .environment import PEER, Bench, run_pip, with_pip
from .process import HERE, Failed
from .report import Fact

ROOT = HERE.parents[1]


def measure(bench: Bench) -> Iterator[Fact]:
    """The wheel, built by pip from a copy of the project, and what pip fetches for the published package."""
    goal = "no dependency"
    try:
        (ours,) = _built(bench)
    except Failed as error:
        yield Fact("wheel", f"not measured: {error}", goal=goal)
        return
    numbers: dict[str, object] = {
        "bytes": ours.stat().st_size,
        "dependencies": _dependencies(ours),
    }
    peer = ""
    if bench.peer:
        try:
            wheels = _fetched(bench)
            sizes = {wheel.name: wheel.stat().st_size for wheel in wheels}
            own = next(
                size
                for name, size in sizes.items()
                if name.startswith("promptjuggler-")
            )
            peer = f"{own / 1000:.1f} KB, with its {len(sizes) - 1} dependencies {sum(sizes.values()) / 1e6:.1f} MB"
            numbers["peer"] = sizes
        except Failed as error:
            peer = f"not measured: {error}"
    needs = f"{len(_dependencies(ours)) or 'no'} dependencies"
    size = f"{ours.stat().st_size / 1000:.1f} KB, {needs}"
    yield Fact("wheel", size, peer, goal, numbers, not _dependencies(ours))


def _built(bench: Bench) -> list[Path]:
    tree, wheels = bench.work / "tree", bench.work / "wheels"
    shutil.copytree(
        bench.package,
        tree / "promptjuggler",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    shutil.copytree(ROOT / ".ci", tree / ".ci")
    pip = with_pip(bench.python)
    run_pip(
        [
            pip,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            str(wheels),
            str(tree),
        ]
    )
    return list(wheels.glob("*.whl"))


def _fetched(bench: Bench) -> list[Path]:
    folder = bench.work / "peer-wheels"
    pip = with_pip(bench.python)
    run_pip(
        [
            pip,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--only-binary",
            ":all:",
            "--dest",
            str(folder),
            PEER,
        ]
    )
    return list(folder.glob("*.whl"))


def _dependencies(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [
            name for name in archive.namelist() if name.endswith(".dist-info/METADATA")
        ]
        return re.findall(
            r"^Requires-Dist: (.+)$", archive.read(name).decode(), re.MULTILINE
        )
