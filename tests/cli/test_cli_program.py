"""The name by which the program was called: in usage, hints and commands to paste."""

import os
import re
import shutil
import subprocess
import sys
import threading

import pytest
from helpers.commandline import PLAIN, account, run, run_pasted
from helpers.package import ENV, FOLDER, NAME
from helpers.servers import PATIENCE

from promptjuggler._cli.output import print_note
from promptjuggler._cli.program import quoted

SCRIPT = f"""#!{sys.executable}
import sys
from {NAME}._cli import main
sys.exit(main())
"""


@pytest.fixture
def script(tmp_path):
    """What an installer puts on the PATH; its folder has a space and a quote."""
    folder = tmp_path / "it's a bin"
    folder.mkdir()
    path = folder / "promptjuggler"
    path.write_text(SCRIPT, "utf-8")
    path.chmod(0o755)
    return path


def usage_of(command, env=PLAIN, cwd=None):
    """How the help of a call names the program."""
    done = subprocess.run(
        [*command, "--help"], env=env, cwd=cwd, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return re.match(r"usage: (.*) COMMAND ", done.stdout.decode())[1]


def test_a_module_that_is_run_has_the_name_of_the_python_that_was_called(tmp_path):
    assert usage_of([sys.executable, "-m", NAME]) == f"{sys.executable} -m {NAME}"
    link = tmp_path / "python3"
    link.symlink_to(sys.executable)
    called = [str(link), "-W", "error", "-m", NAME]
    assert usage_of(called, env={**PLAIN, "PYTHONHOME": ""}) == f"{link} -m {NAME}"


def test_a_copy_in_another_package_has_its_own_name(tmp_path):
    vendored = tmp_path / "acme" / "_vendor"
    vendored.mkdir(parents=True)
    for folder in (vendored.parent, vendored):
        (folder / "__init__.py").touch()
    shutil.copytree(FOLDER, vendored / "promptjuggler")
    env = {**PLAIN, "PYTHONPATH": str(tmp_path)}
    called = [sys.executable, "-m", "acme._vendor.promptjuggler"]
    assert usage_of(called, env=env) == " ".join(called)


def test_a_script_on_the_path_has_its_name_alone(script):
    env = {**PLAIN, "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"}
    assert usage_of([script], env=env) == "promptjuggler"


def test_a_script_that_a_shell_would_not_find_has_its_path_in_quotes(script, tmp_path):
    elsewhere = {**PLAIN, "PATH": os.environ["PATH"]}
    quoted = "'" + str(script).replace("'", "'\"'\"'") + "'"
    assert usage_of([script], env=elsewhere) == quoted
    # Nor if it would find another one.
    other = tmp_path / "bin" / "promptjuggler"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n", "utf-8")
    other.chmod(0o755)
    folders = [str(other.parent), str(script.parent), os.environ["PATH"]]
    env = {**PLAIN, "PATH": os.pathsep.join(folders)}
    assert usage_of([script], env=env) == quoted


def test_a_program_that_calls_it_shows_how_it_is_called_otherwise():
    code = f"from {NAME}._cli import main; main(['--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENV, capture_output=True, timeout=PATIENCE
    )
    assert done.stdout.startswith(f"usage: python3 -m {NAME} COMMAND ".encode())


def test_the_hint_for_a_run_can_be_pasted_into_a_shell(own_server, script, tmp_path):
    """Whatever is in the options that lead to the same account."""
    key_file = tmp_path / "it's; a $key"
    key_file.write_text(own_server.api_key, "utf-8")
    env = account(own_server, PROMPTJUGGLER_API_KEY="", PROMPTJUGGLER_BASE_URL="")
    options = ["--base-url", own_server.url, "--api-key-file", str(key_file)]
    over = threading.Event()
    own_server.add_prompt("slow", lambda inputs: over.wait(PATIENCE) and "Hello, Ada!")
    done = subprocess.run(
        [script, "run-prompt", "slow", "1", *options, "--wait-timeout", "0.1"],
        env=env,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 4
    over.set()
    hint = re.search(r" was started: (.*)\n", done.stderr.decode())[1]
    pasted = subprocess.run(
        ["sh", "-c", hint], env=env, capture_output=True, timeout=PATIENCE
    )
    assert (pasted.returncode, pasted.stdout) == (0, b"Hello, Ada!\n")


@pytest.mark.parametrize(
    "slug",
    ["it's $HOME; `x`", "--wait", "two  spaces", "a\u3000b\xa0c", "it's\n\x1b[31m!\\"],
)
def test_the_hint_for_a_knowledge_base_can_be_pasted_whatever_its_name(
    own_quick, tmp_path, slug
):
    own_quick.add_knowledge_base(slug)
    (tmp_path / "a.txt").write_bytes(b"x")
    own_quick.run_seconds = 60
    env = account(own_quick)
    command = ["upload-documents", "--wait", "--wait-timeout", "0.05", "--", slug]
    code, _, err = run(*command, str(tmp_path / "a.txt"), env=env)
    assert code == 4
    document, hint = re.search(r"; uploaded as (\S+): (.*)\n", err.decode()).groups()
    own_quick.finish(document)
    assert run_pasted(hint, env=env) == (0, b"ready\n", b"")


HOSTILE = [
    "",
    " ",
    "  ",
    "   x    y ",
    "-leading",
    "it's",
    'a "b"',
    "back\\slash\\",
    "\\n is no line",
    "history!! !$ it's!x",
    "$HOME `id` $(id) * ? ~ #",
    "two\nlines\n",
    "tab\tand\rreturn",
    "'!\\  all\n",
    "a\u3000b\xa0\u2028c",
    "\x1b]0;title\x07 \x1b[2J\x7f\x9b2J",
    "digits behind\x0111 \x1bff",
    "\u202eturned\u2066",
    "\U000e0041 \U0001f469\u200d\U0001f52c",
    "caf\xe9 \u2603",
    os.fsdecode(b"\xff\xfe'"),
    os.fsdecode(b"caf\xe9 a"),
]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_whatever_a_word_is_bash_gets_it_back_from_a_note(capsys, locale):
    """Also where it reads the line as one that is typed, and looks into its history."""
    print_note(" ".join(map(quoted, HOSTILE)))
    line = capsys.readouterr().err.removeprefix("promptjuggler: ")
    assert line.count("\n") == 1
    done = subprocess.run(
        ["bash", "--norc", "--noprofile"],
        input=f"set -o history -o histexpand\nprintf '%s\\0' {line}".encode(),
        env={**PLAIN, "LC_ALL": locale, "HISTFILE": ""},
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.stderr == b""
    assert done.stdout.split(b"\0")[:-1] == list(map(os.fsencode, HOSTILE))


def test_a_word_that_standard_error_cannot_show_is_quoted_by_its_bytes(monkeypatch):
    with open(os.devnull, "w", encoding="ascii") as ascii_only:
        monkeypatch.setattr(sys, "stderr", ascii_only)
        assert quoted("caf\xe9") == r"$'caf\303\251'"
    monkeypatch.setattr(sys, "stderr", None)
    assert quoted("caf\xe9") == "'caf\xe9'"
    # Only a program can have that as an argument.
    assert quoted("\ud800") == r"$'\355\240\200'"
