"""What the docstring of `promptjuggler.testing` shows is run, as tests of a user."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from helpers.package import ENV, NAME

import promptjuggler.testing

# What a user's own program has.
OF_THE_USER = """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        header = self.headers["PromptJuggler-Signature"]
        is_good = verify_webhook_signature(body, header, "whsec_test")
        self.send_response(204 if is_good else 400)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def url():
    with HTTPServer(("127.0.0.1", 0), Handler) as receiver:
        thread = threading.Thread(target=receiver.handle_request)
        thread.start()
        yield f"http://127.0.0.1:{receiver.server_port}/hook"
        thread.join()
"""


def recipes() -> str:
    """The code of the docstring, as a file of tests."""
    lines = (promptjuggler.testing.__doc__ or "").splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    return code.replace("from promptjuggler", f"from {NAME}")


def test_all_recipes_work_as_they_stand_also_behind_a_proxy(tmp_path: Path) -> None:
    """The proxy is down: so it is asked for nothing, which holds without one as well."""
    code = recipes()
    (tmp_path / "test_of_a_user.py").write_text(code + OF_THE_USER, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    proxy = "http://127.0.0.1:1"
    env = {**ENV, "HTTP_PROXY": proxy, "http_proxy": proxy}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    number = len(re.findall(r"^def test_", code, re.MULTILINE))
    assert number >= 10
    assert f"{number} passed" in result.stdout, result.stdout + result.stderr


def test_every_public_name_and_every_fault_is_in_the_docstring() -> None:
    text = promptjuggler.testing.__doc__ or ""
    table = text[text.rindex("\nFakeServer  ") :]
    names = set(re.findall(r"\w+", table))
    assert set(promptjuggler.testing.__all__) <= names
    faults = [name for name in dir(promptjuggler.testing.FakeServer) if "_next" in name]
    assert set(faults) <= names


def test_everything_public_of_the_server_has_a_docstring_that_names_its_parameters() -> (
    None
):
    server = promptjuggler.testing.FakeServer
    for name in dir(server):
        attribute = getattr(server, name)
        if name.startswith("_") and name != "__init__":
            continue
        text = attribute.__doc__ or ""
        assert text, name
        code = getattr(attribute, "__code__", None)
        if code is None:
            continue
        parameters = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        assert [one for one in parameters if one not in text] == [], name
