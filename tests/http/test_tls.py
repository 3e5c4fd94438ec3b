"""TLS: whom the client trusts, what it says where it does not, and how often it builds
a context.
"""

import ssl
import subprocess
import sys
import threading

import pytest
from helpers.calls import RUN_ID, client_of, in_threads
from helpers.package import ENV, NAME
from helpers.servers import (
    CA_FILE,
    PATIENCE,
    TLS,
    ScriptedServer,
    client_context,
    respond,
    server_context,
)

from promptjuggler import NetworkError, PromptJuggler

RUN = {
    "id": RUN_ID,
    "status": "completed",
    "createdAt": "2026-01-02T03:04:05Z",
    "emitted": [],
    "transcript": [],
}


def https_server(cert="server", **options):
    return ScriptedServer(respond((200, RUN)), tls=server_context(cert, **options))


def client(server, **options):
    """A client that trusts whom a user's would: what is in SSL_CERT_FILE, or nobody."""
    options = {"max_retries": 3, "ssl_context": None, **options}
    return client_of(f"https://localhost:{server.port}", **options)


def succeeds(server, **options):
    with client(server, **options) as pj:
        assert str(pj.get_prompt_run(RUN_ID).id) == RUN_ID
        assert str(pj.get_prompt_run(RUN_ID).id) == RUN_ID
    assert (len(server.requests), server.connections) == (2, 1)


def is_not_trusted(server, call=lambda pj: pj.get_prompt_run(RUN_ID), **options):
    """The error of a call, which is not to be sent."""
    with client(server, **options) as pj, pytest.raises(NetworkError) as caught:
        call(pj)
    error = caught.value
    assert type(error) is NetworkError
    assert isinstance(error.__cause__, ssl.SSLError)
    assert (error.request_sent, error.attempts, server.connections) == (False, 1, 1)
    assert server.requests == []
    assert "ssl_context=" in str(error)
    assert "SSL_CERT_FILE" in str(error)
    assert "localhost" in str(error)
    return error


def test_a_private_ca_is_trusted_through_the_ssl_context():
    with https_server() as server:
        succeeds(server, ssl_context=client_context())


def test_a_private_ca_is_trusted_through_ssl_cert_file(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))
    with https_server() as server:
        succeeds(server)


def test_a_private_ca_is_trusted_through_ssl_cert_dir(monkeypatch):
    monkeypatch.setenv("SSL_CERT_DIR", str(TLS / "hashed"))
    with https_server() as server:
        succeeds(server)


def test_an_ip_address_is_fine_where_the_certificate_has_it():
    with https_server() as server:
        url = f"https://127.0.0.1:{server.port}/x"
        with PromptJuggler(
            "k", base_url=url, ssl_context=client_context(), max_retries=0
        ) as pj:
            assert pj.get_prompt_run(RUN_ID).status == "completed"


def test_an_unknown_ca_is_not_trusted_and_the_text_says_what_to_do():
    with https_server() as server:
        error = is_not_trusted(server)
        assert isinstance(error.__cause__, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("cert", ["other", "expired", "self_signed"])
def test_a_certificate_for_another_host_an_expired_one_and_a_self_signed_one_are_not_trusted(
    cert,
):
    with https_server(cert) as server:
        is_not_trusted(server, ssl_context=client_context())


@pytest.mark.parametrize("call", [
    lambda pj: pj.run_prompt("p", 1, {"a": "b"}),
    lambda pj: pj.upload_documents("docs", [("a", b"a" * 200_000)]),
    lambda pj: pj.delete_knowledge_document(RUN_ID),
    lambda pj: pj.create_stream_token(RUN_ID),
    lambda pj: pj.wait_for_prompt_run(RUN_ID),
])  # fmt: skip
def test_no_operation_is_tried_again_after_a_certificate_failure(call):
    with https_server() as server:
        is_not_trusted(server, call)


def test_a_client_certificate_goes_with_the_ssl_context():
    with https_server(client_ca=True) as server:
        succeeds(server, ssl_context=client_context(with_certificate=True))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_the_client_certificate_that_the_server_wants_there_is_a_network_error(
    version,
):
    context = client_context()
    context.minimum_version = context.maximum_version = version
    with https_server(client_ca=True) as server:
        with (
            client(server, ssl_context=context, max_retries=0) as pj,
            pytest.raises(NetworkError) as caught,
        ):
            pj.run_prompt("p", 1, {})
        assert isinstance(caught.value.__cause__, OSError)
        # With TLS 1.3 the client only learns of it after it has sent the request.
        assert caught.value.request_sent == (version is ssl.TLSVersion.TLSv1_3)
        assert server.requests == []


def test_http_spoken_to_an_https_client_is_a_network_error_and_nothing_was_sent():
    def plain(conn):
        conn.sock.recv(100)
        conn.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with (
        ScriptedServer(plain) as server,
        client(server, ssl_context=client_context(), max_retries=0) as pj,
    ):
        with pytest.raises(NetworkError) as caught:
            pj.run_prompt("p", 1, {})
        assert (caught.value.request_sent, type(caught.value.__cause__)) == (
            False,
            ssl.SSLError,
        )


def test_a_client_builds_one_context_also_under_8_threads(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))
    contexts, results = [], []
    all_at_work = threading.Barrier(8)

    def answer(conn):
        while conn.read_request():
            all_at_work.wait(PATIENCE)
            conn.reply(200, RUN)

    with ScriptedServer(answer, tls=server_context()) as server, client(server) as pj:

        def work(_):
            contexts.append(pj._transport.context())
            results.append(pj.get_prompt_run(RUN_ID).status)

        in_threads(8, work)
        assert results == ["completed"] * 8
        assert len({id(context) for context in contexts}) == 1
        assert pj._transport.context() is contexts[0]
        assert pj.with_options(timeout=3)._transport.context() is contexts[0]


def test_the_context_that_is_built_verifies_names_and_certificates():
    context = PromptJuggler("k")._transport.context()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_context_that_was_given_is_used_as_it_is_and_never_changed():
    context = client_context()
    before = (
        context.options,
        context.verify_mode,
        context.minimum_version,
        len(context.get_ca_certs()),
    )
    with https_server() as server:
        succeeds(server, ssl_context=context)
        with client(server, ssl_context=context) as pj:
            assert pj._transport.context() is context
    assert (
        context.options,
        context.verify_mode,
        context.minimum_version,
        len(context.get_ca_certs()),
    ) == before


def test_neither_the_constructor_nor_a_request_over_http_builds_a_context():
    with (
        ScriptedServer(respond((200, RUN))) as server,
        PromptJuggler("k", base_url=server.url) as pj,
    ):
        pj.get_prompt_run(RUN_ID)
        assert pj._transport._context is None
    code = f"""
import gc, ssl
from {NAME} import PromptJuggler
from {NAME}.testing import FakeServer
def contexts():
    return sum(isinstance(one, ssl.SSLContext) for one in gc.get_objects())
with FakeServer() as server, PromptJuggler(server.api_key, base_url=server.url) as pj:
    server.add_prompt("p", str)
    pj.get_prompt("p", 1)
    print(contexts())
pj = PromptJuggler("k")
print(contexts())
context = pj._transport.context()
print(contexts())
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=ENV,
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("0\n0\n1\n", "")


def test_a_context_that_cannot_be_made_was_not_sent(monkeypatch, tmp_path):
    """The run was certainly not started: no connection was made for it."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "missing" / "keys"))
    with PromptJuggler("k", base_url="https://localhost:1", proxy=False) as pj:
        with pytest.raises(NetworkError) as caught:
            pj.run_prompt("greeting", 1, {})
        assert caught.value.request_sent is False
        assert str(caught.value).startswith("could not connect to localhost")
