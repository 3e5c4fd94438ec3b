"""README.md does what it says: each of its Python blocks runs alone, and each of its
commands runs, with `fake-server` as the account, as the README has it.
"""

import importlib
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers.package import ENV, NAME

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")

# Every fenced block: the line that it starts in, its language, its text.
BLOCKS = [
    (README.count("\n", 0, match.start()) + 1, match[2], textwrap.dedent(match[3]))
    for match in re.finditer(
        r"^( *)```(\w*)\n(.*?)^\1```$", README, re.MULTILINE | re.DOTALL
    )
]
PYTHON = [
    pytest.param(text, id=f"line {line}")
    for line, language, text in BLOCKS
    if language == "python"
]
COMMANDS = [
    pytest.param(text, id=f"line {line}")
    for line, language, text in BLOCKS
    if language == "sh" and "python3 -m promptjuggler" in text
]

# What a block with a handler of a webhook is tried with: appended to it.
CALL_OF_HANDLER = """
import base64, os
from promptjuggler.testing import sign_webhook
body = '{"id": "0190d5a8-7d4e-7c11-8d0f-5a5b0d6f2c3e", "status": "completed"}'
signature = sign_webhook(body, os.environ["PROMPTJUGGLER_WEBHOOK_SECRET"])
encoded = base64.b64encode(body.encode()).decode()
for name in ("PromptJuggler-Signature", "promptjuggler-signature"):
    for sent, is_base64 in ((body, False), (encoded, True)):
        event = {"headers": {name: signature}, "body": sent, "isBase64Encoded": is_base64}
        assert 200 <= handler(event, None)["statusCode"] < 300, event
        event["headers"][name] = signature[:-1] + ("0" if signature[-1] != "0" else "1")
        assert 400 <= handler(event, None)["statusCode"] < 500, event
for event in ({"headers": {}, "body": body}, {"headers": {}, "body": None}):
    assert 400 <= handler({**event, "isBase64Encoded": False}, None)["statusCode"] < 500, event
"""

# The same for a block with a function on AWS Lambda that runs a prompt. Then a run does not
# end in time, and then an answer does not come: something of the time is left all the same.
CALL_OF_LAMBDA_HANDLER = """
import time
from promptjuggler import RequestTimeout, WaitTimeout
from promptjuggler.testing import FakeServer
class Context:
    def __init__(self, *seconds):
        self.seconds = list(seconds)
    def get_remaining_time_in_millis(self):
        seconds = self.seconds.pop(0)
        self.end = time.monotonic() + seconds
        return round(1000 * seconds)
for seconds in ((22, 22), (22,)):
    event = {"id": "1", "name": "Ada"}
    assert lambda_handler(event, Context(*seconds))["output"] == "Hello, Ada!"
with FakeServer(run_seconds=60) as server, pj:
    server.add_prompt("greeting", lambda inputs: "too late")
    pj = PromptJuggler(server.api_key, base_url=server.url, timeout=5)
    for too_late, seconds in ((WaitTimeout, (22, 2.3)), (RequestTimeout, (2.3,))):
        context = Context(*seconds)
        try:
            raise AssertionError(lambda_handler({"id": too_late, "name": "Ada"}, context))
        except too_late:
            assert time.monotonic() < context.end
        server.delay_next(60)
    pj.close()
"""


@pytest.fixture(scope="module")
def account():
    """The environment that `fake-server` asks for, while it serves."""
    command = [sys.executable, "-W", "error", "-m", NAME, "fake-server"]
    with subprocess.Popen(
        command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)]
            yield dict(
                re.findall(r"^export (\w+)=(\S+)$", "".join(lines), re.MULTILINE)
            )
        finally:
            process.terminate()


def outcome(command, folder, account):
    """What comes of a command in a folder with what the README uses."""
    for source, name in (("ca.pem", "company-ca.pem"), ("client.pem", "client.pem")):
        shutil.copy(ROOT / "tests/data/tls" / source, folder / name)
    env = {
        **ENV,
        **account,
        "PROMPTJUGGLER_WEBHOOK_SECRET": "whsec",
        "USER": "Ada",
    }
    return subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def outcomes(account, tmp_path_factory):
    """What comes of all blocks and commands, a few of them at the same time; `result()`
    gives it.
    """
    with ThreadPoolExecutor(4) as pool:
        yield {
            text: pool.submit(command, text, tmp_path_factory.mktemp("readme"), account)
            for cases, command in (
                (PYTHON, outcome_of_block),
                (COMMANDS, outcome_of_commands),
            )
            for text in (case.values[0] for case in cases)
        }


def test_the_readme_has_blocks_and_commands():
    assert PYTHON
    assert COMMANDS


def test_the_readme_is_read_in_a_few_minutes():
    assert README.count("\n") <= 250


def test_what_a_link_or_a_picture_leads_to_is_there():
    targets = re.findall(r"\]\((?!https:)(.*?)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_every_manual_that_is_named_is_there():
    manuals = set(re.findall(r"python3 -m pydoc ([\w.]+)", README))
    assert {"promptjuggler.client", "promptjuggler.testing"} <= manuals
    for name in manuals:
        home = importlib.import_module(name.replace("promptjuggler", NAME, 1))
        assert len(home.__doc__.splitlines()) > 10, name


def test_the_first_commands_lead_from_the_repository_to_an_answer(tmp_path):
    """A copy stands in for the clone, since the tests also run where there is no git."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "promptjuggler", source / "promptjuggler")
    first = next(text for _, language, text in BLOCKS if language == "sh")
    assert first.startswith("git clone REPOSITORY ")
    commands = first.replace("git clone REPOSITORY", f"cp -R {source}", 1)
    commands = commands.replace("python3", shlex.quote(sys.executable))
    result = subprocess.run(
        ["sh", "-ec", commands], env=ENV, cwd=tmp_path, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "Hello, Ada!\n"), result.stderr
    assert f"`{result.stdout.strip()}`" in README


def test_the_folder_can_be_copied_and_zipped_as_the_readme_says(tmp_path):
    shutil.copytree(ROOT / "promptjuggler", tmp_path / "sdk" / "promptjuggler")
    (tmp_path / "sdk" / "handler.py").write_bytes(b"")
    commands = [
        command.replace("python3", shlex.quote(sys.executable), 1)
        for command in re.findall(
            r"^(?:mkdir|python3 -m zipfile) .*", README, re.MULTILINE
        )
    ]
    commands += re.findall(r"`python3 (-m zipfile -c function.zip .*?)`", README)
    commands[2] = f"{shlex.quote(sys.executable)} {commands[2]}"
    for command in commands:
        subprocess.run(["sh", "-ec", command], cwd=tmp_path / "sdk", check=True)
    for folder, name in (
        ("acme/_vendor", "promptjuggler"),
        ("function.zip", "promptjuggler"),
        ("sdk/function.zip", "promptjuggler"),
    ):
        program = f"import {name}; print({name}.PromptJuggler('k'))"
        env = {**ENV, "PYTHONPATH": str(tmp_path / folder)}
        subprocess.run([sys.executable, "-c", program], env=env, cwd="/", check=True)


def test_what_the_pydantic_based_package_lacks_tells_the_two_apart():
    (program,) = re.findall(r'`python3 -c "(.*?)"`', README)
    subprocess.run(
        [sys.executable, "-c", program.replace("promptjuggler", NAME)],
        env=ENV,
        capture_output=True,
        check=True,
    )


def test_every_block_says_its_language():
    assert {language for _, language, _ in BLOCKS} <= {"python", "sh", "text"}
    assert README.count("```") == 2 * len(BLOCKS)


def is_test(block):
    return bool(re.search(r"^def test_", block, re.MULTILINE))


def outcome_of_block(block, folder, account):
    for name, call in (
        ("handler", CALL_OF_HANDLER),
        ("lambda_handler", CALL_OF_LAMBDA_HANDLER),
    ):
        if re.search(rf"^def {name}\(", block, re.MULTILINE):
            block += call
    program = folder / "test_block.py"
    block = re.sub(
        r"^(\s*(?:from|import)) promptjuggler\b",
        rf"\1 {NAME}",
        block,
        flags=re.MULTILINE,
    )
    program.write_text(block, "utf-8")
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test(block) else []
    command = [sys.executable, "-W", "error", *runner, str(program)]
    return outcome(command, folder, account)


@pytest.mark.parametrize("block", PYTHON)
def test_a_python_block_runs_and_prints_what_its_comments_say(block, outcomes):
    result = outcomes[block].result()
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    printed = re.findall(r"  # prints (.*)$", block, re.MULTILINE)
    if is_test(block):
        assert re.search(r"^\d+ passed", result.stdout, re.MULTILINE), result.stdout
    if printed:
        assert result.stdout.splitlines() == printed


def outcome_of_commands(text, folder, account):
    program = f"{shlex.quote(sys.executable)} -W error -m {NAME}"
    lines = text.replace("python3 -m promptjuggler", program)
    # Another test clones it.
    lines = re.sub("^git clone .*\n", "", lines, flags=re.MULTILINE)
    return outcome(["sh", "-ec", lines], folder, account)


@pytest.mark.parametrize("commands", COMMANDS)
def test_commands_run_in_a_shell_and_print(commands, outcomes):
    result = outcomes[commands].result()
    # That no model was called is said there, and so are the sums of many runs.
    lines = len(re.findall("--demo|run-prompts", commands))
    assert (result.returncode, result.stderr.count("\n")) == (0, lines), result.stderr
    assert "Hello, Ada!" in result.stdout
