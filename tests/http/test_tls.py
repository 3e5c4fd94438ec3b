"""TLS: whom the client trusts, what it says where it does not, and how often it builds
a context.
"""

import contextlib
import os
import re
import resource
import signal
import ssl
import subprocess
import sys
import threading
import time
import warnings

import pytest
from helpers.calls import RUN_ID, client_of, eventually, in_threads
from helpers.clock import replace_clock
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
from promptjuggler._http import certificates

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
    """The text of the error of a call, which is not sent, and not tried again."""
    with client(server, **options) as pj, pytest.raises(NetworkError) as caught:
        call(pj)
    error = caught.value
    assert type(error) is NetworkError
    assert isinstance(error.__cause__, ssl.SSLError)
    assert (error.request_sent, error.attempts, server.connections) == (False, 1, 1)
    assert server.requests == []
    assert str(error).startswith(f"could not connect to localhost:{server.port}: [SSL")
    return str(error)


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


def test_an_unknown_ca_is_not_trusted_and_the_text_says_what_was_used():
    with https_server() as server:
        text = is_not_trusted(server)
        assert text.endswith(
            " (the certificates of the system were used; for a private certificate"
            " authority, pass ssl_context= or set SSL_CERT_FILE)"
        )
    # Who has given a context need not hear that it can be given.
    with https_server() as server:
        text = is_not_trusted(server, ssl_context=ssl.create_default_context())
        assert text.endswith(
            " (the ssl_context= that was given does not trust its authority)"
        )


def folder(path):
    path.mkdir()


def unreadable(path):
    """Root may read everything, but for what would be on a device that is not there."""
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "which is not there"),
        (lambda path: path.touch(), "which is empty"),
        (lambda path: path.write_text("no certificate"), "which holds no certificate"),
        (folder, "which "),
        (unreadable, "which cannot be read: Too many levels of symbolic links"),
        (
            lambda path: path.write_bytes((TLS / "lax_ca.pem").read_bytes()),
            "which does not hold the authority of this server",
        ),
    ],
)
def test_the_text_names_the_file_of_ssl_cert_file_and_what_is_wrong_with_it(
    monkeypatch, tmp_path, make, said
):
    path = tmp_path / "ca.pem"
    make(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with https_server() as server:
        text = is_not_trusted(server)
        assert f" (SSL_CERT_FILE is {str(path)!r}, {said}" in text


def test_the_text_names_what_ssl_cert_dir_and_an_empty_variable_are(monkeypatch):

    def text():
        with https_server() as server:
            return is_not_trusted(server)

    monkeypatch.setenv("SSL_CERT_DIR", str(TLS))
    assert f" (SSL_CERT_DIR is {str(TLS)!r}, in which OpenSSL finds no" in text()
    monkeypatch.setenv("SSL_CERT_DIR", "/no/such/folder")
    assert " (SSL_CERT_DIR is '/no/such/folder', which is not there; for" in text()
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert " (SSL_CERT_FILE is '', which is no path; for" in text()


def test_a_self_signed_certificate_is_not_trusted(monkeypatch):
    with https_server("self_signed") as server:
        is_not_trusted(server, ssl_context=client_context())


@pytest.mark.parametrize(
    ("cert", "said"),
    [
        ("other", "certificate is not valid for 'localhost'"),
        ("expired", "certificate has expired"),
    ],
)
@pytest.mark.parametrize("given", [False, True])
def test_of_a_wrong_host_and_of_an_expired_certificate_nothing_but_that_is_said(
    monkeypatch, cert, said, given
):
    """Another authority would not help."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))
    context = client_context() if given else None
    with https_server(cert) as server:
        text = is_not_trusted(server, ssl_context=context)
        # Python adds the line of its source.
        assert re.search(rf"{said}\.? \(_ssl\.c:\d+\)$", text)


def strict_context():
    """What `ssl.create_default_context` makes since Python 3.13."""
    context = ssl.create_default_context(cafile=TLS / "lax_ca.pem")
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_of_a_certificate_that_only_the_strict_checks_refuse_the_text_names_the_flag():
    """An authority without a key usage, as many private ones are."""
    with https_server("lax") as server:
        text = is_not_trusted(server, ssl_context=strict_context())
        assert "Python 3.13 and later check strictly" in text
        assert "`context.verify_flags &= ~ssl.VERIFY_X509_STRICT`" in text
        context = strict_context()
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        with client(server, ssl_context=context) as pj:
            assert str(pj.get_prompt_run(RUN_ID).id) == RUN_ID


class Pinned(ssl.SSLContext):
    """A context that refuses by itself, as truststore and others do, in its own words."""

    def wrap_socket(self, *arguments, **options):
        sock = super().wrap_socket(*arguments, **options)
        sock.do_handshake = self.refuse
        return sock

    def refuse(self):
        raise ssl.SSLCertVerificationError("the pin is another one")


def test_what_python_code_does_not_trust_is_known_by_its_class():
    context = Pinned(ssl.PROTOCOL_TLS_CLIENT)
    with https_server() as server:
        with (
            client(server, ssl_context=context) as pj,
            pytest.raises(NetworkError, match="the pin is another one") as caught,
        ):
            pj.wait_for_prompt_run(RUN_ID, timeout=1)
        assert caught.value.attempts == 1
        eventually(lambda: server.connections == 1)


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
        if version is ssl.TLSVersion.TLSv1_2:
            assert "client certificate, see ssl_context=, or it has" in str(
                caught.value
            )
        if "CERTIFICATE_REQUIRED" in str(caught.value):  # It can be a reset as well.
            assert str(caught.value).endswith(
                " (the server wants a client certificate that it trusts: see ssl_context=)"
            )


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


def test_a_context_speaks_tls_1_2_at_least_whatever_openssl_was_built_with(monkeypatch):
    """Some builds have their own lowest version there, which is no number of one."""
    usual = ssl.create_default_context

    def lowest():
        context = usual()
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return context

    monkeypatch.setattr(ssl, "create_default_context", lowest)
    context = PromptJuggler("k")._transport.context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


# --- a context that could not load what it should ---


def calls(server, pj):
    assert str(pj.get_prompt_run(RUN_ID).id) == RUN_ID


@pytest.mark.parametrize("preloaded", [False, True])
def test_a_file_of_certificates_may_come_to_be_there_later(
    monkeypatch, tmp_path, preloaded
):
    path = tmp_path / "ca.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with https_server() as server, client(server) as pj:
        if preloaded:
            pj.preload()
        else:
            with pytest.raises(NetworkError, match="which is not there"):
                pj.get_prompt_run(RUN_ID)
        path.write_bytes(CA_FILE.read_bytes())
        assert pj.get_prompt_run(RUN_ID).status == "completed"
        assert pj.get_prompt_run(RUN_ID).status == "completed"
        assert len(server.requests) == 2
        assert server.connections == (1 if preloaded else 2)


def test_a_first_call_while_no_file_can_be_opened_leaves_a_client_that_works(
    monkeypatch,
):
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))
    with https_server() as server, client(server, max_retries=0) as pj:
        with no_free_descriptor(), pytest.raises(NetworkError):
            pj.get_prompt_run(RUN_ID)
        assert pj.get_prompt_run(RUN_ID).status == "completed"


@contextlib.contextmanager
def no_free_descriptor():
    """All descriptors that this process may have are taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# --- signals and forks while the context is made ---


def test_a_signal_handler_can_call_while_its_thread_makes_the_context(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))
    # Not even for the time that a thread waits for another one.
    monkeypatch.setattr(certificates, "_LONGEST_WAIT", PATIENCE)
    usual, results = ssl.create_default_context, []

    def interrupted():
        monkeypatch.setattr(ssl, "create_default_context", usual)
        signal.raise_signal(signal.SIGUSR1)
        return usual()

    with https_server() as server, client(server) as pj:

        def handler(*_):
            results.append(pj.get_prompt_run(RUN_ID).status)

        monkeypatch.setattr(ssl, "create_default_context", interrupted)
        before = signal.signal(signal.SIGUSR1, handler)
        try:
            begun = time.monotonic()
            results.append(pj.get_prompt_run(RUN_ID).status)
            assert time.monotonic() - begun < PATIENCE
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert results == ["completed"] * 2
        # The one of the handler stays: there is one for a client.
        assert server.connections <= 2
        context = pj._transport.context()
        calls(server, pj)
        assert pj._transport.context() is context


def test_nobody_waits_for_long_for_a_thread_that_makes_the_context(monkeypatch):
    """It can wait for this thread itself: a handler that interrupts an import, say."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))
    monkeypatch.setattr(certificates, "_LONGEST_WAIT", 0.05)
    usual, making, enough = (
        ssl.create_default_context,
        threading.Event(),
        threading.Event(),
    )

    def stuck():
        monkeypatch.setattr(ssl, "create_default_context", usual)
        making.set()
        assert enough.wait(PATIENCE)
        return usual()

    with https_server() as server, client(server) as pj:
        monkeypatch.setattr(ssl, "create_default_context", stuck)
        thread = threading.Thread(target=pj._transport.context)
        thread.start()
        assert making.wait(PATIENCE)
        calls(server, pj)
        context = pj._transport.context()
        enough.set()
        thread.join()
        assert pj._transport.context() is context


def test_a_child_of_a_fork_makes_the_context_that_a_thread_of_the_parent_was_making(
    monkeypatch,
):
    usual, making, enough = (
        ssl.create_default_context,
        threading.Event(),
        threading.Event(),
    )
    pj = PromptJuggler("k", base_url="https://localhost:1")

    def slow():
        monkeypatch.setattr(ssl, "create_default_context", usual)
        making.set()
        assert enough.wait(PATIENCE)
        return usual()

    monkeypatch.setattr(ssl, "create_default_context", slow)
    thread = threading.Thread(target=pj._transport.context)
    thread.start()
    assert making.wait(PATIENCE)
    with warnings.catch_warnings():
        # That there are threads is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        begun = time.monotonic()
        pj._transport.context()
        os._exit(0 if time.monotonic() - begun < 0.9 else 1)
    enough.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


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
        assert pj._transport._trust._context is None
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
        replace_clock(pj, sleep=lambda seconds: None)
        with pytest.raises(NetworkError) as caught:
            pj.run_prompt("greeting", 1, {})
        assert caught.value.request_sent is False
        assert str(caught.value).startswith("could not connect to localhost")
