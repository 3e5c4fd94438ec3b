"""What users get: a wheel without dependencies, and a folder that works under any name, in a zip too.

What the wheel holds, `test_distribution.py` looks at. The Pythons that are named in several places
are held against the classifiers here.
"""

import configparser
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import benchmarks.environment
import pytest
from helpers.calls import at_once
from helpers.package import ENV, FOLDER, NAME

import promptjuggler

ROOT = Path(__file__).parents[2]

# What a user's program does, in a copy of the package under the name PACKAGE.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
import copy, pickle
import PACKAGE as package
from PACKAGE import ApiError, PromptJuggler, PromptRun, RunStatus, WaitTimeout, verify_webhook_signature
from PACKAGE.testing import FakeServer, sign_webhook

assert package.__file__.startswith(sys.argv[1]), package.__file__
assert repr(PromptJuggler("secret-key")).count("secret-key") == 0

pending = PromptRun.from_json(
    '{"id": "0190d5a8-7d4e-7c11-8d0f-5a5b0d6f2c3e", "status": "brewing", "createdAt": "2026-01-02T03:04:05.678Z",'
    ' "emitted": [], "transcript": [{"type": "text", "content": "Hi", "citations": []}, {"type": "dance"}]}'
)
assert pending.status == "brewing" and pending.transcript[0].content == "Hi"
errors = [ApiError("gone", 410), WaitTimeout("late", last=pending)]
for value in [pending, RunStatus.PENDING, RunStatus("brewing"), *errors]:
    again = pickle.loads(pickle.dumps(value))
    assert type(again) is type(value) and str(again) == str(value)
assert pickle.loads(pickle.dumps(pending)) == copy.deepcopy(pending) == pending

assert verify_webhook_signature("{}", sign_webhook("{}", "s"), "s")
assert not verify_webhook_signature("{}", sign_webhook("{}", "s"), "t")

with FakeServer() as server:
    server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
    with PromptJuggler(server.api_key, base_url=server.url) as client:
        started = client.run_prompt("greeting", "production", {"name": "Ada"})
        run = client.wait_for_prompt_run(started.id, poll_interval=0.02)
        assert (run.status, run.output) == (RunStatus.COMPLETED, "Hello, Ada!")
        try:
            client.get_prompt("no-such-prompt", 1)
        except ApiError as error:
            assert error.status_code == 404
        else:
            raise AssertionError("no error")

# The last is what a distributor of Python 3.15 says of modules that it left out; `traceback` loads it.
known = sys.stdlib_module_names | {"__main__", "__mp_main__", "_missing_stdlib_info"}
strangers = {name.partition(".")[0] for name in sys.modules} - known
assert strangers == {"PACKAGE".partition(".")[0]}, strangers
assert "PACKAGE" == "promptjuggler" or "promptjuggler" not in sys.modules
print("done")
"""

NAMES = ["promptjuggler", "pj", "acme._vendor.promptjuggler", "acme.client"]
# In a zip, where nothing is compiled, each takes its time.
NAMES_IN_ZIPS = ["pj", "acme._vendor.promptjuggler"]


def copy_package(folder, name, *unwanted):
    """A copy of the package under test as the package `name` in `folder`.

    It comes with its compiled files, unless they are unwanted.
    """
    target = folder.joinpath(*name.split("."))
    shutil.copytree(FOLDER, target, ignore=shutil.ignore_patterns(*unwanted))
    return folder


def assert_works(place, name, tmp_path):
    """The program above runs, without a warning or a word.

    The interpreter has no site-packages, and takes nothing from the environment.
    """
    command = [
        sys.executable,
        "-I",
        "-S",
        "-W",
        "error",
        "-c",
        PROGRAM.replace("PACKAGE", name),
        str(place),
    ]
    result = subprocess.run(
        command, env=ENV, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (result.stdout, result.stderr, result.returncode) == ("done\n", "", 0)


def test_a_copy_of_the_folder_works_under_any_name(tmp_path):
    at_once(
        lambda name: assert_works(copy_package(tmp_path / name, name), name, tmp_path),
        NAMES,
    )


def test_a_copy_inside_a_zip_works_under_any_name(tmp_path):
    archives = {
        name: shutil.make_archive(
            str(tmp_path / name),
            "zip",
            copy_package(tmp_path / f"place of {name}", name, "__pycache__"),
        )
        for name in NAMES_IN_ZIPS
    }
    at_once(lambda name: assert_works(archives[name], name, tmp_path), archives)


def test_a_copy_on_a_read_only_disk_works_without_compiled_files(tmp_path):
    place = copy_package(tmp_path / "place", "promptjuggler", "__pycache__")
    folders = [folder for folder, _, _ in os.walk(place)]
    try:
        for folder in folders:
            os.chmod(folder, 0o555)
        assert_works(place, "promptjuggler", tmp_path)
    finally:
        for folder in folders:
            os.chmod(folder, 0o755)


def test_two_copies_in_one_process_do_not_meet(tmp_path):
    copy_package(tmp_path, "one")
    copy_package(tmp_path, "two")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import one, two\n"
        "assert one.ApiError is not two.ApiError and one.RunStatus is not two.RunStatus\n"
        "assert not {n for n in sys.modules if n.partition('.')[0] == 'promptjuggler'}"
    )
    subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code, str(tmp_path)],
        check=True,
        timeout=60,
    )


def test_every_file_compiles_without_a_warning_and_is_utf_8():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in FOLDER.rglob("*.py"):
            compile(path.read_text("utf-8"), str(path), "exec", dont_inherit=True)


def test_no_module_names_the_package_by_its_own_name_to_import_it():
    for path in FOLDER.rglob("*.py"):
        code = path.read_text("utf-8").split('"""')[
            ::2
        ]  # without docstrings, whose examples do
        assert not re.search(
            r"^\s*(from|import) promptjuggler\b", "".join(code), re.MULTILINE
        ), path.name


def metadata():
    """The metadata of the package: of the wheel where it is installed, else what setup.cfg says."""
    try:
        installed = importlib.metadata.distribution("promptjuggler")
    except importlib.metadata.PackageNotFoundError:
        installed = None
    if (
        installed is not None
        and Path(installed.locate_file("promptjuggler")).resolve() == FOLDER.resolve()
    ):
        return {
            "name": installed.metadata["Name"],
            "version": installed.version,
            "python": installed.metadata["Requires-Python"],
            "requires": installed.requires or [],
            "home": [
                url.rpartition(" ")[2]
                for field in ("Home-page", "Project-URL")
                for url in installed.metadata.get_all(field) or []
            ],
        }
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert config["metadata"]["version"] == "attr: promptjuggler.__version__"
    return {
        "name": config["metadata"]["name"],
        "version": promptjuggler.__version__,
        "python": config["options"]["python_requires"],
        "requires": config["options"].get("install_requires", "").split(),
        "home": [config["metadata"]["url"]],
    }


def test_the_metadata_names_the_version_of_the_package_and_no_dependency():
    found = metadata()
    assert found["name"] == "promptjuggler"
    assert found["version"] == promptjuggler.__version__
    assert found["python"] == ">=3.10"
    assert found["requires"] == []
    assert "https://promptjuggler.com" in found["home"]


def test_the_version_is_a_literal_that_the_changelog_has():
    literal = re.search(
        r'^__version__ = "(\d+\.\d+\.\d+)"$',
        (FOLDER / "__init__.py").read_text("utf-8"),
        re.MULTILINE,
    )
    assert literal
    assert literal[1] == promptjuggler.__version__
    assert literal[1] in [version for version, _ in changelog()]


# That of README.md, test_readme.py tries.
@pytest.mark.parametrize("file", ["tests/README.md", "tests/benchmarks/README.md"])
def test_a_link_or_picture_of_a_readme_leads_to_a_file(file):
    text = (ROOT / file).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith(("https:", "http:")):
            assert ((ROOT / file).parent / target).is_file(), target


def changelog():
    """The versions in the changelog, from the newest on, each with the headings below it."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    _, *parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return [
        (re.sub(r"[\[\]]| - \d{4}-\d\d-\d\d$", "", heading), part)
        for heading, part in zip(parts[::2], parts[1::2], strict=True)
    ]


def test_the_changelog_has_the_form_of_keep_a_changelog():
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    versions = [version for version, _ in changelog()]
    numbered = [version for version in versions if version != "Unreleased"]
    assert versions[len(versions) - len(numbered) :] == numbered
    by_number = [tuple(map(int, version.split("."))) for version in numbered]
    assert by_number == sorted(set(by_number), reverse=True)
    for version, part in changelog():
        headings = re.findall(r"^#+ (.*)$", part, re.MULTILINE)
        assert set(headings) <= {*kinds}, version
        assert len(headings) == len({*headings}), version


def test_the_license_travels_with_the_folder():
    """A copied folder has it, as has a zip: so it stands in both places."""
    assert (FOLDER / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_every_folder_with_modules_is_a_package():
    """Else the wheel would lack it, and only the wheel."""
    folders = {path.parent for path in FOLDER.rglob("*.py")}
    assert {
        folder for folder in folders if not (folder / "__init__.py").exists()
    } == set()


def setting(file, pattern):
    """What a file of the project says where the pattern, with one group, matches."""
    (found,) = re.findall(pattern, (ROOT / file).read_text("utf-8"), re.MULTILINE)
    return found


def classifiers():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config["metadata"]["classifiers"].strip().splitlines()


# The one list of versions.
VERSIONS = [
    name.rpartition(" ")[2]
    for name in classifiers()
    if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", name)
]
LOWEST, HIGHEST = VERSIONS[0], VERSIONS[-1]


def test_the_versions_are_all_from_the_lowest_to_the_highest():
    lowest, highest = (int(version.partition(".")[2]) for version in (LOWEST, HIGHEST))
    assert [f"3.{minor}" for minor in range(lowest, highest + 1)] == VERSIONS
    assert setting("setup.cfg", r"^python_requires = (.*)$") == f">={LOWEST}"


def test_the_tests_run_on_each_version_and_in_the_checks_of_every_change():
    environments = setting("tox.ini", r"^env_list = (.*)$").split(", ")
    named = [name for name in environments if re.fullmatch(r"py\d+", name)]
    assert named == [f"py{version.replace('.', '')}" for version in VERSIONS]
    of_pyenv = setting(".ci/run", r"^pyenv_versions=\((.*)\)$").split()
    newest = setting(".ci/run", r"^unstable_versions=\((.*)\)$").split()
    assert sorted({*of_pyenv, *newest}, key=VERSIONS.index) == VERSIONS
    assert setting(".ci/newest-pythons", r"^versions=\((.*)\)$").split() == newest


def test_the_benchmarks_and_the_readme_name_the_same_versions():
    assert list(benchmarks.environment.VERSIONS) == VERSIONS
    said = setting("README.md", r"CPython (3\.\d+ to 3\.\d+)\.")
    assert said == f"{LOWEST} to {HIGHEST}"


def test_checkers_take_the_lowest_version_for_the_one_that_runs():
    assert setting("pyproject.toml", r'^python_version = "(.*)"$') == LOWEST
    assert (
        setting("tests/typing/pyrightconfig.json", r'"pythonVersion": "(.*)"') == LOWEST
    )
    target = setting("pyproject.toml", r'^target-version = "(.*)"$')
    assert target == f"py{LOWEST.replace('.', '')}"


def test_the_settings_of_the_tools_and_the_metadata_stand_in_one_place_each():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert {name.partition(".")[0] for name in config.sections()} == {
        "metadata",
        "options",
    }
    tables = re.findall(
        r"^\[(\w[\w-]*)", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert set(tables) == {"build-system", "tool"}


def test_type_checkers_are_told_that_the_package_is_typed():
    assert (FOLDER / "py.typed").read_bytes() == b""


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_nothing_depends_on_assertions_or_docstrings(flag):
    code = f"import {NAME} as p; [getattr(p, name) for name in dir(p)]; p.PromptJuggler('k')"
    subprocess.run(
        [sys.executable, flag, "-W", "error", "-c", code],
        env=ENV,
        check=True,
        timeout=60,
    )
