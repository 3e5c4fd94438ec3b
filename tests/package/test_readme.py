"""README.md does what it says: each of its Python blocks runs alone, and each of its
commands runs.
"""

import inspect
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

from promptjuggler import PromptJuggler
from promptjuggler.testing import FakeServer, sign_webhook

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")

# Every fenced block: the line that it starts in, its language, its text.
BLOCKS = [
    (README.count("\n", 0, match.start()) + 1, match[2], textwrap.dedent(match[3]))
    for match in re.finditer(
        r"^( *)```(\w*)\n(.*?)^\1```$", README, re.MULTILINE | re.DOTALL
    )
]
HEADINGS = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
PYTHON = [
    pytest.param(text, id=f"line {line}")
    for line, language, text in BLOCKS
    if language == "python"
]
COMMANDS = [
    pytest.param(command, id=command)
    for _, language, text in BLOCKS
    if language == "sh"
    for command in text.splitlines()
    if "python3 -m promptjuggler" in command
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

# The same for a block with a function on AWS Lambda that runs a prompt.
CALL_OF_LAMBDA_HANDLER = """
class Context:
    def get_remaining_time_in_millis(self):
        return 15_000
assert lambda_handler({"name": "Ada"}, Context())["output"] == "Hello, Ada!"
pj.close()
"""


BODY = b'{"id": "1"}'


def outcome(command, folder):
    """What comes of a command for a user whose account, a stand-in, has what the README uses."""
    for name in ("manual.pdf", "faq.md"):
        (folder / name).write_bytes(b"A page.")
    (folder / "body.json").write_bytes(BODY)
    for source, name in (("ca.pem", "company-ca.pem"), ("client.pem", "client.pem")):
        shutil.copy(ROOT / "tests/data/tls" / source, folder / name)
    with FakeServer(run_seconds=0) as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow("summary", lambda inputs: {"summary": inputs["text"]})
        server.add_knowledge_base("manuals")
        env = {
            **ENV,
            "PROMPTJUGGLER_API_KEY": server.api_key,
            "PROMPTJUGGLER_BASE_URL": server.url,
            "PROMPTJUGGLER_WEBHOOK_SECRET": "whsec",
            "SIGNATURE": sign_webhook(BODY, "whsec"),
        }
        return subprocess.run(
            command, env=env, cwd=folder, capture_output=True, text=True, timeout=60
        )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What comes of all blocks and commands, a few of them at the same time; `result()`
    gives it.
    """
    with ThreadPoolExecutor(4) as pool:
        yield {
            text: pool.submit(command, text, tmp_path_factory.mktemp("readme"))
            for cases, command in (
                (PYTHON, outcome_of_block),
                (COMMANDS, outcome_of_command),
            )
            for text in (case.values[0] for case in cases)
        }


def test_the_readme_has_blocks_and_commands():
    assert PYTHON
    assert COMMANDS


def test_a_link_within_the_readme_leads_to_a_heading():
    headings = {
        re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
        for heading in HEADINGS
    }
    targets = re.findall(r"\]\(#(.*?)\)", README)
    assert targets
    assert set(targets) <= headings


def test_the_table_of_methods_has_every_method_with_its_arguments():
    rows = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", README, re.MULTILINE))
    methods = {
        name: method
        for name, method in inspect.getmembers(PromptJuggler, inspect.isfunction)
        if not name.startswith("_") and name not in ("close", "with_options")
    }
    # Beside them, the table of the stand-in has rows of this form.
    assert methods.keys() <= rows.keys()
    for name, method in methods.items():
        said = [
            argument.partition("=")[0]
            for argument in rows[name].split(", ")
            if argument not in ("", "*")
        ]
        assert ["self", *said] == list(inspect.signature(method).parameters), name


def test_every_block_says_its_language():
    assert {language for _, language, _ in BLOCKS} <= {"python", "sh", "text"}
    assert README.count("```") == 2 * len(BLOCKS)


def is_test(block):
    return bool(re.search(r"^def test_", block, re.MULTILINE))


def outcome_of_block(block, folder):
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
    return outcome([sys.executable, "-W", "error", *runner, str(program)], folder)


@pytest.mark.parametrize("block", PYTHON)
def test_a_python_block_runs_and_prints_what_its_comments_say(block, outcomes):
    result = outcomes[block].result()
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    printed = re.findall(r"  # prints (.*)$", block, re.MULTILINE)
    if is_test(block):
        assert re.search(r"^\d+ passed", result.stdout, re.MULTILINE), result.stdout
    if printed:
        assert result.stdout.splitlines() == printed


def outcome_of_command(command, folder):
    line = command.replace(
        "python3 -m promptjuggler", f"{shlex.quote(sys.executable)} -W error -m {NAME}"
    )
    return outcome(["sh", "-c", line], folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_in_a_shell_and_prints(command, outcomes):
    result = outcomes[command].result()
    # That no model was called is said there.
    assert (result.returncode, result.stderr.count("\n")) == (
        0,
        int("--demo" in command),
    ), result.stderr
    assert result.stdout.strip()
