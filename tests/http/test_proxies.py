"""Proxies: from the argument and from the environment, for http and through tunnels for https."""

import base64
import contextlib
import socket
import ssl
import time
import urllib.request

import pytest
from helpers.calls import (
    RUN_ID,
    answer_all,
    client_of,
    moved_names,
    port_without_answer,
    refusing_port,
)
from helpers.clock import replace_clock
from helpers.servers import (
    CA_FILE,
    PATIENCE,
    ConnectProxy,
    ScriptedServer,
    client_context,
    respond,
    server_context,
)

from promptjuggler import (
    ApiError,
    NetworkError,
    RequestTimeout,
    ValidationError,
)
from promptjuggler._http.proxy import proxy_of_environment

RUN = {
    "id": RUN_ID,
    "status": "completed",
    "createdAt": "2026-01-02T03:04:05Z",
    "emitted": [],
    "transcript": [],
}
PASSWORD = "p@ss/w:örd%21"
QUOTED = "p%40ss%2Fw%3A%C3%B6rd%2521"
BOTH = pytest.mark.parametrize("scheme", ["http", "https"])


@contextlib.contextmanager
def server_and_proxy(scheme, cert="server", **options):
    """A server, a base URL of it by a name that only the proxy can find, and a proxy
    that leads to it.
    """
    tls = server_context(cert) if scheme == "https" else None
    with (
        ScriptedServer(respond((200, RUN)), tls=tls) as server,
        ConnectProxy(target=("127.0.0.1", server.port), **options) as proxy,
    ):
        yield server, proxy


@pytest.fixture(autouse=True)
def private_ca(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))


def client(url, **options):
    """A client that follows the environment."""
    options = {"max_retries": 0, "ssl_context": None, "proxy": None, **options}
    return client_of(url, api_key="test-key", **options)


def url_of(proxy, userinfo=""):
    return f"http://{userinfo}127.0.0.1:{proxy.port}"


def call(url, **options):
    with client(url, **options) as pj:
        pj.get_prompt_run(RUN_ID)


def test_a_request_for_http_goes_through_the_proxy_with_the_whole_url():
    with server_and_proxy("http") as (server, proxy):
        call("http://api.invalid:8080/pj", proxy=url_of(proxy))
        (request,) = proxy.requests
        assert (request.method, request.target) == (
            "GET",
            f"http://api.invalid:8080/pj/api/v1/promptruns/{RUN_ID}",
        )
        assert request.headers["host"] == "api.invalid:8080"
        assert "proxy-authorization" not in request.headers
        assert server.requests[0].headers["authorization"] == "Bearer test-key"


def test_a_request_for_https_goes_through_a_tunnel_in_which_the_proxy_reads_nothing():
    with server_and_proxy("https") as (server, proxy):
        call(f"https://localhost:{server.port}/pj", proxy=url_of(proxy))
        (request,) = proxy.requests
        assert (request.method, request.target) == (
            "CONNECT",
            f"localhost:{server.port}",
        )
        assert b"test-key" not in request.head
        (request,) = server.requests
        assert request.target == f"/pj/api/v1/promptruns/{RUN_ID}"
        # The host is that of the API, not of the proxy: servers choose by it whom they are.
        assert request.headers["host"] == f"localhost:{server.port}"
        assert request.headers["authorization"] == "Bearer test-key"


def test_in_a_tunnel_the_server_name_and_the_certificate_are_those_of_the_api():
    asked = []
    tls = server_context("other")
    tls.sni_callback = lambda sock, name, context: asked.append(name)
    with (
        ScriptedServer(respond((200, RUN)), tls=tls) as server,
        ConnectProxy(target=("127.0.0.1", server.port)) as proxy,
    ):
        proxy_url = f"http://localhost:{proxy.port}"
        call("https://other.example", proxy=proxy_url)
        call("https://other.example:8443", proxy=proxy_url)
        assert asked == ["other.example"] * 2
        assert [request.target for request in proxy.requests] == [
            "other.example:443",
            "other.example:8443",
        ]
        assert [request.headers["host"] for request in server.requests] == [
            "other.example",
            "other.example:8443",
        ]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_in_a_tunnel_a_certificate_of_the_proxys_own_name_is_not_trusted(name):
    """Who can answer for the proxy cannot answer for the API."""
    with server_and_proxy("https") as (server, proxy):
        with pytest.raises(NetworkError) as caught:
            call("https://other.example", proxy=f"http://{name}:{proxy.port}")
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert "other.example" in str(caught.value.__cause__)
        assert caught.value.request_sent is False
        assert (server.connections, server.requests) == (1, [])


@BOTH
def test_a_proxy_without_a_port_is_at_port_80(scheme, monkeypatch):
    with server_and_proxy(scheme) as (server, proxy):
        asked = moved_names(monkeypatch, {("proxy.example", 80): proxy.port})
        call(f"{scheme}://localhost:{server.port}", proxy="http://proxy.example")
        assert asked == [("proxy.example", 80)]
        assert len(proxy.requests) == len(server.requests) == 1


@BOTH
def test_the_name_of_the_host_is_looked_up_by_the_proxy(scheme):
    with server_and_proxy(scheme) as (server, proxy):
        with contextlib.suppress(NetworkError):  # the certificate is for another name
            call(f"{scheme}://api.invalid", proxy=url_of(proxy))
        assert proxy.requests[0].target.startswith(
            "http://api.invalid/" if scheme == "http" else "api.invalid:443"
        )
        assert server.connections == 1


@BOTH
def test_the_user_and_the_password_of_the_url_are_sent_to_the_proxy_and_not_to_the_server(
    scheme,
):
    with server_and_proxy(scheme, user="ann", password=PASSWORD) as (server, proxy):
        call(
            f"{scheme}://localhost:{server.port}", proxy=url_of(proxy, f"ann:{QUOTED}@")
        )
        (request,) = proxy.requests
        given = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
        assert request.headers["proxy-authorization"] == f"Basic {given}"
        assert "proxy-authorization" not in server.requests[0].headers


@BOTH
def test_a_user_without_a_password_is_sent_too(scheme):
    with server_and_proxy(scheme, user="ann", password="") as (server, proxy):
        call(f"{scheme}://localhost:{server.port}", proxy=url_of(proxy, "ann@"))
        assert len(server.requests) == 1


@BOTH
def test_connections_through_a_proxy_are_kept_alive(scheme):
    with server_and_proxy(scheme, user="ann", password="pw") as (server, proxy):
        with client(
            f"{scheme}://localhost:{server.port}", proxy=url_of(proxy, "ann:pw@")
        ) as pj:
            for _ in range(3):
                pj.get_prompt_run(RUN_ID)
        assert proxy.connections == 1
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    "variable", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]
)
@pytest.mark.parametrize(
    "form",
    [
        "http://127.0.0.1:{}",
        "127.0.0.1:{}",
        "http://127.0.0.1:{}/",
        "HTTP://127.0.0.1:{}",
    ],
)
def test_the_environment_names_the_proxy_in_upper_and_lower_case(
    variable, form, monkeypatch
):
    scheme = variable.lower().partition("_")[0]
    with server_and_proxy(scheme, "other") as (server, proxy):
        monkeypatch.setenv(variable, form.format(proxy.port))
        call(f"{scheme}://other.example:{server.port}")
        assert len(proxy.requests) == len(server.requests) == 1


def test_a_variable_is_for_its_own_scheme_alone(monkeypatch):
    with server_and_proxy("http") as (server, proxy):
        monkeypatch.setenv("HTTPS_PROXY", url_of(proxy))
        call(server.url)
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    "hosts",
    [
        "other.example",
        "a.example, other.example",
        "*",
        "other.example:{port}",
        "OTHER.EXAMPLE",
    ],
)
@BOTH
def test_no_proxy_is_honoured(variable, hosts, scheme, monkeypatch):
    with server_and_proxy(scheme, "other") as (server, proxy):
        moved_names(monkeypatch, {("other.example", server.port): server.port})
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", url_of(proxy))
        monkeypatch.setenv(variable, hosts.format(port=server.port))
        call(f"{scheme}://other.example:{server.port}")
        assert (proxy.connections, len(server.requests)) == (0, 1)


@pytest.mark.parametrize("no_proxy", [None, "", "other.example"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@BOTH
def test_a_loopback_address_goes_through_no_proxy_of_the_environment(
    no_proxy, host, scheme, monkeypatch
):
    with server_and_proxy(scheme) as (server, proxy):
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", url_of(proxy))
        if no_proxy is not None:
            monkeypatch.setenv("NO_PROXY", no_proxy)
        call(f"{scheme}://{host}:{server.port}")
        assert (proxy.connections, len(server.requests)) == (0, 1)


def test_a_proxy_that_was_given_is_used_for_a_loopback_address_too():
    with server_and_proxy("http") as (server, proxy):
        call(server.url, proxy=url_of(proxy))
        assert len(proxy.requests) == len(server.requests) == 1


LOOPBACK = [
    ("localhost", True),
    ("LocalHost:8080", True),
    ("localhost.", True),
    ("localhost.:80", True),
    ("app.localhost:80", True),
    ("127.0.0.1", True),
    ("127.255.0.3:80", True),
    ("[::1]", True),
    ("[::1]:80", True),
    ("[0:0:0:0:0:0:0:1]:80", True),
    ("[::2]", False),
    ("[::ffff:10.0.0.1]", False),
    ("128.0.0.1", False),
    ("localhost.example", False),
    ("notlocalhost", False),
    ("127.0.0.1.example:80", False),
    ("0.0.0.0", False),
]


@pytest.mark.parametrize(("host", "is_loopback"), LOOPBACK)
def test_what_is_a_loopback_address(host, is_loopback, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert (proxy_of_environment("http", host) is None) == is_loopback


@pytest.mark.parametrize(
    ("no_proxy", "bypassed"),
    [
        ("fd00::1", True),
        ("[fd00::1]", True),
        ("fd00:0:0:0:0:0:0:1", True),
        ("[fd00::0:1]", True),
        ("a.example,fd00::1", True),
        ("a.example fd00::1", True),
        ("fd00::/64", True),
        ("fd00::1/128", True),
        ("[fd00::1]:8080", True),
        ("fd00::2,[fd00::1]:1,fd00::1/x,::/129x,fe00::1/16,0.0.0.0/0", False),
    ],
)
@pytest.mark.parametrize("host", ["[fd00::1]:8080", "[fd00:0:0:0:0:0:0:1]:8080"])
@BOTH
def test_no_proxy_for_an_ipv6_address_is_honoured_however_it_is_written(
    no_proxy, bypassed, host, scheme, monkeypatch
):
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_of_environment(scheme, host) is None) == bypassed


# As curl reads it, but for the last two, which are Python's own.
BYPASSED = [
    ("api.example", "example", True),
    ("api.example", ".example", True),
    ("api.example", "api.example.", True),
    ("api.example.", "api.example", True),
    ("API.example", "api.EXAMPLE", True),
    ("api.example", "pi.example", False),
    ("api.example", "b.api.example", False),
    ("api.example", ".", False),
    ("api.example", "", False),
    ("api.example", "one, two three,example", True),
    ("10.1.2.3", "10.1.2.3", True),
    ("10.1.2.3", "10.0.0.0/8", True),
    ("10.1.2.3", "10.1.2.0/25", True),
    ("10.1.2.200", "10.1.2.0/25", False),
    ("10.1.2.3", "2.3", False),
    ("10.1.2.3", "10.1.2.3/", True),
    ("10.1.2.3", "0.0.0.0/0", True),
    ("api.example:81", "api.example:81", True),
    ("api.example:81", "example:82", False),
]


@pytest.mark.parametrize(("host", "no_proxy", "bypassed"), BYPASSED)
def test_no_proxy_is_read_as_curl_does(host, no_proxy, bypassed, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy_of_environment("http", host) is None) == bypassed


def test_no_proxy_of_another_host_changes_nothing(monkeypatch):
    with server_and_proxy("http") as (_, proxy):
        monkeypatch.setenv("HTTP_PROXY", url_of(proxy))
        monkeypatch.setenv("NO_PROXY", "example.com,ther.example,127.0.0.1")
        call("http://other.example:1")
        assert len(proxy.requests) == 1


@BOTH
def test_false_uses_no_proxy_whatever_the_environment_says(scheme, monkeypatch):
    with server_and_proxy(scheme) as (server, proxy):
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", url_of(proxy))
        call(f"{scheme}://localhost:{server.port}", proxy=False)
        assert (proxy.connections, len(server.requests)) == (0, 1)


@BOTH
def test_a_proxy_that_was_given_wins_over_the_environment_and_over_no_proxy(
    scheme, monkeypatch
):
    with server_and_proxy(scheme) as (server, proxy):
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "*")
        call(f"{scheme}://localhost:{server.port}", proxy=url_of(proxy))
        assert len(proxy.requests) == len(server.requests) == 1


@BOTH
def test_with_an_opener_the_proxy_of_the_environment_is_not_used_on_top(
    scheme, monkeypatch
):
    """Nor its password: what goes through an opener is the opener's own business."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=client_context()),
    )
    with server_and_proxy(scheme) as (server, proxy):
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", url_of(proxy, "ann:secret-pw@"))
        call(f"{scheme}://localhost:{server.port}", opener=opener)
        (request,) = server.requests
        assert request.target == f"/api/v1/promptruns/{RUN_ID}"
        assert "proxy-authorization" not in request.headers
        assert proxy.connections == 0
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", "socks5://nonsense:port")
        call(f"{scheme}://localhost:{server.port}", opener=opener)
    with refusing_port() as port, pytest.raises(NetworkError) as caught:
        call(f"{scheme}://127.0.0.1:{port}", opener=opener)
    assert caught.value.request_sent is False
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_407_to_a_plain_request_is_an_api_error():
    with server_and_proxy("http", user="ann", password="right") as (server, proxy):
        with pytest.raises(ApiError) as caught:
            call("http://localhost:1", proxy=url_of(proxy, "ann:wrong-pw@"))
        assert (caught.value.status_code, server.connections) == (407, 0)
        assert (
            str(caught.value) == f"who are you? (from the proxy 127.0.0.1:{proxy.port})"
        )


def test_407_to_a_connect_is_a_network_error_and_nothing_was_sent():
    with server_and_proxy("https", user="ann", password="right") as (server, proxy):
        with pytest.raises(NetworkError) as caught:
            call("https://localhost:1", proxy=url_of(proxy, "ann:wrong-pw@"))
        assert (caught.value.request_sent, server.connections) == (False, 0)
        assert "407" in str(caught.value)
        assert "wrong-pw" not in str(caught.value)


def refuse_with(status):
    """A proxy that answers every CONNECT so."""
    return ScriptedServer(respond((status, "no", {}, None, False)))


CALLS = {
    "call": lambda pj: pj.get_prompt_run(RUN_ID),
    "wait": lambda pj: pj.wait_for_prompt_run(RUN_ID, timeout=PATIENCE),
    "run": lambda pj: pj.run_prompt("p", 1, {}),
}


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("kind", CALLS)
def test_a_proxy_that_wants_another_password_is_asked_once(kind, status):
    """Each further attempt brings nearer that the account is locked."""
    with refuse_with(status) as proxy:
        url = f"http://ann:wrong-pw@127.0.0.1:{proxy.port}"
        with (
            client("https://api.invalid", proxy=url, max_retries=3) as pj,
            pytest.raises(
                NetworkError, match=f"no tunnel through .*: {status} "
            ) as caught,
        ):
            CALLS[kind](pj)
        assert (caught.value.attempts, len(proxy.requests)) == (1, 1)
        assert caught.value.request_sent is False
        assert "wrong-pw" not in str(caught.value)


@pytest.mark.parametrize("kind", CALLS)
def test_a_password_that_is_wrong_for_plain_requests_is_sent_once_too(kind):
    with server_and_proxy("http", user="ann", password="right") as (server, proxy):
        url = url_of(proxy, "ann:wrong-pw@")
        with (
            client("http://api.invalid", proxy=url, max_retries=3) as pj,
            pytest.raises(ApiError) as caught,
        ):
            CALLS[kind](pj)
        assert (caught.value.status_code, caught.value.attempts) == (407, 1)
        assert (len(proxy.requests), server.connections) == (1, 0)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_tunnel_that_is_refused_otherwise_is_asked_for_again(status):
    with refuse_with(status) as proxy:
        with (
            client("https://api.invalid", proxy=url_of(proxy), max_retries=2) as pj,
            pytest.raises(NetworkError) as caught,
        ):
            pj.run_prompt("p", 1, {})
        assert (caught.value.attempts, len(proxy.requests)) == (3, 3)


# --- who failed ---


@BOTH
def test_a_proxy_that_is_down_is_named_as_what_failed(scheme):
    with ConnectProxy() as gone:
        url, port = url_of(gone, "ann:secret-pw@"), gone.port
    with pytest.raises(NetworkError) as caught:
        call(f"{scheme}://api.invalid", proxy=url)
    text = f"could not connect to the proxy 127.0.0.1:{port} (for api.invalid"
    assert str(caught.value).startswith(text)
    assert "secret-pw" not in str(caught.value)


@BOTH
def test_a_proxy_whose_name_nobody_knows_is_named_as_what_failed(scheme, monkeypatch):
    def getaddrinfo(*_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NetworkError) as caught:
        call(f"{scheme}://api.invalid", proxy="http://proxy.example")
    text = "could not connect to the proxy proxy.example:80 (for api.invalid"
    assert str(caught.value).startswith(text)


@BOTH
def test_a_proxy_that_swallows_packets_is_named_as_what_failed(scheme):
    with port_without_answer() as port, pytest.raises(RequestTimeout) as caught:
        call(f"{scheme}://api.invalid", proxy=f"http://127.0.0.1:{port}", timeout=0.15)
    text = f"no connection to the proxy 127.0.0.1:{port} (for api.invalid"
    assert str(caught.value).startswith(text)
    assert caught.value.request_sent is False


def test_a_proxy_that_is_silent_about_a_tunnel_is_named_as_what_failed():
    with ConnectProxy(behaviour="silent") as proxy:
        with pytest.raises(RequestTimeout) as caught:
            call("https://api.invalid", proxy=url_of(proxy), timeout=0.15)
        text = f"no tunnel through the proxy 127.0.0.1:{proxy.port} (for api.invalid"
        assert str(caught.value).startswith(text)


def test_a_run_is_started_once_also_where_the_tunnel_is_only_made_at_the_second_attempt():
    with server_and_proxy("https", behaviour="refuse") as (server, proxy):
        url = f"https://localhost:{server.port}"
        with client(url, proxy=url_of(proxy), max_retries=1) as pj:
            replace_clock(
                pj, sleep=lambda seconds: setattr(proxy, "behaviour", "forward")
            )
            pj.get_prompt_run(RUN_ID)
        assert [request.method for request in proxy.requests] == ["CONNECT", "CONNECT"]
        assert len(server.requests) == 1


@BOTH
def test_a_wrong_password_of_a_proxy_is_sent_once_a_call_and_ends_a_wait(scheme):
    with server_and_proxy(scheme, user="ann", password="right") as (_, proxy):
        proxy_url = url_of(proxy, "ann:wrong-pw@")
        with client(f"{scheme}://localhost:1", proxy=proxy_url, max_retries=2) as pj:
            for call in (
                lambda: pj.get_prompt_run(RUN_ID),
                lambda: pj.delete_knowledge_document(RUN_ID),
                lambda: pj.run_prompt("p", 1, {}),
                lambda: pj.upload_documents("docs", [("a", b"x")]),
                lambda: pj.wait_for_prompt_run(RUN_ID, timeout=10),
            ):
                before = len(proxy.requests)
                with pytest.raises((ApiError, NetworkError)) as caught:
                    call()
                assert len(proxy.requests) == before + 1
                assert caught.value.attempts == 1
            assert pj.delays == []


@pytest.mark.parametrize(
    ("status", "attempts"), [(401, 1), (407, 1), (403, 3), (502, 3), (503, 3)]
)
def test_a_tunnel_is_asked_for_again_unless_the_proxy_wants_another_password(
    status, attempts
):
    handler = respond((status, "no"))
    with (
        ScriptedServer(handler) as proxy,
        client("https://api.invalid", proxy=proxy.url, max_retries=2) as pj,
    ):
        with pytest.raises(NetworkError, match=f": {status} ") as caught:
            pj.get_prompt_run(RUN_ID)
        assert (caught.value.attempts, len(proxy.requests)) == (attempts, attempts)


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("kind", CALLS)
def test_under_an_opener_too_a_proxy_that_wants_another_password_is_asked_once(
    kind, status
):
    with refuse_with(status) as proxy:
        url = f"http://ann:wrong-pw@127.0.0.1:{proxy.port}"
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"https": url})
        )
        with (
            client("https://api.invalid", opener=opener, max_retries=3) as pj,
            pytest.raises(NetworkError, match=f": {status} "),
        ):
            CALLS[kind](pj)
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("kind", CALLS)
def test_a_proxy_of_plain_http_that_wants_another_password_is_asked_once(kind):
    with refuse_with(407) as proxy:
        url = f"http://ann:wrong-pw@127.0.0.1:{proxy.port}"
        with (
            client("http://api.invalid", proxy=url, max_retries=3) as pj,
            pytest.raises(ApiError),
        ):
            CALLS[kind](pj)
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("status", [201, 299])
def test_any_successful_answer_to_connect_makes_a_tunnel(status):
    """RFC 9110, 9.3.6."""
    with ScriptedServer(answer_all, tls=server_context()) as server:

        def handler(conn):
            conn.read_head()
            with socket.create_connection(("127.0.0.1", server.port)) as other:
                conn.send(f"HTTP/1.1 {status} x\r\n\r\n".encode())
                conn.tunnel(other)

        with ScriptedServer(handler) as proxy:
            url = f"https://localhost:{server.port}"
            context = client_context()
            with client(url, proxy=proxy.url, ssl_context=context) as pj:
                assert str(pj.get_knowledge_document(RUN_ID).id) == RUN_ID


# Which of the two has failed


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://api.invalid", "api.invalid"),
        ("https://api.invalid", "api.invalid"),
        ("https://api.invalid:8443/x", "api.invalid:8443"),
    ],
)
def test_a_proxy_that_is_down_or_not_known_is_named_as_the_one_that_failed(url, host):
    with ConnectProxy() as gone:
        pass
    for address, cause in (
        (f"127.0.0.1:{gone.port}", ConnectionRefusedError),
        ("proxy.invalid:3128", socket.gaierror),
    ):
        with pytest.raises(NetworkError) as caught:
            call(url, proxy=f"http://ann:secret-pw@{address}")
        text = f"could not connect to the proxy {address} (for {host}): "
        assert str(caught.value).startswith(text)
        assert isinstance(caught.value.__cause__, cause)


def test_a_proxy_without_an_answer_is_named_as_the_one_that_failed():
    with port_without_answer() as port, pytest.raises(RequestTimeout) as caught:
        call("https://api.invalid", proxy=f"http://127.0.0.1:{port}", timeout=0.1)
    assert str(caught.value) == (
        f"no connection to the proxy 127.0.0.1:{port} (for api.invalid) within 0.1 s"
    )
    with ConnectProxy(behaviour="silent") as proxy:
        with pytest.raises(RequestTimeout) as caught:
            call("https://api.invalid", proxy=url_of(proxy), timeout=0.1)
        assert str(caught.value) == (
            f"no tunnel through the proxy 127.0.0.1:{proxy.port} (for api.invalid)"
            " within 0.1 s"
        )


def test_a_tunnel_that_is_refused_names_the_proxy_and_what_it_said():
    with ConnectProxy(behaviour="refuse") as proxy:
        with pytest.raises(NetworkError) as caught:
            call("https://api.invalid", proxy=url_of(proxy))
        assert str(caught.value) == (
            f"no tunnel through the proxy 127.0.0.1:{proxy.port} (for api.invalid):"
            " 502 Bad Gateway"
        )


@pytest.mark.parametrize("kind", ["call", "wait"])
def test_a_proxy_that_makes_a_tunnel_and_talks_in_it_itself_is_an_error_at_once(kind):
    """As one that shows a page, and calls it a success."""

    def handler(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\n<html>\x1b[1mblocked by policy</html>\n")
        conn.hang()

    with ScriptedServer(handler) as proxy:
        pj = client_of("https://api.invalid", proxy=proxy.url, timeout=PATIENCE)
        begun = time.monotonic()
        with pytest.raises(NetworkError) as caught:
            CALLS[kind](pj)
        assert time.monotonic() - begun < PATIENCE / 2
        assert str(caught.value) == (
            f"no tunnel through the proxy 127.0.0.1:{proxy.port} (for api.invalid):"
            " the proxy made a tunnel, and sent something itself:"
            r" '<html>\x1b[1mblocked by policy</html>'"
        )
        assert proxy.connections == caught.value.attempts == 1
        assert not caught.value.request_sent


def test_an_answer_that_is_lost_behind_a_proxy_names_both():
    with ScriptedServer(lambda conn: (conn.read_request(), conn.close())) as proxy:
        with pytest.raises(NetworkError) as caught:
            call("http://api.invalid:81", proxy=proxy.url)
        assert str(caught.value).startswith(
            "no complete answer from api.invalid:81"
            f" (through the proxy 127.0.0.1:{proxy.port}): "
        )


@BOTH
def test_a_proxy_that_nobody_answers_for_is_a_network_error_and_nothing_was_sent(
    scheme,
):
    with ConnectProxy() as gone:
        url = url_of(gone, "ann:secret-pw@")
    with pytest.raises(NetworkError) as caught:
        call(f"{scheme}://api.invalid", proxy=url)
    assert (caught.value.request_sent, type(caught.value.__cause__)) == (
        False,
        ConnectionRefusedError,
    )
    assert "secret-pw" not in str(caught.value)


def test_a_proxy_that_does_not_answer_a_connect_runs_into_the_timeout():
    with ConnectProxy(behaviour="silent") as proxy:
        with pytest.raises(RequestTimeout) as caught:
            call("https://api.invalid", proxy=url_of(proxy), timeout=0.15)
        assert caught.value.request_sent is False


MALFORMED = [
    "", " ", "http://", "http://proxy example:3128", "://x", "http://:3128", "http://ann:secret-pw@", "http://ann:secret-pw@:3128",
    "http://ann:secret-pw@proxy.example:port", "http://ann:secret-pw@proxy.example:99999",
    "http://ann:secret-pw@[::1", "https://ann:secret-pw@proxy.example:3128", "socks5://ann:secret-pw@proxy.example",
    "ftp://proxy.example", "ann:secret-pw@:80", "http://proxy\n.example", "http://a\tnn:secret-pw@proxy.example",
    "http://ann:secret-pw\r@proxy.example",
]  # fmt: skip


@pytest.mark.parametrize("url", MALFORMED)
def test_a_proxy_that_is_no_url_of_an_http_proxy_is_refused_and_not_shown(url):
    with pytest.raises(
        ValidationError, match="^proxy must be the URL of an HTTP proxy, such as "
    ) as caught:
        client("https://api.invalid", proxy=url)
    assert "secret-pw" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://ann:/secret-pw@proxy.example:3128", "http://ann:?secret-pw@proxy.example:3128",
        "http://ann:#secret-pw@proxy.example:3128", "http://ann#secret-pw@proxy.example:3128",
        "ann/secret-pw@proxy.example:3128", "http://ann:sec/secret-pw@proxy.example:3128",
        "http://proxy.example:3128/secret-pw", "http://proxy.example:3128?secret-pw", "http://proxy.example?",
        "http://proxy.example#", "http://127.0.0.1:3128/#secret-pw",
    ],
)  # fmt: skip
def test_what_stands_unencoded_in_a_password_is_not_taken_for_the_end_of_the_host(url):
    """The name of the user would be that of the proxy, and the key would go there."""
    with pytest.raises(ValidationError) as caught:
        client("http://api.invalid", proxy=url)
    assert "secret-pw" not in str(caught.value)
    assert "ann" not in str(caught.value)
    assert str(caught.value).endswith(
        "; in a user name or password, / ? # are to be percent-encoded"
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1].evil.example", "http://[::1].evil.example:3128", "http://[::1]x:3128", "http://[proxy.example]:1",
        "http://::1:3128", "http://a..b:3128", "http://a_b!:3128", f"http://{'a' * 64}:3128", "http://1.2.3:80",
        "http://a.example:0", "http://a.example:+80", "http://a.example:8_0", "http://[fe80::1%25eth0]:80",
        "http://[::1", "http://[]", "http://[::1]:99999",
    ],
)  # fmt: skip
def test_what_can_be_no_host_or_could_be_two_is_no_proxy(url):
    with pytest.raises(
        ValidationError, match="^proxy must be the URL of an HTTP proxy"
    ):
        client("http://api.invalid", proxy=url)


def test_the_text_says_that_a_proxy_over_tls_is_not_possible():
    with pytest.raises(ValidationError, match="no https://"):
        client("https://api.invalid", proxy="https://proxy.example:3128")


@BOTH
@pytest.mark.parametrize("url", [url for url in MALFORMED if url])
def test_a_malformed_proxy_of_the_environment_is_refused_when_it_is_needed_and_its_variable_is_named(
    scheme, url, monkeypatch
):
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", url)
    text = f"^{scheme.upper()}_PROXY must be the URL of an HTTP proxy"
    with (
        client(f"{scheme}://api.invalid") as pj,
        pytest.raises(ValidationError, match=text) as caught,
    ):
        pj.run_prompt("p", 1, {})
    assert "secret-pw" not in str(caught.value)


def test_an_empty_variable_is_no_proxy(monkeypatch):
    with ScriptedServer(respond((200, RUN))) as server:
        monkeypatch.setenv("HTTP_PROXY", "")
        call(server.url)
        assert len(server.requests) == 1


def test_a_host_that_is_an_ipv6_address_keeps_its_brackets_in_a_tunnel():
    with (
        ScriptedServer(respond((200, RUN)), tls=server_context(), host="::1") as server,
        ConnectProxy() as proxy,
    ):
        call(server.url, proxy=url_of(proxy))
        (request,) = proxy.requests
        assert (request.method, request.target) == ("CONNECT", f"[::1]:{server.port}")
        assert request.headers["host"] == f"[::1]:{server.port}"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
@pytest.mark.parametrize(
    "header", ["Content-Length: 5", "Content-Length: 5, 6", "Transfer-Encoding: odd"]
)
def test_any_successful_answer_makes_a_tunnel_and_has_no_body_whatever_it_says(
    status, header
):
    """RFC 9110, 9.3.6."""

    def handler(conn):
        conn.read_request()
        with socket.create_connection(("localhost", server.port), PATIENCE) as other:
            conn.send(f"HTTP/1.1 {status} Yes\r\n{header}\r\n\r\n".encode())
            conn.tunnel(other)

    with (
        ScriptedServer(respond((200, RUN)), tls=server_context()) as server,
        ScriptedServer(handler) as proxy,
        client(server.url, proxy=url_of(proxy), max_retries=0) as pj,
    ):
        assert pj.get_prompt_run(RUN_ID).status == "completed"
