"""Calls that come while Python ends: in a `__del__`, when modules are put away already."""

import subprocess
import sys

import pytest
from helpers.calls import ID, RUN_ID, answer_all
from helpers.package import ENV, NAME
from helpers.servers import ScriptedServer

# What calls each operation once Python has put its modules away. Its client has been used
# before, or not.
PROGRAM = f"""
import sys, uuid
import {NAME}
from {NAME} import PromptJuggler, PromptJugglerError

class Late:
    def __init__(self, client):
        self.client = client
        self.id = uuid.UUID({RUN_ID!r})
        self.entered = client.stream(self.id)
        self.entered_run = client.stream_prompt("p", 1, {{}}, thread=self.id)
        self.error = PromptJugglerError
        self.is_over = lambda: sys.meta_path is None
        self.write = sys.__stdout__.write

    def __del__(self):
        self.write(f"over: {{self.is_over()}}\\n")
        pj, id = self.client, self.id
        for name, call in {{
            "get_prompt": lambda: pj.get_prompt("p", 1),
            "run_prompt": lambda: pj.run_prompt("p", 1, {{}}, thread=id, env_vars={{"A": "b"}}),
            "run_workflow": lambda: pj.run_workflow("p", 1, {{}}),
            "get_prompt_run": lambda: pj.get_prompt_run(id),
            "get_workflow_run": lambda: pj.get_workflow_run({RUN_ID!r}),
            "wait_for_prompt_run": lambda: pj.wait_for_prompt_run(id),
            "wait_for_knowledge_base": lambda: pj.wait_for_knowledge_base("b"),
            "create_stream_token": lambda: pj.create_stream_token(id),
            "stream": lambda: pj.stream(id),
            "entering a stream": lambda: self.entered.__enter__(),
            "entering a run": lambda: self.entered_run.__enter__(),
            "stream_prompt": lambda: pj.stream_prompt("p", 1, {{}}),
            "stream_workflow": lambda: pj.stream_workflow("p", 1, {{}}, thread=id),
            "run_prompts": lambda: pj.run_prompts("p", 1, []),
            "run_workflows": lambda: pj.run_workflows("p", 1, []),
            "with_options": lambda: pj.with_options(timeout=1),
            "preload": lambda: pj.preload(),
            "get_knowledge_base": lambda: pj.get_knowledge_base("b"),
            "upload_documents": lambda: pj.upload_documents("b", [("a", b"x")]),
            "get_knowledge_document": lambda: pj.get_knowledge_document(id),
            "delete_knowledge_document": lambda: pj.delete_knowledge_document(id),
        }}.items():
            try:
                call()
            except self.error as error:
                kind = type(error).__name__
                self.write(f"{{name}}: {{kind}} {{error.may_have_taken_effect}}\\n")
            except BaseException as error:
                self.write(f"{{name}}: {{type(error)}} {{error}}\\n")

late = Late(PromptJuggler("k", base_url=sys.argv[1]))
if sys.argv[2] == "used":
    late.client.get_knowledge_document({ID!r})
    late.client.create_stream_token({ID!r})
    late.client.stream({ID!r})
elif sys.argv[2] == "preloaded":
    late.client.preload()
"""

NAMES = [
    line.split('"')[1]
    for line in PROGRAM.splitlines()
    if line.startswith('            "')
]


@pytest.mark.parametrize("before", ["new", "used", "preloaded"])
def test_a_call_in_a_del_while_python_ends_is_a_network_error_and_nothing_is_sent(
    before,
):
    with ScriptedServer(answer_all) as server:
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, server.url, before],
            env=ENV,
            capture_output=True,
            text=True,
            timeout=60,
        )
        sent = len(server.requests)
    expected = ["over: True", *(f"{name}: NetworkError False" for name in NAMES)]
    assert (result.stdout.splitlines(), result.stderr) == (expected, "")
    assert sent == (2 if before == "used" else 0)
