"""Redirects are never followed: the key goes to the host of the base URL and nowhere else."""

import urllib.request
from http.client import responses

import pytest
from helpers.calls import RUN_ID
from helpers.servers import ScriptedServer, client_context, respond, server_context

from promptjuggler import ApiError, NetworkError, PromptJuggler

CALLS = {
    "GET": lambda pj: pj.get_prompt_run(RUN_ID),
    "POST": lambda pj: pj.run_prompt("p", 1, {"a": "b"}),
    "UPLOAD": lambda pj: pj.upload_documents("docs", [("a", b"x" * 100_000)]),
    "DELETE": lambda pj: pj.delete_knowledge_document(RUN_ID),
}
STATUSES = [301, 302, 303, 307, 308]


def plain_opener():
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Eager(urllib.request.HTTPRedirectHandler):
    """A redirect handler that follows every request, whatever its method."""

    max_redirections = 50

    def redirect_request(self, request, fp, code, message, headers, url):
        return urllib.request.Request(url, headers=request.headers, unverifiable=True)


@pytest.fixture(scope="module")
def other():
    with ScriptedServer(respond((200, {}))) as server:
        yield server


@pytest.fixture(scope="module")
def secure():
    with ScriptedServer(respond((200, {})), tls=server_context()) as server:
        yield server


@pytest.mark.parametrize("opener", [None, plain_opener()], ids=["built-in", "outside"])
@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("status", STATUSES)
def test_a_redirect_is_an_api_error_that_names_its_target_and_is_not_followed(
    status, method, opener, other, secure
):
    targets = {
        f"{other.url}/elsewhere": f"{other.url}/elsewhere",
        f"https://localhost:{secure.port}/x": f"https://localhost:{secure.port}/x",
        "/api/v2/x": "{url}/api/v2/x",
        "//127.0.0.1:1/x": "http://127.0.0.1:1/x",
        "ftp://files.example/x": "ftp://files.example/x",
        "file:///etc/passwd": "file:///etc/passwd",
    }
    replies = [(status, "<p>moved</p>", {"Location": location}) for location in targets]
    before = other.connections, secure.connections
    with (
        ScriptedServer(respond(*replies)) as server,
        PromptJuggler("secret-key", base_url=server.url, opener=opener) as pj,
    ):
        for number, (location, shown) in enumerate(targets.items(), 1):
            with pytest.raises(ApiError) as caught:
                CALLS[method](pj)
            error = caught.value
            assert (error.status_code, error.attempts, len(server.requests)) == (
                status,
                1,
                number,
            )
            assert (error.body, error.headers["location"]) == ("<p>moved</p>", location)
            end = f": redirects are not followed, this one leads to {shown.format(url=server.url)}"
            assert str(error) == f"HTTP {status} {responses[status]}{end}"
    assert (other.connections, secure.connections) == before


def test_a_target_that_is_no_url_is_shown_as_it_came():
    with ScriptedServer(respond((302, "", {"Location": "http://[broken"}))) as server:
        with (
            PromptJuggler("k", base_url=server.url) as pj,
            pytest.raises(ApiError) as caught,
        ):
            pj.get_prompt_run(RUN_ID)
        assert str(caught.value).endswith("leads to http://[broken")
        # urllib's own redirect handler cannot read it.
        with PromptJuggler(
            "k", base_url=server.url, opener=plain_opener(), max_retries=0
        ) as pj:
            with pytest.raises(NetworkError) as caught:
                pj.get_prompt_run(RUN_ID)
            assert type(caught.value.__cause__) is ValueError


def test_not_even_a_redirect_handler_of_ones_own_sends_the_key_to_another_host():
    with ScriptedServer(respond((200, {}))) as other:
        reply = (302, "", {"Location": f"{other.url}/x"})
        with ScriptedServer(respond(reply)) as server:
            opener = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), Eager()
            )
            pj = PromptJuggler(
                "secret-key", base_url=server.url, opener=opener, max_retries=0
            )
            with pj, pytest.raises(ApiError, match="HTTP 302"):
                pj.get_prompt_run(RUN_ID)
        assert other.connections == 0


def test_a_redirect_to_https_of_the_same_host_is_not_followed_either():
    with ScriptedServer(respond((200, {})), tls=server_context()) as secure:
        target = f"https://localhost:{secure.port}/api/v1/x"
        with ScriptedServer(respond((308, "", {"Location": target}))) as server:
            pj = PromptJuggler(
                "k",
                base_url=f"http://localhost:{server.port}",
                ssl_context=client_context(),
            )
            with pj, pytest.raises(ApiError) as caught:
                pj.get_prompt_run(RUN_ID)
            assert str(caught.value).endswith(f"this one leads to {target}")
        assert secure.connections == 0


def test_the_servers_own_error_text_wins_over_the_target():
    reply = (302, {"error": "Log in."}, {"Location": "/login"})
    with (
        ScriptedServer(respond(reply)) as server,
        PromptJuggler("k", base_url=server.url) as pj,
        pytest.raises(ApiError) as caught,
    ):
        pj.get_prompt_run(RUN_ID)
    assert str(caught.value) == "Log in."


@pytest.mark.parametrize(
    "body", ["Found. Redirecting to /login", {"message": "Moved."}, "<p>moved</p>"]
)
def test_no_other_text_hides_where_a_redirect_leads_to(body):
    reply = (302, body, {"Location": "/login"})
    with (
        ScriptedServer(respond(reply)) as server,
        PromptJuggler("k", base_url=server.url) as pj,
        pytest.raises(ApiError) as caught,
    ):
        pj.get_prompt_run(RUN_ID)
    assert str(caught.value).endswith(f"this one leads to {server.url}/login")


def test_a_redirect_without_a_target_is_an_api_error_too():
    reply = (302, "", (), "Found")
    with (
        ScriptedServer(respond(reply)) as server,
        PromptJuggler("k", base_url=server.url) as pj,
        pytest.raises(ApiError) as caught,
    ):
        pj.get_prompt_run(RUN_ID)
    assert str(caught.value) == "HTTP 302 Found"


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("opener", [None, plain_opener()], ids=["built-in", "outside"])
def test_what_is_redirected_to_something_that_is_no_url_is_not_sent_again(
    opener, method
):
    reply = (302, "<p>moved</p>", {"Location": "http://[broken"})
    with (
        ScriptedServer(respond(reply)) as server,
        PromptJuggler("k", base_url=server.url, opener=opener, max_retries=2) as pj,
    ):
        with pytest.raises((ApiError, NetworkError)) as caught:
            CALLS[method](pj)
        assert (caught.value.attempts, len(server.requests)) == (1, 1)
