"""What the wheel and the sdist hold, built as for a release: `tox -e package`.

Of a checkout in which more lies than git tracks, as in the folder of anyone who works.
"""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STRAY = [
    ".env",
    "notes.md",
    "promptjuggler/.env",
    "promptjuggler/scratch.py",
    "promptjuggler/old/__init__.py",
    "promptjuggler/py.typed.bak",
    "promptjuggler_old/__init__.py",
    "tests/.env",
    "tests/test_scratch.py",
    "tests/notes.txt.bak",
    "tests/data/secret.key",
    "tests/data/customers.json",
    "tests/data/tls/private.pem",
    "tests/__pycache__/scratch.cpython-313.pyc",
    "build/lib/promptjuggler/removed.py",
    "promptjuggler.egg-info/SOURCES.txt",
]


def run(*command, cwd):
    """What a program prints; it must succeed."""
    result = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


TRACKED = set(run("git", "ls-files", "-z", cwd=ROOT).rstrip("\0").split("\0"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a wheel and an sdist; the wheel is built from the sdist."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in TRACKED:
        copy = checkout / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    run("git", "init", "--quiet", cwd=checkout)
    run("git", "add", "--all", cwd=checkout)
    for name in STRAY:
        stray = checkout / name
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_text("SECRET = 'of whoever works here'\n")
    target = tmp_path_factory.mktemp("built")
    command = ["build", "--no-isolation", "--outdir", str(target)]
    run(sys.executable, "-m", *command, cwd=checkout)
    return target


@pytest.fixture(scope="module")
def sdist(built):
    """The files of the sdist, as bytes by name."""
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = [member for member in archive if not member.isdir()]
        assert all(member.isfile() for member in members)
        return {
            member.name.partition("/")[2]: archive.extractfile(member).read()
            for member in members
        }


@pytest.fixture(scope="module")
def wheel(built):
    """The files of the wheel, as bytes by name."""
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata_of(wheel):
    """The metadata in a wheel: the name of its folder, and the fields."""
    (name,) = [name for name in wheel if name.endswith(".dist-info/METADATA")]
    return name.partition("/")[0], message_from_bytes(wheel[name])


def test_the_sdist_holds_all_that_git_tracks_and_nothing_else(sdist):
    made = {name for name in sdist if name.startswith("promptjuggler.egg-info/")}
    assert sdist.keys() - made - {"PKG-INFO"} == TRACKED
    # setuptools writes this one anew.
    for name in TRACKED - {"setup.cfg"}:
        assert sdist[name] == (ROOT / name).read_bytes(), name


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    folder, _ = metadata_of(wheel)
    package = {name for name in TRACKED if name.startswith("promptjuggler/")}
    assert {name for name in wheel if not name.startswith(folder)} == package
    for name in package:
        assert wheel[name] == (ROOT / name).read_bytes(), name


def test_the_wheel_has_the_license_and_the_command(wheel):
    folder, _ = metadata_of(wheel)
    of_the_wheel, of_the_folder = sorted(
        (name for name in wheel if name.endswith("/LICENSE")), key=len, reverse=True
    )
    assert of_the_wheel.startswith(folder)
    assert of_the_folder == "promptjuggler/LICENSE"
    text = (ROOT / "LICENSE").read_bytes()
    assert wheel[of_the_wheel] == wheel[of_the_folder] == text
    commands = wheel[f"{folder}/entry_points.txt"].decode()
    assert "promptjuggler = promptjuggler._cli:main" in commands


def test_the_wheel_needs_nothing_but_python(wheel):
    folder, metadata = metadata_of(wheel)
    assert metadata.get_all("Requires-Dist") is None
    assert metadata["Requires-Python"] == ">=3.10"
    assert b"Tag: py3-none-any\n" in wheel[f"{folder}/WHEEL"]


def test_the_page_of_the_wheel_is_the_readme(wheel):
    _, metadata = metadata_of(wheel)
    assert metadata["Description-Content-Type"] == "text/markdown"
    readme = (ROOT / "README.md").read_text("utf-8")
    page = metadata.get_payload(decode=True).decode("utf-8")
    assert page.strip() == readme.strip()


def test_an_index_takes_both_and_shows_the_page(built):
    files = sorted(map(str, built.iterdir()))
    said = run(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=built)
    assert said.count("PASSED") == 2


def test_the_sizes_are_told(built, capsys):
    """Told and not bounded: the wheel is as large as plain code makes it."""
    sizes = [f"{path.name}: {path.stat().st_size:,} bytes" for path in built.iterdir()]
    with capsys.disabled():
        print("", *sorted(sizes), sep="\n")
    assert len(sizes) == 2
