"""Answers that come packed though identity was asked for: unpacked, within the bounds."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import subprocess
import sys
import tracemalloc
import urllib.request
import zlib

import pytest
from helpers.calls import CALLS, ID, client_of, document_as_text, get
from helpers.hub import HEAD, Hub, streaming
from helpers.package import ENV
from helpers.servers import PATIENCE, ScriptedServer, make_reply, respond

from promptjuggler import ApiError, DecodeError, NetworkError
from promptjuggler._http.codings import unpacked
from promptjuggler._http.exceptions import UnreadableCoding

DOCUMENT = document_as_text(ID)
MIB = 2**20


def raw_deflate(data, level=-1):
    packer = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def stored(data):
    """Packed by level 0: as it is, in the form of zlib."""
    return zlib.compress(data, 0)


FORMS = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "gzip with a name": ("gzip", lambda data: _named(data)),
    "two members": (
        "gzip",
        lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]),
    ),
    "many members": (
        "gzip",
        lambda data: b"".join(gzip.compress(bytes([byte])) for byte in data),
    ),
    "empty members": (
        "gzip",
        lambda data: gzip.compress(b"") * 3 + gzip.compress(data) + gzip.compress(b""),
    ),
    "zeros behind it": ("gzip", lambda data: gzip.compress(data) + bytes(512)),
    "rubbish behind it": ("gzip", lambda data: gzip.compress(data) + b"\x1frubbish"),
    "deflate": ("deflate", zlib.compress),
    "deflate, stored": ("Deflate", stored),
    "raw deflate": ("deflate", raw_deflate),
    "identity": ("identity", bytes),
    "nothing": ("", bytes),
    "gzip that is none": ("gzip", bytes),
    "br that is none": ("br", bytes),
}


def _named(data):
    file = io.BytesIO()
    with gzip.GzipFile("document.json", "wb", fileobj=file) as packed:
        packed.write(data)
    return file.getvalue()


@pytest.fixture(params=FORMS.values(), ids=FORMS)
def form(request):
    """A Content-Encoding, and the function that packs."""
    return request.param


# --- documents ---


@pytest.mark.parametrize("framing", ["length", "chunks", "until close"])
def test_a_document_that_comes_packed_is_read(form, framing):
    coding, pack = form
    body = pack(DOCUMENT)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n".encode()
    if framing == "length":
        raw = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunks":
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        raw = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    else:
        raw = head + b"\r\n" + body

    def handler(conn):
        if conn.read_request():
            conn.send(raw)

    with ScriptedServer(handler) as server, client_of(server) as client:
        assert str(client.get_knowledge_document(ID).id) == ID
        assert server.connections == 1


def test_the_run_that_was_started_is_known_and_the_connection_kept():
    run = {"id": ID, "thread": ID}
    body = gzip.compress(json.dumps(run).encode())
    reply = make_reply(200, body, {"Content-Encoding": "gzip"})
    with ScriptedServer(respond(reply)) as server, client_of(server) as client:
        for _ in range(3):
            assert str(CALLS["prompt"](client).id) == ID
        assert server.connections == 1


def test_an_answer_of_an_opener_from_outside_is_unpacked_as_well():
    body = gzip.compress(DOCUMENT)
    reply = make_reply(200, body, {"Content-Encoding": "gzip"}, keep=False)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with (
        ScriptedServer(respond(reply)) as server,
        client_of(server, opener=opener) as client,
    ):
        assert str(client.get_knowledge_document(ID).id) == ID


def test_an_opener_that_unpacks_and_leaves_the_header_goes_on_working():
    class Unpacking(urllib.request.BaseHandler):
        def http_response(self, request, response):
            response.fp = io.BytesIO(gzip.decompress(response.read()))
            response.length = None
            response.read = response.read1 = response.fp.read
            return response

    reply = make_reply(
        200, gzip.compress(DOCUMENT), {"Content-Encoding": "gzip"}, keep=False
    )
    no_proxy = urllib.request.ProxyHandler({})
    opener = urllib.request.build_opener(no_proxy, Unpacking())
    with (
        ScriptedServer(respond(reply)) as server,
        client_of(server, opener=opener) as client,
    ):
        assert str(client.get_knowledge_document(ID).id) == ID


@pytest.mark.parametrize("body", [b"", b"x"])
def test_a_204_may_name_a_coding(body):
    reply = make_reply(204, b"", {"Content-Encoding": "gzip"})
    with ScriptedServer(respond(reply)) as server, client_of(server) as client:
        CALLS["DELETE"](client)


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("br", b"\x8b\x05\x80document\x03", "Content-Encoding: br"),
        ("br", b"[\x1f\x00\xf8\x8d\x94n", "Content-Encoding: br"),
        ("zstd", b"\x28\xb5\x2f\xfd\x24\x02", "Content-Encoding: zstd"),
        ("gzip, gzip", gzip.compress(b"{}", mtime=0), "Content-Encoding: gzip, gzip"),
        ("compress", b"\x1f\x9d", "Content-Encoding: compress"),
        ("\x1b[2J", b"xyz", r"Content-Encoding: \x1b[2J"),
        ("gzip", b"not packed", "cannot be unpacked"),
        ("gzip", b"\x1f\x8b\x08", "cut off"),
        ("gzip", gzip.compress(DOCUMENT, mtime=0)[:-1], "cut off"),
        (
            "gzip",
            gzip.compress(DOCUMENT, mtime=0)[:-9] + b"x" * 9,
            "cannot be unpacked",
        ),
        (
            "gzip",
            gzip.compress(DOCUMENT, mtime=0) + b"\x1f\x8bxxxx",
            "cannot be unpacked",
        ),
        ("deflate", b"\xff\xff\xff\xff", "cannot be unpacked"),
        ("deflate", zlib.compress(DOCUMENT)[:-5], "cut off"),
        ("deflate", raw_deflate(DOCUMENT)[:-1], "cut off"),
    ],
)
def test_what_cannot_be_unpacked_is_a_decode_error_that_says_so(coding, body, said):
    reply = make_reply(200, body, {"Content-Encoding": coding})
    with ScriptedServer(respond(reply)) as server, client_of(server) as client:
        for kind in ("GET", "prompt"):
            with pytest.raises(DecodeError) as caught:
                CALLS[kind](client)
            error = caught.value
            assert said in str(error)
            assert str(error).isprintable()
            assert error.status_code == 200
            assert error.headers["Content-Encoding"]
            assert error.url.startswith(server.url)
            assert error.method == ("GET" if kind == "GET" else "POST")
        assert len(server.requests) == 2


def test_a_packed_document_whose_connection_breaks_is_asked_for_again():
    body = gzip.compress(DOCUMENT)
    reply = make_reply(200, body, {"Content-Encoding": "gzip"})

    def handler(conn):
        if conn.read_request():
            conn.send(reply if conn.index else reply[:-5])

    with ScriptedServer(handler) as server, client_of(server) as client:
        assert str(client.get_knowledge_document(ID).id) == ID
        assert server.connections == 2


# --- bounds ---


def memory_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def bomb(coding, size):
    """Spaces, packed; made piece by piece."""
    packer = zlib.compressobj(1, wbits=31 if coding == "gzip" else zlib.MAX_WBITS)
    pieces = [packer.compress(b" " * MIB) for _ in range(size // MIB)]
    return b"".join([*pieces, packer.flush()])


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_is_refused_at_the_largest_size_without_the_memory_of_all_of_it(coding):
    reply = make_reply(200, bomb(coding, 48 * MIB), {"Content-Encoding": coding})

    def call():
        with ScriptedServer(respond(reply)) as server, client_of(server) as client:
            with pytest.raises(DecodeError, match="larger than 32 MiB"):
                client.get_knowledge_document(ID)
            assert len(server.requests) == 1

    assert memory_of(call) < 40 * MIB


def test_the_error_of_a_bomb_is_cut_at_one_mib():
    reply = make_reply(500, bomb("gzip", 16 * MIB), {"Content-Encoding": "gzip"})

    def call():
        server = ScriptedServer(respond(reply))
        with server, client_of(server, max_retries=0) as client:
            with pytest.raises(ApiError) as caught:
                client.get_knowledge_document(ID)
            assert caught.value.body == " " * MIB

    assert memory_of(call) < 10 * MIB


@pytest.mark.parametrize("coding", ["identity", "gzip", "deflate"])
@pytest.mark.parametrize("more", [0, 1])
def test_a_document_of_exactly_the_largest_size_is_read_and_one_byte_more_is_not(
    coding, more
):
    document = DOCUMENT.ljust(32 * MIB + more)
    packs = {
        "identity": bytes,
        "gzip": lambda data: gzip.compress(data, compresslevel=1),
        "deflate": lambda data: raw_deflate(data, level=1),
    }
    reply = make_reply(200, packs[coding](document), {"Content-Encoding": coding})
    expected = (
        pytest.raises(DecodeError, match="32 MiB") if more else contextlib.nullcontext()
    )
    handler = respond(reply, (200, DOCUMENT))
    with ScriptedServer(handler) as server, client_of(server) as client:
        with expected:
            assert str(client.get_knowledge_document(ID).id) == ID
        assert str(client.get_knowledge_document(ID).id) == ID
        assert more or server.connections == 1


def test_a_document_in_chunks_of_exactly_the_largest_size_is_read():
    document = DOCUMENT.ljust(32 * MIB)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(document), document)
    handler = respond(raw, (200, DOCUMENT))
    with ScriptedServer(handler) as server, client_of(server) as client:
        for _ in range(2):
            assert str(client.get_knowledge_document(ID).id) == ID


def test_members_without_end_are_given_up_at_the_deadline(clock):
    """Each gives nothing, so no size is ever too large."""
    members = gzip.compress(b"") * 500

    def handler(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
        with contextlib.suppress(OSError):
            while not conn.server.closing.is_set():
                clock.move(PATIENCE / 10)
                conn.send(members)

    with (
        ScriptedServer(handler) as server,
        client_of(server, max_retries=0) as client,
        pytest.raises((NetworkError, DecodeError)),
    ):
        client.get_knowledge_document(ID)


# --- errors ---


def test_the_text_of_an_error_that_comes_packed_is_read(form):
    coding, pack = form
    body = pack(b'{"error": "The prompt is archived."}')
    reply = make_reply(403, body, {"Content-Encoding": coding})
    with ScriptedServer(respond(reply)) as server, client_of(server) as client:
        for kind in ("GET", "prompt"):
            with pytest.raises(ApiError) as caught:
                CALLS[kind](client)
            assert str(caught.value) == "The prompt is archived."
            assert caught.value.body == '{"error": "The prompt is archived."}'


@pytest.mark.parametrize(
    ("coding", "body", "said"),
    [
        ("br", b"\x8b\x05\x80doc", "its body has Content-Encoding: br"),
        ("gzip", b"not packed", "its body cannot be unpacked"),
        ("gzip", gzip.compress(b'{"error": "x"}', mtime=0)[:-3], "its body is cut off"),
    ],
)
def test_an_error_whose_body_cannot_be_unpacked_is_that_error(coding, body, said):
    reply = make_reply(403, body, {"Content-Encoding": coding})
    with (
        ScriptedServer(respond(reply)) as server,
        client_of(server) as client,
        pytest.raises(ApiError) as caught,
    ):
        get(client)
    assert caught.value.status_code == 403
    assert str(caught.value).startswith(f"HTTP 403 Forbidden ({said}")


# --- streams ---


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "\x1b[2J"])
def test_a_stream_that_is_packed_names_its_coding_and_is_not_silent(coding):
    head = HEAD + f"Content-Encoding: {coding}\r\n\r\n".encode("latin-1")

    def packed(conn):
        conn.send(head + gzip.compress(b"event: reset\ndata: {}\n\n")[:12])
        conn.hang()

    options = {"max_retries": 0}
    with Hub(packed) as server, streaming(server, client=options, waits=[]) as stream:
        with pytest.raises(DecodeError) as caught:
            stream.__enter__()
        assert len(server.gets) == 1
    shown = coding.replace("\x1b", r"\x1b")
    assert f"the stream has Content-Encoding: {shown}" in str(caught.value)
    assert caught.value.status_code == 200
    assert caught.value.url == server.url + "/stream"


# --- the function itself ---


def split(data, chance):
    """The data in pieces of any size."""
    while data:
        count = chance.choice((1, 1, 2, 5, 100, 100_000))
        yield data[:count]
        data = data[count:]


@pytest.mark.parametrize("seed", range(20))
def test_a_body_is_unpacked_however_it_is_cut(seed):
    chance = random.Random(seed)
    data = b"{}" + chance.choice(
        [b"", chance.randbytes(300_000), bytes(300_000), b"ab" * 1000]
    )
    for coding, pack in FORMS.values():
        if pack is bytes:
            continue
        if pack == FORMS["many members"][1]:
            data = data[:1000]
        pieces = list(unpacked(split(pack(data), chance), coding, 10**9))
        assert b"".join(pieces) == data, coding
        assert max(map(len, pieces), default=0) <= 65536
        most = chance.randrange(1, len(data))
        parts = unpacked(split(pack(data), chance), coding, most)
        assert b"".join(parts) == data[:most]


@pytest.mark.parametrize("seed", range(300))
def test_whatever_is_in_a_body_it_is_unpacked_or_refused(seed):
    chance = random.Random(seed)
    coding, pack = chance.choice(list(FORMS.values()))
    body = bytearray(pack(b'{"a": 1}' * chance.randrange(1, 50)))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(body))
        body[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        body = body or bytearray(b"x")
    with contextlib.suppress(UnreadableCoding):
        assert len(b"".join(unpacked(split(bytes(body), chance), coding, 1000))) <= 1000


def test_who_meets_no_packed_answer_does_not_load_zlib():
    program = (
        "import sys, promptjuggler._http.transport\n"
        "print('promptjuggler._http.codings' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")
