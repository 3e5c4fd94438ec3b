"""Uploads through the client: what is sent, what is sent again, and what is refused
before anything is sent.
"""

import io
import os
import re
import tracemalloc
from pathlib import Path

import pytest
from helpers.calls import RUN_ID, client_of
from helpers.clock import replace_clock
from helpers.servers import ScriptedServer, respond

from promptjuggler import ApiError, NetworkError, ValidationError
from promptjuggler.testing import FakeServer

DOCUMENT = {
    "id": RUN_ID,
    "status": "pending",
    "fileName": "a.txt",
    "bytes": 1,
    "chunkCount": 0,
}


def parts_of(request):
    """The parts of the upload that came with a request, as (filename, content)."""
    boundary = request.headers["Content-Type"].partition("boundary=")[2].encode()
    *parts, end = (b"\r\n" + request.body).split(b"\r\n--" + boundary)
    assert (parts[0], end) == (b"", b"--\r\n")
    found = []
    for number, part in enumerate(parts[1:]):
        head, _, content = part.partition(b"\r\n\r\n")
        match = re.search(rf'name="files\[{number}\]"; filename="(.*)"', head.decode())
        found.append((match[1], content))
    return found


@pytest.fixture
def server():
    with FakeServer() as server:
        server.add_knowledge_base("docs")
        yield server


def test_paths_bytes_and_binary_files_arrive_byte_for_byte(server, tmp_path):
    content = bytes(range(256)) * 1000
    path = tmp_path / 'häßlich "quoted".pdf'
    path.write_bytes(content)
    file = io.BytesIO(b"skipped" + content)
    file.seek(7)
    with client_of(server) as pj, open(path, "rb") as opened:
        files = [path, str(path), ("b.txt", content), ("c.bin", file), ("d.bin", opened), ("empty", b""),
                 ("e", bytearray(b"e"))]  # fmt: skip
        documents = pj.upload_documents("docs", iter(files))
        assert isinstance(documents, tuple)
        # Percent-encoded, so that the name cannot leave its quotes.
        names = ["häßlich %22quoted%22.pdf"] * 2 + [
            "b.txt",
            "c.bin",
            "d.bin",
            "empty",
            "e",
        ]
        contents = [content] * 5 + [b"", b"e"]
        assert parts_of(server.requests[0]) == list(zip(names, contents, strict=True))
        assert [document.bytes for document in documents] == [
            len(one) for one in contents
        ]
        assert not file.closed
        assert not opened.closed
    assert server.requests[0].headers["Content-Length"] == str(
        len(server.requests[0].body)
    )
    assert "Transfer-Encoding" not in server.requests[0].headers


@pytest.mark.parametrize("fault", [429, "refused"])
def test_an_upload_that_is_sent_again_has_the_same_bytes(server, tmp_path, fault):
    path = tmp_path / "a.txt"
    path.write_bytes(b"p" * 100_000)
    file = io.BytesIO(b"xx" + b"f" * 100_000)
    file.seek(2)
    with client_of(server) as pj:
        if fault == 429:
            server.fail_next(429, times=2)
        else:
            server.close()
            replace_clock(pj, sleep=lambda seconds: server.start())
        documents = pj.upload_documents("docs", [path, ("f", file), ("b", b"b")])
        assert [document.bytes for document in documents] == [100_000, 100_000, 1]
        assert len(server.requests) == (3 if fault == 429 else 1)
        assert len({request.body for request in server.requests}) == 1
        assert pj.get_knowledge_base("docs").document_count == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_an_upload_is_not_sent_again_where_it_may_have_been_carried_out(server, status):
    server.fail_next(status)
    with client_of(server) as pj, pytest.raises(ApiError) as caught:
        pj.upload_documents("docs", [("a", b"a")])
    assert caught.value.attempts == len(server.requests) == 1


class TextLike:
    def read(self, size=-1):
        return ""

    def seek(self, *position):
        return 0

    def tell(self):
        return 0


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ([], "files is empty"),
        ((), "files is empty"),
        (None, "files must be a list of files, not a single NoneType"),
        ("a.txt", "files must be a list of files, not a single str"),
        (Path("a.txt"), "files must be a list of files, not a single PosixPath"),
        (b"bytes", "files must be a list of files, not a single bytes"),
        (("a.txt", b"bytes"), "files must be a list of files, not a single tuple"),
        ({"a.txt": b"bytes"}, "files must be a list of files, not a single dict"),
        ([["a.txt", b"bytes"]], "files[0] must be a tuple"),
        ([b"bytes"], "files[0] must be a tuple"),
        ([None], "files[0] must be a tuple"),
        ([("a", b"a"), 5], "files[1] must be a tuple"),
        ([("a.txt",)], "files[0] must be a tuple"),
        ([("a.txt", b"", "text/plain")], "files[0] must be a tuple"),
        ([("a.txt", "text")], "files[0] must hold bytes, or a binary file that is open"),
        ([("a.txt", io.StringIO("text"))], "files[0] must hold bytes, or a binary file that is open"),
        ([("a.txt", TextLike())], "files[0] must hold bytes, or a binary file that is open"),
        ([("", b"")], "files[0] must have a filename that is a str, not empty"),
        ([("a\0b", b"")], "files[0] must have a filename"),
        ([("\ud800", b"")], "files[0] has a filename that is not UTF-8"),
        ([(b"a.txt", b"")], "files[0] must have a filename that is a str"),
        (["a\0b"], "files[0] is a path with a character that no path can have"),
        ([""], "files[0] must be a path"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_uploaded_are_refused_before_anything_is_sent(files, text):
    with ScriptedServer(respond((200, [DOCUMENT]))) as server, client_of(server) as pj:
        with pytest.raises(ValidationError) as caught:
            pj.upload_documents("docs", files)
        assert str(caught.value).startswith(text)
        cause = caught.value.__cause__
        assert isinstance(cause, (TypeError, ValueError))
        assert str(cause) == str(caught.value)
        assert server.connections == 0


def test_a_pipe_and_a_closed_file_are_refused(tmp_path):
    read, write = os.pipe()
    closed = io.BytesIO(b"x")
    closed.close()
    with ScriptedServer(respond((200, [DOCUMENT]))) as server, client_of(server) as pj:
        with open(read, "rb") as pipe, open(write, "wb"):
            for file in (pipe, closed):
                with pytest.raises(
                    ValidationError,
                    match=r"^files\[0\] must hold bytes, or a binary file",
                ):
                    pj.upload_documents("docs", [("a", file)])
        assert server.connections == 0


def test_a_path_that_cannot_be_opened_is_the_os_error_itself_before_anything_is_sent(
    tmp_path,
):
    with ScriptedServer(respond((200, [DOCUMENT]))) as server, client_of(server) as pj:
        with pytest.raises(FileNotFoundError) as caught:
            pj.upload_documents("docs", [("a", b"a"), tmp_path / "missing.txt"])
        assert caught.value.filename == str(tmp_path / "missing.txt")
        with pytest.raises(IsADirectoryError):
            pj.upload_documents("docs", [str(tmp_path)])
        assert server.connections == 0


def shrinking(tmp_path, server, change):
    """Upload a file that `change` is done to after its size was taken, in the middle of
    sending it.
    """
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 3_000_000)

    class Changing(io.RawIOBase):
        # A file that stands for the moment after its first piece was sent.
        def __init__(self):
            self.file = open(path, "rb")  # noqa: SIM115
            self.reads = 0

        def readable(self):
            return True

        def seek(self, *position):
            return self.file.seek(*position)

        def tell(self):
            return self.file.tell()

        def read(self, size=-1):
            self.reads += size > 0
            if self.reads == 2:
                change(path, self.file)
            return self.file.read(size)

    changing = Changing()
    with changing.file, client_of(server) as pj, pytest.raises(NetworkError) as caught:
        pj.upload_documents("docs", [("a.bin", changing)])
    return caught.value


@pytest.mark.parametrize("change", [
    lambda path, file: os.truncate(path, 100),
    lambda path, file: file.close(),
])  # fmt: skip
def test_a_file_that_cannot_be_read_to_its_end_breaks_the_upload_off_and_is_not_sent_again(
    tmp_path, change
):
    with FakeServer() as server:
        server.add_knowledge_base("docs")
        error = shrinking(tmp_path, server, change)
        assert (
            server.requests == []
        )  # never a whole request, so nothing was carried out
    assert str(error).startswith(
        "the request could not be sent whole: files[0] ('a.bin') "
    )
    assert error.__cause__ is not None
    assert (error.request_sent, error.attempts) == (True, 1)


def test_a_path_that_is_gone_when_it_is_sent_is_a_network_error(server, tmp_path):
    """It could be opened before: so it is no OSError of the path, and nothing of it is
    left half done.
    """
    path = tmp_path / "a.txt"
    path.write_bytes(b"x")
    server.fail_next(429)
    with client_of(server) as pj:
        replace_clock(pj, sleep=lambda seconds: path.unlink())
        with pytest.raises(
            NetworkError, match="the request could not be sent whole"
        ) as caught:
            pj.upload_documents("docs", [path])
        assert caught.value.attempts == 2
        assert "files[0] ('a.txt') can no longer be read: No such file" in str(
            caught.value
        )
        # What is inside of the package stays there.
        assert isinstance(caught.value.__cause__, FileNotFoundError)
        # The next request is on a connection of its own.
        assert pj.get_knowledge_base("docs").document_count == 0


def test_memory_stays_flat_however_large_the_file_is(tmp_path):
    path = tmp_path / "sparse.bin"
    size = 16 * 2**20
    with open(path, "wb") as file:
        file.truncate(size)
    arrived = []

    def swallow(conn):
        left = int(conn.read_head().headers["content-length"]) - len(conn._received)
        conn._received.clear()
        buffer = bytearray(65536)
        while left:
            left -= conn.sock.recv_into(buffer)
        arrived.append(size)
        conn.reply(200, [DOCUMENT])

    with ScriptedServer(swallow) as server, client_of(server) as pj:
        pj.create_stream_token  # noqa: B018
        tracemalloc.start()
        try:
            pj.upload_documents("docs", [path])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert arrived == [size]
    assert peak < 4 * 2**20
