"""What is sent again, how often, and how long is waited before: the rules as such, and
then over real sockets.
"""

from __future__ import annotations

import collections
import email.utils
import random
import time

import pytest
from helpers.calls import (
    CALLS,
    ID,
    REPEATABLE,
    answer,
    answer_all,
    at_once,
    client_of,
    eventually,
    get,
    port_without_answer,
    refusing_port,
)
from helpers.clock import replace_clock
from helpers.servers import (
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
    PromptJuggler,
    RequestTimeout,
    ValidationError,
)
from promptjuggler._http.retry_after import retry_after_seconds
from promptjuggler._retry import may_send_again, seconds_to_wait

PASSING = {408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530}


# --- the rules ---


@pytest.mark.parametrize("sent", [True, False])
def test_of_all_statuses_13_are_passing_and_only_429_says_that_nothing_was_done(sent):
    for status in range(100, 1000):
        assert may_send_again(
            repeatable=True, status_code=status, request_sent=sent
        ) == (status in PASSING)
        assert may_send_again(
            repeatable=False, status_code=status, request_sent=sent
        ) == (status == 429)


@pytest.mark.parametrize(
    ("repeatable", "request_sent", "again"),
    [
        (True, True, True),
        (True, False, True),
        (False, False, True),
        (False, True, False),
    ],
)
def test_without_an_answer_only_what_must_not_be_repeated_and_may_have_arrived_is_not_sent_again(
    repeatable, request_sent, again
):
    assert (
        may_send_again(
            repeatable=repeatable, status_code=None, request_sent=request_sent
        )
        is again
    )


def test_the_delay_doubles_from_half_a_second_to_eight():
    delays = [seconds_to_wait(attempt, None, lambda: 0.0) for attempt in range(1, 8)]
    assert delays == [0.5, 1, 2, 4, 8, 8, 8]


def test_the_delay_stays_at_eight_seconds_however_many_attempts_there_are():
    assert seconds_to_wait(10**6, None, lambda: 0.0) == 8


@pytest.mark.parametrize("chance", [0.0, 0.3, 0.999999])
def test_chance_takes_at_most_a_quarter_off_a_delay(chance):
    for attempt in range(1, 12):
        longest = seconds_to_wait(attempt, None, lambda: 0.0)
        assert (
            longest * 0.75 <= seconds_to_wait(attempt, None, lambda: chance) <= longest
        )


def test_different_chances_give_different_delays():
    assert (
        len(
            {
                seconds_to_wait(1, None, lambda part=part: part / 10)
                for part in range(10)
            }
        )
        == 10
    )


@pytest.mark.parametrize("retry_after", [0.0, 0.001, 1.0, 7.9, 8.0, 30.0, 59.9, 60.0])
def test_the_delay_is_never_less_than_what_the_server_asked_for(retry_after):
    for attempt in range(1, 8):
        for chance in (0.0, 0.5, 0.99):
            assert (
                seconds_to_wait(attempt, retry_after, lambda chance=chance: chance)
                >= retry_after
            )


def test_clients_that_were_told_the_same_time_come_back_at_different_times():
    chances = [0.0, 0.1, 0.5, 0.999]
    delays = [
        seconds_to_wait(1, 5.0, lambda chance=chance: chance) for chance in chances
    ]
    assert delays == pytest.approx([5.0, 5.05, 5.25, 5.4995])


def test_a_short_retry_after_does_not_shorten_the_delay():
    assert seconds_to_wait(4, 0.1, lambda: 0.0) == 4


@pytest.mark.parametrize("retry_after", [60.001, 61, 3600, 1e10, float("inf")])
def test_more_than_a_minute_is_not_waited_for(retry_after):
    assert seconds_to_wait(1, retry_after, lambda: 0.0) is None


# --- statuses ---


@pytest.mark.parametrize(
    "status",
    [
        301,
        400,
        401,
        403,
        404,
        408,
        409,
        413,
        422,
        425,
        429,
        500,
        501,
        502,
        503,
        504,
        519,
        520,
        524,
        525,
        529,
        530,
        599,
    ],
)
@pytest.mark.parametrize("kind", CALLS)
def test_a_call_is_sent_again_after_the_statuses_that_allow_it_and_after_no_other(
    kind, status
):
    again = status in PASSING if kind in REPEATABLE else status == 429
    with (
        ScriptedServer(respond((status, {"error": "not now"}))) as server,
        client_of(server) as client,
    ):
        with pytest.raises(ApiError, match="not now") as caught:
            CALLS[kind](client)
        assert caught.value.status_code == status
        assert len(server.requests) == (3 if again else 1)
        assert caught.value.attempts == len(server.requests)
        assert client.delays == ([0.5, 1.0] if again else [])


@pytest.mark.parametrize("status", sorted(PASSING))
@pytest.mark.parametrize("kind", CALLS)
def test_without_retries_there_is_one_request_whatever_the_status(kind, status):
    server = ScriptedServer(respond((status, "")))
    with server, client_of(server, max_retries=0) as client:
        with pytest.raises(ApiError) as caught:
            CALLS[kind](client)
        assert len(server.requests) == caught.value.attempts == 1
        assert client.delays == []


@pytest.mark.parametrize("kind", CALLS)
def test_a_call_that_was_turned_away_gives_its_result_when_it_is_let_in(kind):
    replies = [(429, ""), (429, ""), lambda conn, request: conn.send(answer(request))]
    with ScriptedServer(respond(*replies)) as server, client_of(server) as client:
        CALLS[kind](client)
        assert len(server.requests) == 3
        assert len({request.body for request in server.requests}) == 1
        assert len({request.target for request in server.requests}) == 1


@pytest.mark.parametrize("retries", [1, 4])
def test_max_retries_says_how_often_a_call_is_sent_again(retries):
    with ScriptedServer(respond((503, ""))) as server, client_of(server) as client:
        with pytest.raises(ApiError) as caught:
            client.with_options(max_retries=retries).get_knowledge_document(ID)
        assert len(server.requests) == caught.value.attempts == retries + 1


@pytest.mark.parametrize("value", [-1, 1.5, "2", True, None])
def test_max_retries_is_a_number_of_at_least_nothing(value):
    with pytest.raises(ValidationError, match="max_retries"):
        PromptJuggler("key", max_retries=value)


# --- no answer ---


def _hang_up_at_once(conn):
    conn.close()


def _hang_up_after_the_head(conn):
    conn.read_head()
    conn.close()


def _hang_up_after_the_request(conn):
    conn.read_request()
    conn.close()


def _reset_after_the_request(conn):
    conn.read_request()
    conn.reset()


def _hang_up_within_the_head_of_the_answer(conn):
    conn.read_request()
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Le")


def _hang_up_within_the_body_of_the_answer(conn):
    conn.read_request()
    conn.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"id":')


def _takes_too_long(clock):
    """A handler that lets the time of an attempt run out, and then begins its answer."""

    def handler(conn):
        conn.read_request()
        conn.wait(0.005)
        clock.move(PATIENCE)
        conn.send(b"H")
        conn.hang()

    return handler


FAILURES = [
    _hang_up_at_once,
    _hang_up_after_the_head,
    _hang_up_after_the_request,
    _reset_after_the_request,
    _hang_up_within_the_head_of_the_answer,
    _hang_up_within_the_body_of_the_answer,
]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    ("kind", "tls"),
    [
        *((kind, False) for kind in CALLS),
        ("GET", True),
        ("prompt", True),
        ("upload", True),
    ],
)
def test_without_a_complete_answer_only_what_may_be_repeated_is_sent_again(
    kind, failure, tls
):
    server = ScriptedServer(failure, tls=server_context() if tls else None)
    with server, client_of(server) as client:
        with pytest.raises(NetworkError) as caught:
            CALLS[kind](client)
        if failure is not _hang_up_at_once:
            # In that case over TLS, the server can be gone before the handshake is at its end.
            assert caught.value.request_sent
        elif not tls:
            assert caught.value.request_sent
        again = kind in REPEATABLE or not caught.value.request_sent
        assert caught.value.attempts == server.connections == (3 if again else 1)
        assert len(client.delays) == caught.value.attempts - 1


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", CALLS)
def test_without_retries_there_is_one_request_whatever_goes_wrong(kind, failure):
    with ScriptedServer(failure) as server, client_of(server, max_retries=0) as client:
        with pytest.raises(NetworkError) as caught:
            CALLS[kind](client)
        assert caught.value.attempts == server.connections == 1


@pytest.mark.parametrize("kind", CALLS)
def test_after_a_timeout_only_what_may_be_repeated_is_sent_again(kind, clock):
    with (
        ScriptedServer(_takes_too_long(clock)) as server,
        client_of(server) as client,
    ):
        with pytest.raises(RequestTimeout) as caught:
            CALLS[kind](client)
        assert caught.value.request_sent
        assert isinstance(caught.value.__cause__, TimeoutError)
        assert caught.value.attempts == (3 if kind in REPEATABLE else 1)
        assert len(client.delays) == caught.value.attempts - 1


def _gets_through(kind, failure):
    """A call of a kind gives its result at the third attempt, after two that fail."""

    def handler(conn):
        (failure if conn.index < 2 else answer_all)(conn)

    with ScriptedServer(handler) as server, client_of(server) as client:
        CALLS[kind](client)
        assert server.connections == 3
        assert client.delays == [0.5, 1.0]


@pytest.mark.parametrize("kind", sorted(REPEATABLE))
@pytest.mark.parametrize("failure", FAILURES)
def test_what_may_be_repeated_gives_its_result_when_it_gets_through(kind, failure):
    _gets_through(kind, failure)


@pytest.mark.parametrize("kind", sorted(REPEATABLE))
def test_what_may_be_repeated_gives_its_result_when_it_gets_through_in_time(
    kind, clock
):
    _gets_through(kind, _takes_too_long(clock))


# --- what certainly did not arrive ---


def _expect_not_sent(client, kind, timeout=False):
    with pytest.raises(RequestTimeout if timeout else NetworkError) as caught:
        CALLS[kind](client)
    assert not caught.value.request_sent
    assert caught.value.attempts == 3
    assert client.delays == [0.5, 1.0]
    assert caught.value.__cause__ is not None
    return caught.value


@pytest.mark.parametrize("kind", CALLS)
def test_a_refused_connection_is_tried_again_for_every_call(kind):
    with refusing_port() as port, client_of(f"http://127.0.0.1:{port}") as client:
        error = _expect_not_sent(client, kind)
        assert isinstance(error.__cause__, ConnectionRefusedError)
        assert f"could not connect to 127.0.0.1:{port}: " in str(error)


@pytest.mark.parametrize("kind", CALLS)
def test_a_run_is_started_once_by_a_server_that_was_not_there_yet(kind):
    with refusing_port() as port:
        client = client_of(f"http://127.0.0.1:{port}")
    servers = []

    def come_up(seconds):
        servers.append(ScriptedServer(answer_all, port=port))

    replace_clock(client, sleep=come_up)
    with client:
        CALLS[kind](client)
    with servers[0]:
        assert len(servers) == len(servers[0].requests) == 1


def test_a_name_that_is_not_known_is_looked_up_again():
    for kind in ("GET", "prompt"):
        with client_of("http://nowhere.invalid") as client:
            assert "nowhere.invalid" in str(_expect_not_sent(client, kind))


def test_a_name_that_cannot_be_a_host_is_never_looked_up():
    with pytest.raises(ValidationError, match="at most 63 characters"):
        client_of(f"http://{'a' * 64}.invalid")


def test_a_connection_that_is_not_made_in_time_is_tried_again():
    def check(kind):
        with client_of(f"http://127.0.0.1:{port}", timeout=0.05) as client:
            assert f"no connection to 127.0.0.1:{port} within 0.05 s" in str(
                _expect_not_sent(client, kind, timeout=True)
            )

    with port_without_answer() as port:
        at_once(check, ["GET", "prompt", "upload"])


@pytest.mark.parametrize("kind", ["GET", "prompt", "upload"])
@pytest.mark.parametrize("first", [b"", b"\x15\x03\x03\x00\x02\x02\x50"])
def test_a_tls_handshake_that_fails_is_tried_again(kind, first):
    def handler(conn):
        conn.sock.recv(10)
        conn.send(first)
        conn.close()

    with (
        ScriptedServer(handler) as server,
        client_of(server.url.replace("http:", "https:")) as client,
    ):
        _expect_not_sent(client, kind)
        assert server.connections == 3


@pytest.mark.parametrize("kind", ["GET", "prompt", "upload"])
def test_a_tls_handshake_in_which_nothing_is_in_common_is_not_tried_again(kind):
    """It is also the alert of TLS 1.2 for who has no client certificate."""

    def handler(conn):
        conn.sock.recv(10)
        conn.send(b"\x15\x03\x03\x00\x02\x02\x28")
        conn.close()

    with (
        ScriptedServer(handler) as server,
        client_of(server.url.replace("http:", "https:")) as client,
    ):
        with pytest.raises(
            NetworkError, match="client certificate, see ssl_"
        ) as caught:
            CALLS[kind](client)
        assert server.connections == 1
        assert not caught.value.request_sent


def test_a_tls_handshake_that_is_not_made_in_time_is_tried_again():
    def check(kind):
        with ScriptedServer(lambda conn: conn.hang()) as server:
            with client_of(
                server.url.replace("http:", "https:"), timeout=0.05
            ) as client:
                _expect_not_sent(client, kind, timeout=True)
            eventually(lambda: server.connections == 3)

    at_once(check, ["GET", "prompt", "upload"])


@pytest.mark.parametrize("kind", ["GET", "prompt", "upload"])
def test_a_tunnel_that_the_proxy_refuses_is_tried_again(kind):
    with (
        ConnectProxy(behaviour="refuse") as proxy,
        client_of("https://api.example", proxy=proxy.url) as client,
    ):
        assert "502" in str(_expect_not_sent(client, kind))
        assert [request.method for request in proxy.requests] == ["CONNECT"] * 3


@pytest.mark.parametrize("kind", ["GET", "prompt", "upload"])
def test_a_proxy_that_is_not_there_is_tried_again(kind):
    with refusing_port() as port:
        for url in ("http://api.example", "https://api.example"):
            with client_of(url, proxy=f"http://127.0.0.1:{port}") as client:
                _expect_not_sent(client, kind)


# --- certificates ---


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("cert", ["self_signed", "other", "expired"])
def test_a_certificate_that_is_not_trusted_is_never_tried_again(kind, cert):
    with (
        ScriptedServer(answer_all, tls=server_context(cert)) as server,
        client_of(server) as client,
    ):
        with pytest.raises(NetworkError, match="certificate") as caught:
            CALLS[kind](client)
        assert server.connections == caught.value.attempts == 1
        assert not caught.value.request_sent
        assert server.requests == client.delays == []


@pytest.mark.parametrize("kind", CALLS)
def test_a_client_certificate_that_is_missing_is_never_tried_again(kind):
    with (
        ScriptedServer(answer_all, tls=server_context(client_ca=True)) as server,
        client_of(server) as client,
    ):
        with pytest.raises(NetworkError) as caught:
            CALLS[kind](client)
        assert server.connections == caught.value.attempts == 1
        assert server.requests == client.delays == []


def test_a_client_certificate_lets_in():
    server = ScriptedServer(answer_all, tls=server_context(client_ca=True))
    with (
        server,
        client_of(server, ssl_context=client_context(with_certificate=True)) as client,
    ):
        get(client)


# --- DELETE and 404 ---


def test_a_document_that_is_not_there_is_an_error_of_the_first_delete():
    with (
        ScriptedServer(respond((404, {"error": "no such document"}))) as server,
        client_of(server) as client,
    ):
        with pytest.raises(ApiError, match="no such document") as caught:
            client.delete_knowledge_document(ID)
        assert caught.value.attempts == len(server.requests) == 1


@pytest.mark.parametrize("replies", [[(204,)], [(503, ""), (404, "")]])
def test_what_a_delete_gives_is_the_same_at_the_first_and_at_a_second_attempt(replies):
    with ScriptedServer(respond(*replies)) as server, client_of(server) as client:
        assert client.delete_knowledge_document(ID) is None
        assert len(server.requests) == len(replies)


@pytest.mark.parametrize("status", sorted(PASSING))
def test_a_delete_that_is_sent_again_and_finds_nothing_has_deleted(status):
    with (
        ScriptedServer(respond((status, ""), (404, ""))) as server,
        client_of(server) as client,
    ):
        assert client.delete_knowledge_document(ID) is None
        assert len(server.requests) == 2


def _has_deleted(failure):
    """A DELETE that fails first and is then answered by 404 has deleted."""

    def handler(conn):
        if conn.index == 0:
            failure(conn)
        else:
            respond((404, ""))(conn)

    with ScriptedServer(handler) as server, client_of(server) as client:
        client.delete_knowledge_document(ID)
        assert server.connections == 2


@pytest.mark.parametrize("failure", FAILURES)
def test_a_delete_whose_answer_was_lost_and_that_then_finds_nothing_has_deleted(
    failure,
):
    _has_deleted(failure)


def test_a_delete_whose_answer_came_too_late_and_that_then_finds_nothing_has_deleted(
    clock,
):
    _has_deleted(_takes_too_long(clock))


def test_a_delete_that_did_not_arrive_before_and_then_finds_nothing_is_an_error():
    with refusing_port() as port:
        client = client_of(f"http://127.0.0.1:{port}")
    servers = []

    def come_up(seconds):
        servers.append(ScriptedServer(respond((404, "")), port=port))

    replace_clock(client, sleep=come_up)
    with client, pytest.raises(ApiError) as caught:
        client.delete_knowledge_document(ID)
    assert caught.value.attempts == 2
    with servers[0]:
        assert len(servers[0].requests) == 1


@pytest.mark.parametrize("retries", [0, 2])
def test_a_delete_that_was_sent_once_more_on_a_fresh_connection_and_finds_nothing_has_deleted(
    retries,
):
    def handler(conn):
        conn.send(answer(conn.read_request()))
        if conn.index == 0:
            conn.read_request()
            conn.close()
        else:
            respond((404, ""))(conn)

    def second(conn):
        respond((404, ""))(conn)

    handlers = [handler, second]
    with (
        ScriptedServer(lambda conn: handlers[conn.index](conn)) as server,
        client_of(server, max_retries=retries) as client,
    ):
        get(client)
        client.delete_knowledge_document(ID)
        assert [request.method for request in server.requests] == [
            "GET",
            "DELETE",
            "DELETE",
        ]
        assert client.delays == []


@pytest.mark.parametrize("kind", sorted(REPEATABLE - {"DELETE"}))
def test_404_is_no_success_for_any_other_call(kind):
    with (
        ScriptedServer(respond((503, ""), (404, ""))) as server,
        client_of(server) as client,
    ):
        with pytest.raises(ApiError) as caught:
            CALLS[kind](client)
        assert (caught.value.status_code, caught.value.attempts) == (404, 2)


# --- Retry-After ---


def _delays_after(value, call="GET", status=429):
    replies = [
        (status, "", {"Retry-After": value}),
        lambda conn, request: conn.send(answer(request)),
    ]
    with ScriptedServer(respond(*replies)) as server, client_of(server) as client:
        CALLS[call](client)
        assert len(server.requests) == 2
        return client.delays


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("0", 0.5),
        ("1", 1.0),
        ("2.5", 2.5),
        ("7", 7.0),
        (" 12 ", 12.0),
        ("59.9", 59.9),
        ("60", 60.0),
        ("007", 7),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_in_seconds_is_waited_for(value, delay, status):
    assert _delays_after(value, status=status) == [delay]


@pytest.mark.parametrize("call", ["prompt", "upload"])
def test_retry_after_is_waited_for_before_a_run_is_started_as_well(call):
    assert _delays_after("9", call) == [9.0]


def test_retry_after_as_a_date_is_waited_for():
    (delay,) = _delays_after(email.utils.formatdate(time.time() + 30, usegmt=True))
    assert 20 < delay <= 30


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_date_is_held_against_the_date_of_the_answer_and_not_against_our_clock(hours):
    """The clock of the server is an hour off, and it asks for five seconds."""
    now = time.time() + hours * 3600
    headers = {
        "Date": email.utils.formatdate(now, usegmt=True),
        "Retry-After": email.utils.formatdate(now + 5, usegmt=True),
    }
    replies = [(503, "", headers), lambda conn, request: conn.send(answer(request))]
    with ScriptedServer(respond(*replies)) as server, client_of(server) as client:
        client.get_knowledge_document(ID)
        assert client.delays == [5.0]


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_date_of_the_answer_our_clock_is_used(date):
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    headers = {"Date": date, "Retry-After": later}
    replies = [(503, "", headers), lambda conn, request: conn.send(answer(request))]
    with ScriptedServer(respond(*replies)) as server, client_of(server) as client:
        client.get_knowledge_document(ID)
        assert 20 < client.delays[0] <= 30


@pytest.mark.parametrize(
    "value", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"]
)
def test_a_date_that_has_passed_means_the_usual_delay(value):
    assert _delays_after(value) == [0.5]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-5",
        "+5",
        "1e3",
        "\u00b2",
        "5, 6",
        "inf",
        "nan",
        "0x10",
        "1_0",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Mon, 01 Jan 99999 00:00:00 GMT",
        "Mon, 01 Jan 0000 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +9999999999",
        ";" * 500,
    ],
)
def test_a_retry_after_that_is_no_number_and_no_date_means_the_usual_delay(value):
    assert _delays_after(value) == [0.5]


ODD_PARTS_OF_DATES = """
    Sun Sunday Mon, , ; : - + . GMT UTC EST -0000 +9999 +99999999999999999999
    Nov Novem 06 6 1994 94 0 00 99 -1 08:49:37 08:49 8 ::: 24:00:00 23:59:61
    0001 9999 10000 99999 1_0 \u00b2 \u0661 \ud800 \0
"""


def test_whatever_a_retry_after_holds_it_is_seconds_or_nothing():
    """Dates of which a part is wrong most of all, which the parser stumbles over."""
    chance = random.Random(7)
    parts = ODD_PARTS_OF_DATES.split()
    date = ["Sun,", "06", "Nov", "1994", "08:49:37", "GMT"]
    found = collections.Counter()
    for _ in range(20_000):
        words = list(date)
        for _ in range(chance.choice([1, 1, 2, 3])):
            words[chance.randrange(len(words))] = chance.choice(parts)
        value = chance.choice(["", " ", " "]).join(words[chance.choice([0, 0, 0, 5]) :])
        seconds = retry_after_seconds({"Retry-After": value})
        found[type(seconds)] += 1
        assert seconds is None or 0 <= seconds < float("inf"), ascii(value)
    assert min(found.values()) > 1000  # else this says nothing
    assert set(found) == {float, type(None)}


@pytest.mark.parametrize("value", ["60.1", "61", "3600", "9" * 400])
@pytest.mark.parametrize("kind", CALLS)
def test_a_retry_after_of_over_a_minute_is_raised_at_once(kind, value):
    with (
        ScriptedServer(respond((429, "", {"Retry-After": value}))) as server,
        client_of(server) as client,
    ):
        with pytest.raises(ApiError) as caught:
            CALLS[kind](client)
        assert caught.value.retry_after > 60
        assert caught.value.attempts == len(server.requests) == 1
        assert client.delays == []


def test_a_date_that_is_over_a_minute_away_is_raised_at_once():
    value = email.utils.formatdate(time.time() + 7200, usegmt=True)
    with (
        ScriptedServer(respond((503, "", {"Retry-After": value}))) as server,
        client_of(server) as client,
    ):
        with pytest.raises(ApiError) as caught:
            client.get_knowledge_document(ID)
        assert 7100 < caught.value.retry_after <= 7200
        assert len(server.requests) == 1


def test_every_delay_is_drawn_anew():
    with (
        ScriptedServer(respond((503, ""))) as server,
        client_of(server, max_retries=3) as client,
    ):
        draws = iter([0.0, 0.4, 0.8, 0.9])
        replace_clock(client, random=lambda: next(draws))
        with pytest.raises(ApiError):
            client.get_knowledge_document(ID)
        assert client.delays == pytest.approx([0.5, 0.9, 1.6])


def test_a_client_of_its_own_accord_waits_with_the_clock_of_the_machine_and_with_real_chance():
    with (
        ScriptedServer(
            respond((503, ""), lambda conn, request: conn.send(answer(request)))
        ) as server,
        PromptJuggler("key", base_url=server.url, proxy=False) as client,
    ):
        begun = time.monotonic()
        client.get_knowledge_document(ID)
        assert 0.37 <= time.monotonic() - begun < PATIENCE
