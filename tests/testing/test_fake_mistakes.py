"""Mistakes in the use of FakeServer are errors at the call, with the name of the argument."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from helpers.stand_in import THREAD, Api

from promptjuggler.testing import FakeServer, sign_webhook

Use = Callable[[Any], object]


def text(inputs: dict[str, str]) -> str:
    return ""


@pytest.mark.parametrize(
    ("use", "kind", "problem"),
    [
        (lambda s: s.fail_next("503"), TypeError, "status must be an int, not a value of type str"),
        (lambda s: s.fail_next(True), TypeError, "status must be an int"),
        (lambda s: s.fail_next(100), ValueError, "status must be from 200 to 599, not 100"),
        (lambda s: s.fail_next(600), ValueError, "status must be from 200 to 599"),
        (lambda s: s.fail_next(503, "2"), TypeError, "times must be an int"),
        (lambda s: s.fail_next(503, 0), ValueError, "times must be at least 1, not 0"),
        (lambda s: s.fail_next(503, after=-1), ValueError, "after must be at least 0"),
        (lambda s: s.fail_next(503, path=7), TypeError, "path must be a str"),
        (lambda s: s.fail_next(503, path=""), ValueError, "path must not be empty"),
        (lambda s: s.fail_next(503, method=b"GET"), TypeError, "method must be a str"),
        (lambda s: s.fail_next(503, retry_after=-1), ValueError, "retry_after must be at least 0"),
        (lambda s: s.fail_next(503, retry_after=math.inf), ValueError, "retry_after must be finite"),
        (lambda s: s.fail_next(503, retry_after=[1]), TypeError, "retry_after must be a number"),
        (lambda s: s.fail_next(503, retry_after="1\r\nX: y"), ValueError, "no line breaks"),
        (lambda s: s.fail_next(503, headers={"X": "a\nb"}), ValueError, "X must have no line breaks"),
        (lambda s: s.fail_next(503, headers={"X": "\u20ac"}), ValueError, "X must be Latin-1"),
        (lambda s: s.fail_next(503, headers=[("X", "y")]), TypeError, "headers must be a mapping"),
        (lambda s: s.fail_next(503, body=object()), TypeError, "not JSON serializable"),
        (lambda s: s.answer_next(), ValueError, "needs a body, or what to change"),
        (lambda s: s.answer_next(cut_at=-1), ValueError, "cut_at must be at least 0"),
        (lambda s: s.answer_next(drip=0), ValueError, "drip must be above 0"),
        (lambda s: s.answer_next(drip=math.inf), ValueError, "drip must be above 0"),
        (lambda s: s.answer_next(drip=1, cut_at=1), ValueError, "cut_at has no effect"),
        (lambda s: s.answer_next({}, status=100), ValueError, "status must be from 200"),
        (lambda s: s.drop_next(0), ValueError, "times must be at least 1"),
        (lambda s: s.delay_next("1"), TypeError, "seconds must be a number of seconds"),
        (lambda s: s.delay_next(math.nan), ValueError, "seconds must be at least 0"),
        (lambda s: s.delay_next(-0.1), ValueError, "seconds must be at least 0"),
        (lambda s: s.lose_next_frames(0), ValueError, "times must be at least 1"),
        (lambda s: s.add_prompt("", text), ValueError, "slug must not be empty"),
        (lambda s: s.add_prompt("..", text), ValueError, "slug must not be '..'"),
        (lambda s: s.add_prompt(7, text), TypeError, "slug must be a str"),
        (lambda s: s.add_prompt("p", "text"), TypeError, "function must be callable, not 'text'"),
        (lambda s: s.add_prompt("p", lambda: ""), TypeError, r"function must take the inputs.*not \(\)"),
        (lambda s: s.add_prompt("p", lambda a, b, c: ""), TypeError, "function must take the inputs"),
        (lambda s: s.add_prompt("p", lambda a, *, x: ""), TypeError, "function must take the inputs"),
        (lambda s: s.add_prompt("p", lambda a, b, *, call: ""), TypeError, "function must take the inputs"),
        (lambda s: setattr(s, "run_seconds", lambda: 1), TypeError, r"run_seconds must take the call.*not \(\)"),
        (lambda s: FakeServer(run_seconds=lambda a, b: 1), TypeError, "run_seconds must take the call"),
        (lambda s: setattr(s, "run_seconds", 10**400), ValueError, "run_seconds is too large"),
        (lambda s: s.delay_next(10**400), ValueError, "seconds is too large"),
        (lambda s: s.fail_next(503, headers={"a b": "c"}), ValueError, "'a b' cannot be the name"),
        (lambda s: s.answer_next({}, headers={"a:b": "c"}), ValueError, "'a:b' cannot be the name"),
        (lambda s: s.answer_next({}, headers={"": "c"}), ValueError, "the name of a header must not be empty"),
        (lambda s: s.answer_next({}, headers={"a": 7}), TypeError, "a must be a str"),
        (lambda s: s.answer_next({}, drip=1, headers={"Content-Length": "1"}), ValueError, "no Content-Length"),
        (lambda s: s.add_prompt("p", text, messages="x"), TypeError, "messages must be a list of dicts, not 'x'"),
        (lambda s: s.add_prompt("p", text, messages={"role": "user", "content": "x"}), TypeError, "messages must be a list of dicts"),
        (lambda s: s.add_prompt("p", text, messages=[{"role": "user", "content": "x", "note": object()}]), TypeError, r"messages\[0\] must be what JSON can hold"),
        (lambda s: s.add_prompt("p", text, messages=[{"role": "usr", "content": "x"}]), ValueError, r"messages\[0\].role must be one of assistant, user, not 'usr'"),
        (lambda s: s.add_prompt("p", text, tools=["web_search"]), TypeError, r"tools\[0\] must be a dict"),
        (lambda s: s.add_prompt("p", text, tools=[{"type": "web_serch"}]), ValueError, r"tools\[0\].type: there is no 'web_serch'"),
        (lambda s: s.add_prompt("p", text, response_format="text"), TypeError, "response_format must be a dict"),
        (lambda s: s.add_prompt("p", text, response_format={"type": "txt"}), ValueError, "there is no 'txt'"),
        (lambda s: s.add_prompt("p", text, response_format={}), ValueError, "responseFormat"),
        (lambda s: s.add_prompt("p", text, provider="opnai"), ValueError, "provider must be one of openai, gemini, anthropic, not 'opnai'"),
        (lambda s: s.add_prompt("p", text, system_instruction=0), TypeError, "system_instruction must be a str"),
        (lambda s: s.add_prompt("p", text, model_params={"x": math.nan}), ValueError, "model_params must be what JSON can hold"),
        (lambda s: s.add_prompt("p", text, model_params={"temprature": 1}), ValueError, "model_params has 'temprature'"),
        (lambda s: s.add_prompt("p", text, model_params=[]), TypeError, "model_params must be a dict"),
        (lambda s: s.add_webhook("http://localhost:abc/", "s"), ValueError, "url is no address"),
        (lambda s: s.add_webhook("http://localhost:99999/", "s"), ValueError, "url is no address"),
        (lambda s: s.add_webhook("http://local host/", "s"), ValueError, "without spaces"),
        (lambda s: s.add_webhook("http://localhost/a b", "s"), ValueError, "without spaces"),
        (lambda s: s.add_webhook("http://[::1/", "s"), ValueError, "url is no address"),
        (lambda s: s.add_webhook("http://a", "s", events=[]), ValueError, "events must not be empty"),
        (lambda s: sign_webhook("x", ""), ValueError, "secret must not be empty"),
        (lambda s: sign_webhook("x", b"s"), TypeError, "secret must be a str"),
        (lambda s: sign_webhook("x", "\ud800"), ValueError, "^secret must be encodable as UTF-8"),
        (lambda s: sign_webhook("x", "s", timestamp=5.5), TypeError, "timestamp must be an int"),
        (lambda s: s.drop_next(after_reading="no"), TypeError, "after_reading must be True or False"),
        (lambda s: FakeServer(strict_faults="no"), TypeError, "strict_faults must be True or False"),
        (lambda s: s.fail_next(503, method="GTE"), ValueError, "method must be one of GET, .* not 'GTE'"),
        (lambda s: s.fail_next(503, path="/gr\u00fc\u00dfe"), ValueError, "path must be percent-encoded"),
        (lambda s: s.publish(THREAD, "token", {"a": math.nan}), ValueError, "data must be what JSON can hold"),
        (lambda s: s.add_prompt("p", text, tags="beta"), TypeError, "tags must be a list"),
        (lambda s: s.add_prompt("p", text, tags=["1"]), ValueError, "'1' cannot be given as a tag"),
        (lambda s: s.add_prompt("p", text, tags=["__latest__"]), ValueError, "cannot be given"),
        (lambda s: s.add_prompt("p", text, memory="all"), ValueError, "memory must be one of"),
        (lambda s: s.add_prompt("p", text, model=7), TypeError, "model must be a str"),
        (lambda s: s.add_workflow("w", None), TypeError, "function must be callable, not None"),
        (lambda s: s.add_workflow(None, text), TypeError, "slug must be a str, not None"),
        (lambda s: s.add_knowledge_base(""), ValueError, "slug must not be empty"),
        (lambda s: s.add_knowledge_base("b", 7), TypeError, "index must be callable, not 7"),
        (lambda s: s.add_knowledge_base("b", lambda name: None), TypeError, "index must take a file name and"),
        (lambda s: s.add_webhook("a.example/hook", "s"), ValueError, "must begin with http://"),
        (lambda s: s.add_webhook("http:///hook", "s"), ValueError, "url must have a host"),
        (lambda s: s.add_webhook("http://:80/hook", "s"), ValueError, "url must have a host"),
        (lambda s: s.add_webhook("http://user:pw@127.0.0.1:80/", "s"), ValueError, "url must not hold a user name or password$"),
        (lambda s: s.add_webhook("http://user@a?b", "s"), ValueError, "url must not hold a user name"),
        (lambda s: s.add_webhook("ftp://user:pw@a", "s"), ValueError, "url must not hold a user name or password$"),
        (lambda s: s.add_webhook("http://@a#b", "s"), ValueError, "url must not hold a user name"),
        (lambda s: s.add_webhook("http://a\\b/", "s"), ValueError, "url must have the name or address of a host: 'http"),
        (lambda s: s.add_webhook("http://a%20b/", "s"), ValueError, "url must have the name or address of a host"),
        (lambda s: s.add_webhook("http://a..b/", "s"), ValueError, "url must have the name or address of a host"),
        (lambda s: s.add_webhook(f"http://{'a' * 64}/", "s"), ValueError, "url must have the name or address of a host"),
        (lambda s: s.add_webhook("http://[::1]x:80/", "s"), ValueError, "url "),
        (lambda s: s.add_webhook("http://[::1::]/", "s"), ValueError, "url "),
        (lambda s: s.add_webhook("http://a:80:90/", "s"), ValueError, "url "),
        (lambda s: s.add_webhook("http://::1/", "s"), ValueError, "url "),
        (lambda s: s.add_webhook("http://localhost:0/", "s"), ValueError, "no port 0"),
        (lambda s: s.add_webhook("http://localhost:-1/", "s"), ValueError, "url is no address"),
        (lambda s: s.add_webhook("http://localhost: 80/", "s"), ValueError, "without spaces"),
        (lambda s: s.add_webhook("http://localhost\n/", "s"), ValueError, "without spaces"),
        (lambda s: s.add_webhook("http://localhost/\x7f", "s"), ValueError, "without spaces"),
        (lambda s: s.add_webhook("http://a", "\ud800"), ValueError, "secret must be encodable as UTF-8"),
        (lambda s: s.add_webhook(7, "s"), TypeError, "url must be a str"),
        (lambda s: s.add_webhook("http://a", ""), ValueError, "secret must not be empty"),
        (lambda s: s.add_webhook("http://a", b"s"), TypeError, "secret must be a str"),
        (lambda s: s.add_webhook("http://a", "s", events="all"), TypeError, "events must be a list"),
        (lambda s: s.add_webhook("http://a", "s", events=["run"]), ValueError, "events has 'run'; there are promptrun.finished, "),
        (lambda s: s.add_webhook("http://a", "s", retries=-1), ValueError, "retries must be at least 0"),
        (lambda s: s.publish("main", "done", {}), ValueError, "thread must be a UUID, not 'main'"),
        (lambda s: s.publish(7, "done", {}), TypeError, "thread must be a UUID"),
        (lambda s: s.publish(THREAD, "a\nb", {}), ValueError, "event must have no line breaks"),
        (lambda s: s.publish(THREAD, "done", []), TypeError, "data must be a dict"),
        (lambda s: s.publish(THREAD, "done", {"a": object()}), TypeError, "not JSON serializable"),
        (lambda s: s.wait_for_webhooks("1"), TypeError, "timeout must be a number"),
        (lambda s: setattr(s, "run_seconds", "1"), TypeError, "run_seconds must be a number"),
        (lambda s: setattr(s, "run_seconds", -1), ValueError, "run_seconds must be at least 0"),
        (lambda s: setattr(s, "requests", None), TypeError, "requests must be a list, not None"),
        (lambda s: setattr(s, "requests", ()), TypeError, "requests must be a list, not a value of type tuple"),
        (lambda s: setattr(s, "errors", None), TypeError, "^errors must be a list"),
        (lambda s: setattr(s, "deliveries", None), TypeError, "^deliveries must be a list"),
        (lambda s: setattr(s, "webhook_errors", "x"), TypeError, "^webhook_errors must be a list"),
        (lambda s: pickle.dumps(s), TypeError, "^a FakeServer cannot be copied or pickled: hand over its url and api_key$"),
        (lambda s: pickle.dumps(s, 0), TypeError, "^a FakeServer cannot be copied or pickled"),
        (lambda s: copy.copy(s), TypeError, "^a FakeServer cannot be copied or pickled"),
        (lambda s: copy.deepcopy(s), TypeError, "^a FakeServer cannot be copied or pickled"),
        (lambda s: setattr(s, "api_key", ""), ValueError, "api_key must not be empty"),
        (lambda s: setattr(s, "api_key", " k"), ValueError, "api_key must have no spaces"),
        (lambda s: FakeServer(api_key="k\n"), ValueError, "api_key must have no line breaks"),
        (lambda s: FakeServer(api_key="\u20ac"), ValueError, "api_key must be Latin-1"),
        (lambda s: FakeServer(run_seconds=math.nan), ValueError, "run_seconds must be at least 0"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_an_error_at_the_call(
    server: FakeServer, api: Api, use: Use, kind: type[Exception], problem: str
) -> None:
    with pytest.raises(kind, match=problem):
        use(server)
    # And it has changed nothing.
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200


def test_the_repr_tells_where_it_is_and_what_it_did_and_not_the_key() -> None:
    server = FakeServer(api_key="sekret", run_seconds=math.inf)
    assert repr(server) == "<FakeServer not started: 0 requests, 0 runs, 0 pending>"
    with server:
        server.add_prompt("p", text)
        api = Api(server)
        api.run("prompt", "p")
        api.connection.close()
        assert (
            repr(server) == f"<FakeServer {server.url}: 1 requests, 1 runs, 1 pending>"
        )
    assert repr(server).startswith(f"<FakeServer {server.url} (closed): ")


def test_a_server_that_is_not_started_says_how_to_start_it() -> None:
    with pytest.raises(AttributeError, match=r"before it is started: by start\(\)"):
        FakeServer().url  # noqa: B018
