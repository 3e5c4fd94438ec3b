"""The build backend: setuptools, but for one thing.

In a checkout, an sdist holds the files that git tracks and no others: none of the keys
and notes that may lie beside them, whatever the patterns of MANIFEST.in say of them.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]


def build_sdist(
    sdist_directory: str, config_settings: dict[str, Any] | None = None
) -> str:
    """Build the sdist, from a copy of what git tracks; gives the name of its file.

    What was an sdist before is no checkout: all of it is the project's.
    """
    if not Path(".git").exists():
        return build_meta.build_sdist(sdist_directory, config_settings)
    target, here = Path(sdist_directory).absolute(), Path.cwd()
    with tempfile.TemporaryDirectory() as copy:
        for name in _tracked():
            place = Path(copy, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, place)
        # setuptools builds where it is.
        os.chdir(copy)
        try:
            return build_meta.build_sdist(str(target), config_settings)
        finally:
            os.chdir(here)


def _tracked() -> list[str]:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return os.fsdecode(listed).rstrip("\0").split("\0")
