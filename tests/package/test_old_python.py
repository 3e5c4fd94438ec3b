"""A Python that is too old says so in one line.

Such a Python need not be here: this one pretends to be one, by a `sitecustomize` that
sets `sys.version_info` before anything else is imported.
"""

import ast
import os
import subprocess
import sys

import pytest
from helpers.package import ENV, FOLDER, NAME

TEXT = "promptjuggler needs Python 3.10 or newer, this is 3.9"
READ_BY_OLD_PYTHONS = ["__init__.py", "__main__.py", "_old_python.py"]


@pytest.fixture
def run(tmp_path):
    """Runs this Python with some arguments, as if it were the 3.9 of long ago."""
    pretend = "import sys\nsys.version_info = (3, 9, 18, 'final', 0)\n"
    (tmp_path / "sitecustomize.py").write_text(pretend)
    path = os.pathsep.join([str(tmp_path), ENV["PYTHONPATH"]])

    def run_python(*arguments):
        return subprocess.run(
            [sys.executable, *arguments],
            env={**ENV, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run_python


@pytest.mark.parametrize(
    "statement",
    [
        "import NAME",
        "from NAME import PromptJuggler",
        "import NAME.client",
        "from NAME.testing import FakeServer",
    ],
)
def test_importing_anything_is_an_import_error_that_names_both_versions(run, statement):
    code = f"""
try:
    {statement.replace("NAME", NAME)}
except ImportError as error:
    print(type(error).__name__, error)
"""
    result = run("-c", code)
    assert (result.stdout, result.stderr) == (f"ImportError {TEXT}\n", "")


@pytest.mark.parametrize("module", [NAME, f"{NAME}.testing", f"{NAME}.client"])
def test_running_a_module_prints_that_one_line_and_exits_with_two(run, module):
    result = run("-m", module, "--version")
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"{TEXT}\n")


def test_a_program_run_with_m_that_can_do_without_the_package_goes_on(run, tmp_path):
    program = tmp_path / "program"
    program.mkdir()
    attempt = f"try:\n    import {NAME}\nexcept ImportError:\n    print('without')\n"
    (program / "__init__.py").write_text(attempt)
    (program / "__main__.py").write_text("print('done')\n")
    result = run("-m", "program")
    assert (result.returncode, result.stdout) == (0, "without\ndone\n"), result.stderr


def test_an_old_python_loads_nothing_else_of_the_package(run):
    code = f"""
import sys
try:
    import {NAME}
except ImportError:
    pass
print(sorted(name for name in sys.modules if name.startswith("{NAME}.")))
"""
    assert run("-c", code).stdout == f"{[f'{NAME}._old_python']}\n"


@pytest.mark.parametrize("file", READ_BY_OLD_PYTHONS)
def test_what_an_old_python_reads_has_no_syntax_that_it_does_not_know(file):
    tree = ast.parse((FOLDER / file).read_text("utf-8"), feature_version=(3, 6))
    # What `feature_version` lets pass: Python 2.7 has no f-strings, and no annotations.
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not [node for node in functions if node.returns]
    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.JoinedStr, ast.AnnAssign))
    ]


def test_this_python_is_not_too_old():
    code = f"import sys, {NAME}; print(sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert f"{NAME}._old_python" not in ast.literal_eval(result.stdout)
