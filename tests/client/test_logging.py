"""The log: one line at DEBUG for each attempt, one at INFO for each delay before another,
and nothing that is secret or large in it.
"""

import logging
import re
import subprocess
import sys

import pytest
from helpers.calls import RUN_ID, client_of
from helpers.frames import done
from helpers.hub import NO_ONE, Hub, ends, says, streaming, until
from helpers.package import ENV, NAME
from helpers.servers import Conn, ScriptedServer, respond

from promptjuggler import ApiError, DoneEvent, NetworkError
from promptjuggler.testing import FakeServer


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG)
    return lambda: [
        (record.name, record.levelname, record.getMessage())
        for record in caplog.records
    ]


def quiet(server, **options):
    return client_of(server, api_key="secret-key", **options)


def test_each_attempt_is_a_line_with_method_path_status_milliseconds_and_attempt(lines):
    with FakeServer(api_key="secret-key") as server, quiet(server) as pj:
        server.add_prompt("greet", str)
        server.fail_next(503)
        pj.get_prompt("greet", 1)
        pj.run_prompt(
            "greet",
            "production",
            {"name": "private-input"},
            env_vars={"A": "private-env"},
        )
        with pytest.raises(ApiError):
            pj.delete_knowledge_document(RUN_ID)
    logged = lines()
    assert {line[0] for line in logged} == {"promptjuggler"}
    texts = [
        re.sub(r"\d+ ms", "N ms", text) for _, level, text in logged if level == "DEBUG"
    ]
    assert texts == [
        "GET /api/v1/prompts/greet/1: 503 in N ms (attempt 1)",
        "GET /api/v1/prompts/greet/1: 200 in N ms (attempt 2)",
        "POST /api/v1/prompts/greet/production/runs: 200 in N ms (attempt 1)",
        f"DELETE /api/v1/knowledge-documents/{RUN_ID}: 404 in N ms (attempt 1)",
    ]


def test_an_attempt_without_an_answer_is_logged_with_the_name_of_its_error(lines):
    for handler, options in (
        (Conn.reset, {"max_retries": 1}),
        (Conn.hang, {"max_retries": 0, "timeout": 0.05}),
    ):
        with (
            ScriptedServer(handler) as server,
            quiet(server, **options) as pj,
            pytest.raises(NetworkError),
        ):
            pj.get_prompt_run(RUN_ID)
    texts = [
        re.sub(r"\d+ ms", "N ms", text)
        for _, level, text in lines()
        if level == "DEBUG"
    ]
    assert texts == [
        f"GET /api/v1/promptruns/{RUN_ID}: {outcome} in N ms (attempt {attempt})"
        for outcome, attempt in (
            ("NetworkError", 1),
            ("NetworkError", 2),
            ("RequestTimeout", 1),
        )
    ]


def test_line_breaks_in_arguments_cannot_forge_a_line(lines):
    with (
        FakeServer(api_key="secret-key") as server,
        quiet(server) as pj,
        pytest.raises(ApiError),
    ):
        pj.get_prompt("x\r\nERROR forged\u2028", 1)
    ((_, _, text),) = lines()
    assert len(text.splitlines()) == 1


def levels_above_debug(caplog):
    return [
        (record.name, record.levelname, record.getMessage())
        for record in caplog.records
        if record.levelno > logging.DEBUG
    ]


def test_each_delay_before_another_attempt_is_a_line_at_info_and_nothing_else_is(
    caplog,
):
    caplog.set_level(logging.INFO)
    path = f"/api/v1/promptruns/{RUN_ID}"
    with (
        ScriptedServer(respond((500, "no"))) as server,
        quiet(server) as pj,
        pytest.raises(ApiError),
    ):
        pj.get_prompt_run(RUN_ID)
    with (
        ScriptedServer(Conn.reset) as server,
        quiet(server, max_retries=1) as pj,
        pytest.raises(NetworkError),
    ):
        pj.get_prompt_run(RUN_ID)
    assert levels_above_debug(caplog) == [
        ("promptjuggler", "INFO", f"GET {path}: 500, again in 0.5 s"),
        ("promptjuggler", "INFO", f"GET {path}: 500, again in 1.0 s"),
        ("promptjuggler", "INFO", f"GET {path}: NetworkError, again in 0.5 s"),
    ]


def test_the_delay_after_a_failed_look_of_a_wait_is_logged_and_a_usual_one_is_not(
    caplog,
):
    caplog.set_level(logging.INFO)
    run = {
        "id": RUN_ID,
        "createdAt": "2026-01-02T03:04:05Z",
        "emitted": [],
        "transcript": [],
    }
    pending, completed = {**run, "status": "pending"}, {**run, "status": "completed"}
    replies = [(200, pending), (503, "", {"Retry-After": "7"}), (200, completed)]
    with ScriptedServer(respond(*replies)) as server, quiet(server) as pj:
        pj.wait_for_prompt_run(RUN_ID)
    path = f"/api/v1/promptruns/{RUN_ID}"
    assert levels_above_debug(caplog) == [
        ("promptjuggler", "INFO", f"GET {path}: 503, again in 7.0 s")
    ]


def test_each_delay_of_a_stream_before_it_connects_again_is_a_line_at_info(caplog):
    caplog.set_level(logging.INFO)
    with (
        Hub(NO_ONE, says(then=ends), says(done())) as server,
        streaming(server, waits=[]) as stream,
    ):
        until(stream, DoneEvent)
    assert levels_above_debug(caplog) == [
        ("promptjuggler", "INFO", "GET /stream: 503, again in 0.5 s"),
        ("promptjuggler", "INFO", "GET /stream: NetworkError, again in 1.0 s"),
    ]


def test_nothing_is_logged_at_info_where_nothing_is_tried_again(caplog):
    caplog.set_level(logging.INFO)
    with (
        ScriptedServer(respond((404, {"error": "secret-text"}))) as server,
        quiet(server) as pj,
        pytest.raises(ApiError),
    ):
        pj.get_prompt_run(RUN_ID)
    assert caplog.records == []


def test_nothing_is_logged_for_what_is_refused_before_it_is_sent(lines):
    with (
        ScriptedServer(respond((200, {}))) as server,
        quiet(server) as pj,
        pytest.raises(ValueError, match="inputs"),
    ):
        pj.run_prompt("p", 1, {"private": 5})
    assert lines() == []


def test_logging_is_not_imported_on_account_of_the_client():
    code = f"""
import sys
before = "logging" in sys.modules
from {NAME} import ApiError, PromptJuggler
from {NAME}.client import PromptJuggler
import http.server, socketserver, threading, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *arguments):
        pass
with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with PromptJuggler("k", base_url=f"http://127.0.0.1:{{server.server_port}}", max_retries=0) as pj:
        try:
            pj.get_prompt("p", 1)
        except ApiError:
            pass
    server.shutdown()
print(before, "logging" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=ENV,
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("False False\n", "")


def test_a_program_that_has_logging_sees_nothing_unless_it_asks_for_debug():
    code = f"""
import logging
from {NAME} import PromptJuggler
from {NAME}.testing import FakeServer
with FakeServer() as server, PromptJuggler(server.api_key, base_url=server.url) as pj:
    server.add_prompt("p", str)
    pj.get_prompt("p", 1)
    logging.basicConfig(level="DEBUG", format="%(name)s %(levelname)s")
    pj.get_prompt("p", 1)
logger = logging.getLogger("promptjuggler")
print(logger.handlers, logger.level, logger.propagate)
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=ENV,
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("[] 0 True\n", "promptjuggler DEBUG\n")
