"""README.md does what it says: each of its Python blocks runs alone, and each of its commands runs."""

import inspect
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from package import ENV, NAME

from promptjuggler import PromptJuggler
from promptjuggler.testing import FakeServer, sign_webhook

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")

# Every fenced block: the line that it starts in, its language, its text.
BLOCKS = [
    (README.count("\n", 0, match.start()) + 1, match[2], textwrap.dedent(match[3]))
    for match in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```$", README, re.MULTILINE | re.DOTALL)
]
HEADINGS = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
PYTHON = [pytest.param(text, id=f"line {line}") for line, language, text in BLOCKS if language == "python"]
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


@pytest.fixture
def environment(tmp_path):
    """The environment of a user whose account has what the README uses; the account is a stand-in."""
    for name in ("manual.pdf", "faq.md"):
        (tmp_path / name).write_bytes(b"A page.")
    for source, name in (("ca.pem", "company-ca.pem"), ("client.pem", "client.pem")):
        shutil.copy(ROOT / "tests/data/tls" / source, tmp_path / name)
    with FakeServer() as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow("summary", lambda inputs: {"summary": inputs["text"]})
        server.add_knowledge_base("manuals")
        yield {
            **ENV,
            "PROMPTJUGGLER_API_KEY": server.api_key,
            "PROMPTJUGGLER_BASE_URL": server.url,
            "PROMPTJUGGLER_WEBHOOK_SECRET": "whsec",
        }


def test_the_readme_has_blocks_and_commands():
    assert PYTHON
    assert COMMANDS


def test_a_link_within_the_readme_leads_to_a_heading():
    headings = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in HEADINGS}
    targets = re.findall(r"\]\(#(.*?)\)", README)
    assert targets
    assert set(targets) <= headings


def test_the_table_of_methods_has_every_method_with_its_arguments():
    rows = dict(re.findall(r"^\| `(\w+)\((.*?)\)` \|", README, re.MULTILINE))
    for name, method in vars(PromptJuggler).items():
        if not name.startswith("_") and name not in ("close", "with_options"):
            said = [argument.partition("=")[0].lstrip("*") for argument in rows[name].split(", ") if argument != "*"]
            assert ["self", *said] == list(inspect.signature(method).parameters), name


def test_every_block_says_its_language():
    assert {language for _, language, _ in BLOCKS} <= {"python", "sh", "text"}
    assert README.count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize("block", PYTHON)
def test_a_python_block_runs_and_prints_what_its_comments_say(block, environment, tmp_path):
    printed = re.findall(r"  # prints (.*)$", block, re.MULTILINE)
    for name, call in (("handler", CALL_OF_HANDLER), ("lambda_handler", CALL_OF_LAMBDA_HANDLER)):
        if re.search(rf"^def {name}\(", block, re.MULTILINE):
            block += call
    program = tmp_path / "test_block.py"
    block = re.sub(r"^(\s*(?:from|import)) promptjuggler\b", rf"\1 {NAME}", block, flags=re.MULTILINE)
    program.write_text(block, "utf-8")
    is_test = re.search(r"^def test_", block, re.MULTILINE)
    runner = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if is_test else []
    command = [sys.executable, "-W", "error", *runner, str(program)]
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    if is_test:
        assert re.search(r"^\d+ passed", result.stdout, re.MULTILINE), result.stdout
    if printed:
        assert result.stdout.splitlines() == printed


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_in_a_shell_and_prints(command, environment, tmp_path):
    body = b'{"id": "1"}'
    (tmp_path / "body.json").write_bytes(body)
    signed = environment | {"SIGNATURE": sign_webhook(body, "whsec")}
    line = command.replace("python3 -m promptjuggler", f"{shlex.quote(sys.executable)} -W error -m {NAME}")
    result = subprocess.run(["sh", "-c", line], env=signed, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    # That no model was called is said there.
    assert (result.returncode, result.stderr.count("\n")) == (0, int("--demo" in command)), result.stderr
    assert result.stdout.strip()
