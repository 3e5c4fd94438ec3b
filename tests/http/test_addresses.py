"""From a name to a connection: what is looked up, and which of several addresses wins
(RFC 8305).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import gc
import signal
import socket
import sys
import threading
import time
from unittest import mock

import pytest
from helpers.calls import (
    answer_all,
    at_once,
    client_of,
    eventually,
    get,
    port_without_answer,
    refusing_port,
)
from helpers.package import FOLDER
from helpers.servers import PATIENCE, ScriptedServer, descriptors, server_context

from promptjuggler import NetworkError, RequestTimeout
from promptjuggler._http import addresses
from promptjuggler._http.addresses import connected_socket
from promptjuggler._http.deadline import CancellableDeadline, Deadline
from promptjuggler._http.exceptions import AddressError

# No system has addresses of this kind.
NO_FAMILY = 9999


def address(port, host="127.0.0.1"):
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))


def address_of_no_family(port=1):
    return (NO_FAMILY, socket.SOCK_STREAM, 0, "", ("2001:db8::1", port, 0, 0))


@pytest.fixture
def server():
    with ScriptedServer(answer_all) as server:
        yield server


@pytest.fixture
def silent():
    """A port of an address that swallows packets."""
    with port_without_answer() as port:
        yield port


@pytest.fixture
def refusing():
    with refusing_port() as port:
        yield port


@pytest.fixture
def quick_turns(monkeypatch):
    """The next attempt begins sooner than after a quarter of a second."""
    monkeypatch.setattr(addresses, "_STAGGER", 0.05)


def resolve(monkeypatch, *addresses):
    """Every name has these addresses; gives what is looked up."""
    names = []

    def getaddrinfo(host, port, *_):
        names.append((host, port))
        return list(addresses)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


# --- looking up ---


REAL = socket.getaddrinfo


def overriding(host, port, *arguments):
    """As programs have it that send a host elsewhere."""
    assert host.lower() == "api.example"
    return REAL("127.0.0.1", port, *arguments)


@pytest.mark.parametrize(
    "replacement",
    [
        overriding,
        functools.partial(overriding),
        functools.wraps(REAL)(lambda *arguments: overriding(*arguments)),
        mock.Mock(side_effect=overriding),
    ],
)
def test_a_name_is_looked_up_as_a_str_by_what_stands_for_getaddrinfo(
    server, monkeypatch, replacement
):
    monkeypatch.setattr(socket, "getaddrinfo", replacement)
    with client_of(f"http://api.example:{server.port}") as client:
        get(client)
    assert len(server.requests) == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_system_is_asked_for_a_str_too(host, monkeypatch):
    asked = []

    def getaddrinfo(*arguments):
        asked.append(arguments)
        return REAL(*arguments)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with (
        refusing_port() as port,
        client_of(f"http://{host}:{port}", max_retries=0) as client,
        pytest.raises(NetworkError),
    ):
        get(client)
    assert asked == [(host.strip("[]"), port, 0, socket.SOCK_STREAM)]


def test_a_name_is_looked_up_and_connected_to():
    # One of its addresses at least is that of the server.
    where = socket.getaddrinfo("localhost", 0, 0, socket.SOCK_STREAM)[-1][4]
    with (
        ScriptedServer(answer_all, host=where[0]) as server,
        client_of(f"http://localhost:{server.port}") as client,
    ):
        get(client)


# --- one after the other, staggered ---


def test_an_address_that_is_silent_does_not_hold_up_the_next(server, silent):
    begun = time.monotonic()
    addresses = [address(silent), address(server.port)]
    with connected_socket(addresses, Deadline(PATIENCE)) as sock:
        assert sock.getpeername() == ("127.0.0.1", server.port)
        assert 0 < sock.gettimeout() < PATIENCE
    assert 0.25 <= time.monotonic() - begun < PATIENCE / 4


def test_the_next_attempt_begins_after_a_quarter_of_a_second(
    server, silent, monkeypatch
):
    """RFC 8305, 5. Until then it waits for the first one alone."""
    waits = []

    class Noting(addresses.WaitSelector):
        def select(self, timeout=None):
            waits.append(timeout)
            return super().select(timeout)

    monkeypatch.setattr(addresses, "WaitSelector", Noting)
    both = [address(silent), address(server.port)]
    with connected_socket(both, Deadline(PATIENCE)):
        assert 0 < waits[0] <= 0.25


def test_a_client_whose_first_address_is_silent_calls_and_calls_again(
    server, silent, monkeypatch
):
    resolve(monkeypatch, address(silent), address(server.port))
    begun = time.monotonic()
    with client_of("http://api.example", timeout=PATIENCE * 3) as client:
        for _ in range(3):
            get(client)
    assert server.connections == 1
    assert time.monotonic() - begun < PATIENCE


def test_an_attempt_goes_on_while_later_ones_try(silent):
    """Who answers first is taken, be it the first address after all."""
    enough = threading.Event()

    def make_room():
        # The system asks for it again after a second.
        enough.wait(0.4)
        while not enough.is_set():
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()

    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        listener.settimeout(0.05)
        port = listener.getsockname()[1]
        for _ in range(2):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        thread = threading.Thread(target=make_room)
        thread.start()
        try:
            addresses = [address(port), address(silent)]
            with connected_socket(addresses, Deadline(PATIENCE)) as sock:
                assert sock.getpeername() == ("127.0.0.1", port)
        finally:
            enough.set()
            thread.join()


def test_however_little_time_there_is_each_address_has_its_turn(server, silent):
    def check(dead_ends):
        addresses = [address(silent)] * dead_ends + [address(server.port)]
        # The last address has an equal share: it must do on a busy machine.
        with connected_socket(addresses, Deadline(0.9)) as sock:
            assert sock.getpeername() == ("127.0.0.1", server.port)

    at_once(check, [1, 2, 3])


def test_an_address_that_refuses_costs_no_time(server, refusing):
    begun = time.monotonic()
    addresses = [address(refusing)] * 20 + [address(server.port)]
    with connected_socket(addresses, Deadline(PATIENCE)) as sock:
        assert sock.getpeername() == ("127.0.0.1", server.port)
    # Staggered attempts would take 5 s.
    assert time.monotonic() - begun < 2.5


def test_the_families_take_turns():
    """RFC 8305, 4: that of the first address begins."""
    six = [
        (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", number, 0, 0))
        for number in (1, 2, 3)
    ]
    four = [address(port) for port in (4, 5)]
    tried = []

    class Watching(Deadline):
        def watch(self, *sockets):
            tried.extend(sock.family for sock in sockets)

    # Nobody listens on such ports.
    with pytest.raises(AddressError):
        connected_socket(six + four, Watching(PATIENCE))
    assert tried == [
        socket.AF_INET6,
        socket.AF_INET,
        socket.AF_INET6,
        socket.AF_INET,
        socket.AF_INET6,
    ]


@pytest.mark.parametrize("first", [True, False])
def test_an_address_that_cannot_be_had_at_all_is_passed_over(server, first):
    """As IPv6 in a kernel without it: [Errno 97] when the socket is made."""
    addresses = [address_of_no_family(), address(server.port)]
    if not first:
        addresses.reverse()
    with connected_socket(addresses, Deadline(PATIENCE)) as sock:
        assert sock.getpeername() == ("127.0.0.1", server.port)


def test_a_client_calls_where_the_first_address_cannot_be_had(server, monkeypatch):
    resolve(monkeypatch, address_of_no_family(), address(server.port))
    with client_of("http://api.example") as client:
        get(client)


# --- the error ---


def test_the_error_is_that_of_the_address_which_tells_most(refusing, silent):
    def check(case):
        addresses, failed, kind = case
        with pytest.raises(AddressError) as caught:
            connected_socket(addresses, Deadline(0.3))
        assert caught.value.address == f"127.0.0.1:{failed}"
        assert type(caught.value.failure) is kind

    refuses, is_silent, is_none = (
        address(refusing),
        address(silent),
        address_of_no_family(),
    )
    cases = [
        ([refuses, is_none], refusing, ConnectionRefusedError),
        ([refuses, is_silent], refusing, ConnectionRefusedError),
        ([is_silent, is_none], silent, TimeoutError),
    ]
    # The order of the addresses makes no difference.
    at_once(check, [*cases, *((case[0][::-1], *case[1:]) for case in cases)])


def test_where_no_address_can_be_had_the_error_says_so():
    with pytest.raises(AddressError) as caught:
        connected_socket([address_of_no_family(80)], Deadline(PATIENCE))
    assert caught.value.address == "[2001:db8::1]:80"
    assert caught.value.failure.errno == errno.EAFNOSUPPORT
    with pytest.raises(OSError, match="no address"):
        connected_socket([], Deadline(PATIENCE))


def error_of(url):
    with (
        client_of(url, max_retries=0, timeout=0.3) as client,
        pytest.raises(NetworkError) as caught,
    ):
        get(client)
    assert caught.value.request_sent is False
    return caught.value


def test_the_text_names_the_host_the_address_and_the_port(refusing, monkeypatch):
    error = error_of(f"http://127.0.0.1:{refusing}")
    expected = f"could not connect to 127.0.0.1:{refusing}: "
    assert str(error).startswith(expected)
    assert isinstance(error.__cause__, ConnectionRefusedError)
    resolve(monkeypatch, address_of_no_family(), address(refusing))
    error = error_of("https://api.example")
    expected = f"could not connect to api.example:443 (127.0.0.1:{refusing}): "
    assert str(error).startswith(expected)


def test_the_text_names_the_address_that_is_silent(silent, monkeypatch):
    resolve(monkeypatch, address_of_no_family(), address(silent))
    error = error_of("http://api.example")
    expected = f"no connection to api.example:80 (127.0.0.1:{silent}) within 0.3 s"
    assert (str(error), type(error)) == (expected, RequestTimeout)


def test_a_name_that_nobody_knows_is_named_with_the_port(monkeypatch):
    def getaddrinfo(*_):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    error = error_of("http://api.example/x")
    assert str(error).startswith("could not connect to api.example:80: ")
    assert isinstance(error.__cause__, socket.gaierror)


# --- the trailing dot of a whole name ---


def test_a_dot_at_the_end_of_a_name_is_for_the_look_up_alone(monkeypatch):
    """It stands in no certificate, and not in the name that a server chooses by."""
    names = []
    context = server_context()
    context.sni_callback = lambda sock, name, context: names.append(name)
    with ScriptedServer(answer_all, tls=context) as server:
        looked_up = resolve(monkeypatch, address(server.port))
        with client_of(f"https://localhost.:{server.port}") as client:
            get(client)
        assert looked_up == [("localhost.", server.port)]
        assert names == ["localhost"]


# --- nothing is left behind ---


@pytest.mark.usefixtures("quick_turns")
@pytest.mark.parametrize("winner", [True, False])
def test_no_socket_of_an_attempt_is_left_open(server, silent, refusing, winner):
    before = descriptors()
    addresses = [address_of_no_family(), address(silent), address(refusing)]
    addresses += [address(silent)] + [address(server.port)] * winner
    try:
        connected_socket(addresses, Deadline(PATIENCE if winner else 0.2)).close()
    except AddressError:
        assert not winner
    # The server closes its side then, a little later.
    eventually(lambda: descriptors() == before)


@pytest.mark.usefixtures("quick_turns")
def test_another_thread_can_end_several_attempts_at_once(silent):
    before = descriptors()
    deadline = CancellableDeadline(PATIENCE)
    begun = time.monotonic()
    timer = threading.Timer(0.2, deadline.cancel)
    timer.start()
    with pytest.raises(ConnectionAbortedError):
        connected_socket([address(silent)] * 3, deadline)
    assert 0.19 < time.monotonic() - begun < PATIENCE / 2
    timer.join()
    assert deadline._watched == ()
    assert descriptors() == before


@pytest.mark.usefixtures("quick_turns")
def test_all_attempts_under_way_are_watched_and_then_the_winner(server, silent):
    watched = []

    class Watching(Deadline):
        def watch(self, *sockets):
            watched.append(len(sockets))
            self.last = sockets

    deadline = Watching(PATIENCE)
    addresses = [address(silent)] * 2 + [address(server.port)]
    with connected_socket(addresses, deadline) as sock:
        assert deadline.last == (sock,)
    assert watched == [1, 2, 3, 1]


class Interruption(BaseException):
    """What the handler of a signal raises."""


@pytest.mark.usefixtures("quick_turns")
def test_a_signal_ends_the_attempts_and_leaves_nothing_open(silent):
    def interrupt(*_):
        raise Interruption

    descriptors_before, before = descriptors(), signal.signal(signal.SIGALRM, interrupt)
    try:
        for addresses in ([address(silent)], [address(silent)] * 3):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Interruption):
                connected_socket(addresses, Deadline(PATIENCE))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert descriptors() == descriptors_before


# What is interrupted before anything knows of it is closed by Python, with a warning.
@pytest.mark.filterwarnings("ignore:unclosed", "ignore:Exception ignored")
def test_wherever_the_attempts_are_interrupted_nothing_is_left_open(
    server, silent, refusing, monkeypatch
):
    """Before each of the lines that they come to, one after the other."""
    monkeypatch.setattr(addresses, "_STAGGER", 0.01)
    three = [address(refusing), address(silent), address(server.port)]

    def trace(frame, event, _):
        nonlocal left
        ours = frame.f_code.co_filename.startswith(str(FOLDER))
        if ours and event == "line":
            left -= 1
            if left == 0 and sys.exc_info() == (None, None, None):
                raise Interruption
        return trace if ours else None

    lines, interrupted = 0, True
    descriptors_before, before = descriptors(), sys.gettrace()
    while interrupted:
        lines += 3
        left = lines
        try:
            sys.settrace(trace)
            connected_socket(three, Deadline(PATIENCE)).close()
            interrupted = left <= 0
        except Interruption:
            pass
        finally:
            sys.settrace(before)
        gc.collect()
        # The server closes its side then, a little later.
        eventually(lambda: not descriptors() - descriptors_before)
    assert lines > 60
