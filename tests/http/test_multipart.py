"""The body of an upload: its exact bytes, its exact length, and everything that must
not become one.
"""

from __future__ import annotations

import email.parser
import email.policy
import gc
import gzip
import io
import mmap
import os
import random
import socket
import tempfile
import time
import tracemalloc
import zipfile
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.errors import shown_before
from helpers.servers import descriptors

from promptjuggler._http.multipart import CHUNK_SIZE, Multipart


def whole(body: Multipart) -> bytes:
    return b"".join(body)


def parse(body: Multipart) -> list[EmailMessage]:
    """The parts as the standard library's own parser sees them."""
    head = (
        b"MIME-Version: 1.0\r\nContent-Type: "
        + body.content_type.encode()
        + b"\r\n\r\n"
    )
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        head + whole(body)
    )
    assert not message.defects
    assert isinstance(message, EmailMessage)
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


def split(body: Multipart) -> list[tuple[bytes, bytes]]:
    """Headers and content of each part, by a parser of a few lines that knows only RFC
    2046: bytes stay as they are.
    """
    boundary = body.content_type.partition("boundary=")[2].encode()
    first, *parts, last = (b"\r\n" + whole(body)).split(b"\r\n--" + boundary)
    assert (first, last) == (b"", b"--\r\n")
    assert all(part.startswith(b"\r\n") for part in parts)
    cut = [part[2:].partition(b"\r\n\r\n") for part in parts]
    return [(headers, content) for headers, _, content in cut]


def contents(body: Multipart) -> list[bytes]:
    return [content for _, content in split(body)]


def header_lines(name: str) -> list[bytes]:
    ((headers, content),) = split(Multipart([(name, b"x")]))
    assert content == b"x"
    return headers.split(b"\r\n")


class Trickle(io.BytesIO):
    """A file that gives a byte at a time, as a raw file may."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(1, size or 0))


class Lying(io.BytesIO):
    """A file whose `read` gives whatever it was told to, once it is being sent."""

    answer: Any = b""

    def read(self, size: int | None = -1, /) -> Any:
        return self.answer if size else b""


CHANGED = r"^files\[0\] has changed since its size was taken"


# What is sent


def test_two_files_become_exactly_these_bytes() -> None:
    """The bytes are the ones of RFC 7578, written out by hand."""
    body = Multipart(
        [("a.txt", b"one\r\n"), ("b.pdf", io.BytesIO(b"%PDF"))], boundary="BOUNDARY"
    )
    assert body.content_type == "multipart/form-data; boundary=BOUNDARY"
    assert whole(body) == (
        b"--BOUNDARY\r\n"
        b'Content-Disposition: form-data; name="files[0]"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n"
        b"\r\n"
        b"one\r\n\r\n"
        b"--BOUNDARY\r\n"
        b'Content-Disposition: form-data; name="files[1]"; filename="b.pdf"\r\n'
        b"Content-Type: application/pdf\r\n"
        b"\r\n"
        b"%PDF\r\n"
        b"--BOUNDARY--\r\n"
    )


def test_the_standard_librarys_parser_reads_names_types_and_contents_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.html"
    path.write_bytes(b"<p>three</p>")
    parts = parse(
        Multipart([("a.txt", b"one"), ("b.json", io.BytesIO(b"{}")), path, str(path)])
    )
    assert [part.get_param("name", header="content-disposition") for part in parts] == [
        "files[0]",
        "files[1]",
        "files[2]",
        "files[3]",
    ]
    assert [part.get_filename() for part in parts] == [
        "a.txt",
        "b.json",
        "c.html",
        "c.html",
    ]
    types = ["text/plain", "application/json", "text/html", "text/html"]
    assert [part.get_content_type() for part in parts] == types
    assert [part.get_payload(decode=True) for part in parts] == [
        b"one",
        b"{}",
        b"<p>three</p>",
        b"<p>three</p>",
    ]


def test_the_announced_length_is_the_length_and_the_contents_survive(
    tmp_path: Path,
) -> None:
    """Two hundred random uploads: boundary-like lines, line ends, empty and large
    files, in every form.
    """
    dice = random.Random(20260101)
    bits = [
        b"\r\n",
        b"\n",
        b"\r",
        b"--",
        b"--BOUNDAR",
        b"\r\n--BOUNDAR--\r\n",
        b"\0",
        bytes(range(256)),
        b"x" * 999,
    ]
    for case in range(200):
        expected = []
        files: list[Any] = []
        for index in range(dice.randint(1, 4)):
            content = b"".join(dice.choices(bits, k=dice.randint(0, 6)))
            if dice.random() < 0.05:
                content = dice.randbytes(
                    dice.choice(
                        [CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE]
                    )
                )
            name = dice.choice(["a.txt", "ä€😀.pdf", '"', "\r\n", "no extension"])
            kind = dice.randrange(5)
            if kind == 4:
                path = tmp_path / f"{case}-{index}"
                path.write_bytes(content)
                files.append(dice.choice([path, str(path)]))
            else:
                skipped = dice.randint(0, 3)
                file = dice.choice([io.BytesIO, Trickle])(b"." * skipped + content)
                file.seek(skipped)
                files.append((name, [content, bytearray(content), file, file][kind]))
            expected.append(content)
        body = Multipart(iter(files), boundary=dice.choice(["BOUNDARY", None]))
        assert all(body), "an empty piece"
        assert body.content_length == len(whole(body))
        assert contents(body) == expected


def test_the_default_boundary_is_new_each_time_and_fit_for_a_header() -> None:
    types = {Multipart([("a", b"")]).content_type for _ in range(100)}
    assert len(types) == 100
    boundary = types.pop().partition("boundary=")[2]
    assert len(boundary) <= 70  # RFC 2046, 5.1.1
    assert boundary.replace("-", "").isalnum()
    assert boundary.isascii()


def test_content_goes_out_in_pieces_of_at_most_64_kib(tmp_path: Path) -> None:
    content = bytes(200_000)
    path = tmp_path / "a"
    path.write_bytes(content)
    files: list[Any] = [
        ("a", content),
        ("a", bytearray(content)),
        ("a", io.BytesIO(content)),
        path,
    ]
    for file in files:
        pieces = list(Multipart([file]))
        assert all(type(piece) is bytes for piece in pieces)
        assert [len(piece) for piece in pieces if not any(piece)] == [
            65536,
            65536,
            65536,
            3392,
        ]


def test_a_file_of_64_mb_is_read_in_less_than_a_megabyte_of_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(64_000_000)
    tracemalloc.start()
    try:
        with path.open("rb") as opened:
            body = Multipart([path, ("opened.bin", opened)])
            count = sum(map(len, body))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == body.content_length > 128_000_000
    assert peak < 1024 * 1024


def test_bytes_are_not_copied_but_for_the_piece_that_is_sent() -> None:
    large = bytes(8_000_000)
    tracemalloc.start()
    try:
        count = sum(map(len, Multipart([("a", large), ("b", large)])))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count > 16_000_000
    assert peak < 1024 * 1024


def test_a_binary_file_goes_from_its_present_position_to_its_end() -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    body = Multipart([("a", file)])
    assert file.tell() == 4
    assert contents(body) == [b"456789"]
    assert not file.closed


def test_a_file_that_stands_beyond_its_end_is_empty() -> None:
    file = io.BytesIO(b"abc")
    file.seek(9)
    assert contents(Multipart([("a", file)])) == [b""]


def test_one_file_object_can_be_given_twice() -> None:
    file = io.BytesIO(b"abc")
    assert contents(Multipart([("a", file), ("b", file)])) == [b"abc", b"abc"]


def test_temporary_mapped_compressed_and_archived_files_are_binary_files(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"abc")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"abc"))
    with (
        tempfile.NamedTemporaryFile() as named,
        tempfile.SpooledTemporaryFile() as spooled,
        zipfile.ZipFile(tmp_path / "a.zip") as archive,
        archive.open("a") as archived,
        gzip.open(tmp_path / "a.gz") as compressed,
        mmap.mmap(-1, 3) as mapped,
    ):
        for file in (named, spooled, mapped):
            file.write(b"abc")
            file.seek(0)
        files = [("a", file) for file in (named, spooled, archived, compressed, mapped)]
        assert contents(Multipart(files)) == [b"abc"] * 5  # type: ignore[arg-type]


def test_files_may_be_any_iterable() -> None:
    files = [("a", b"1"), ("b", b"2")]
    assert [
        contents(Multipart(given)) for given in (files, tuple(files), iter(files))
    ] == [[b"1", b"2"]] * 3


def test_a_tuple_of_two_files_is_two_files(tmp_path: Path) -> None:
    """And no name with its content, as a tuple of two is within the list."""

    class Found:
        """What is like a path, as the entries of os.scandir() are."""

        def __init__(self, path: Path) -> None:
            self.path = path

        def __fspath__(self) -> str:
            return str(self.path)

    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    forms: list[Any] = [str(one), one, Found(one), ("one", b"1")]
    others: list[Any] = [str(other), other, Found(other), ("other", b"2")]
    for first in forms:
        assert contents(Multipart((first,))) == [b"1"]
        for second in others:
            assert contents(Multipart((first, second, first))) == [b"1", b"2", b"1"]
            parts = split(Multipart((first, second)))
            assert [content for _, content in parts] == [b"1", b"2"]
            assert b'filename="one"' in parts[0][0]
            assert b'filename="other"' in parts[1][0]


def test_many_paths_need_one_descriptor_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    before = open_descriptors()
    body = Multipart([path] * 50)
    assert open_descriptors() == before
    assert {open_descriptors() for _ in body} == {before, before + 1}
    assert open_descriptors() == before


def open_descriptors() -> int:
    """How many descriptors this process has open; found by asking for each of them."""

    def is_open(descriptor: int) -> bool:
        try:
            os.fstat(descriptor)
        except OSError:
            return False
        return True

    return sum(map(is_open, range(256)))


# Sending again


def test_every_iteration_starts_again_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"path" * CHUNK_SIZE)
    file = io.BytesIO(b"skipped" + b"file" * CHUNK_SIZE)
    file.seek(7)
    body = Multipart([("a", b"bytes" * CHUNK_SIZE), ("b", file), path])
    expected = [b"bytes" * CHUNK_SIZE, b"file" * CHUNK_SIZE, b"path" * CHUNK_SIZE]
    assert contents(body) == expected
    count = len(list(body))
    for pieces in range(count):  # left at every point
        abandoned = iter(body)
        for _ in range(pieces):
            next(abandoned)
        assert contents(body) == expected


def test_a_file_is_closed_when_the_sending_stops_in_the_middle_of_it(
    tmp_path: Path,
) -> None:
    """Nothing is left open by an iteration that is closed, or dropped."""
    path = tmp_path / "a"
    path.write_bytes(bytes(3 * CHUNK_SIZE))
    body = Multipart([path])
    before = open_descriptors()
    for end in ("close", "drop"):
        pieces: Any = iter(body)
        assert len([next(pieces), next(pieces)]) == 2
        assert open_descriptors() == before + 1
        if end == "close":
            pieces.close()
        pieces = None
        gc.collect()  # a ResourceWarning would come now
        assert open_descriptors() == before


def test_a_bytearray_may_change_but_its_length_is_the_announced_one() -> None:
    content = bytearray(b"abc")
    body = Multipart([("a", content)])
    content += b"def"
    assert contents(body) == [b"abc"]
    content.clear()
    with pytest.raises(OSError, match=UNREADABLE):
        list(body)


# Files that change between the announcement and the sending

UNREADABLE = r"^files\[0\] \('a'\) can no longer be read: "


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    """For every length that may be left of it, and whether it was given by its path or open."""
    path = tmp_path / "a.pdf"
    for left in (0, 1, CHUNK_SIZE, 2 * CHUNK_SIZE - 1):
        path.write_bytes(bytes(2 * CHUNK_SIZE))
        with path.open("rb") as file:
            by_path, opened = Multipart([path]), Multipart([("a.pdf", file)])
            with path.open("r+b") as other:
                other.truncate(left)
            with pytest.raises(OSError, match=CHANGED):
                list(by_path)
            with pytest.raises(
                OSError,
                match=r"^files\[0\] \('a\.pdf'\) can no longer be read: became shorter",
            ):
                list(opened)


def test_of_a_file_that_grew_only_the_announced_length_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        body = Multipart([("a", file)])
        with path.open("ab") as other:
            other.write(b"def")
        assert contents(body) == [b"abc"]
        assert len(whole(body)) == body.content_length


def swapped(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"xyz")
    other.replace(path)


def written_anew(path: Path) -> None:
    """The same file, as long as before, and with the time of before."""
    before = path.stat()
    time.sleep(0.02)  # the clock of a file system is not a fine one
    path.write_bytes(b"xyz")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"def")


@pytest.mark.parametrize("change", [swapped, written_anew, grown])
@pytest.mark.parametrize("sent_before", [False, True])
def test_a_path_is_the_same_file_at_each_attempt_or_an_error(
    tmp_path: Path, change: Any, sent_before: bool
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    body = Multipart([("b", b""), path])
    if sent_before:
        assert contents(body) == [b"", b"abc"] == contents(body)
    change(path)
    with pytest.raises(
        OSError, match=r"^files\[1\] has changed since its size was taken"
    ):
        list(body)


IDENTITY = ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")


@pytest.mark.parametrize("name", IDENTITY)
def test_each_thing_that_tells_a_file_from_another_counts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No file system has all of them, and none has to be exact."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    body = Multipart([path])
    real = os.fstat

    def fstat(descriptor: int) -> SimpleNamespace:
        values = {one: getattr(real(descriptor), one) for one in IDENTITY}
        values[name] += 1
        return SimpleNamespace(**values)

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(OSError, match=CHANGED):
        list(body)


def test_the_link_to_a_file_may_not_lead_to_another_one_either(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"abc")
    link = tmp_path / "link"
    link.symlink_to("one")
    body = Multipart([link])
    link.unlink()
    link.symlink_to("two")
    with pytest.raises(OSError, match=CHANGED):
        list(body)


@pytest.mark.parametrize("opened", [False, True])
def test_a_file_that_says_that_it_is_empty_and_is_not_is_refused(opened: bool) -> None:
    """As all of /proc do: how long they are shows only when they are read."""
    path = "/proc/self/cmdline"
    with open(path, "rb") as file:
        text = refusal([("a", file)] if opened else [path])
        assert text.startswith("files[0] must be a file whose size is known before")
        file.seek(0)
        assert file.read()


@pytest.mark.parametrize("start", [0, 1])
def test_a_small_file_that_has_less_than_it_says_is_refused(
    tmp_path: Path, start: int
) -> None:
    """As those of /sys do: they say that they have a page of memory."""

    class OfSys(io.FileIO):
        def tell(self) -> int:
            place = super().tell()
            return 4096 if place == 6 else place

    path = tmp_path / "mtu"
    path.write_bytes(b"65536\n")
    with OfSys(path) as file:
        file.seek(start)
        text = refusal([("a", file)])
        assert file.tell() == start
    has = f"{4096 - start} bytes, and has {6 - start}"
    assert text.endswith(f"before it is sent: this one says that it has {has}")


def test_an_empty_file_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with path.open("rb") as file:
        assert contents(Multipart([path, ("b", file), ("c", b"")])) == [b""] * 3


def test_the_length_of_the_body_is_what_len_says() -> None:
    """What looks at requests of urllib from outside asks so."""
    body = Multipart([("a.txt", b"text")])
    assert len(body) == body.content_length == len(whole(body))


def test_one_file_is_open_at_a_time(tmp_path: Path) -> None:
    before = descriptors()
    paths = [tmp_path / str(number) for number in range(50)]
    for path in paths:
        path.write_bytes(b"x" * 3)
    body = Multipart(paths)
    assert descriptors() == before
    most = max(len(descriptors() - before) for _ in body)
    assert most == 1
    gc.collect()
    assert descriptors() == before


def test_a_path_that_is_gone_or_is_no_file_any_more_is_an_oserror(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    body = Multipart([path])
    path.unlink()
    with pytest.raises(FileNotFoundError):
        list(body)
    path.mkdir()
    with pytest.raises(OSError, match="Is a directory|Permission denied"):
        list(body)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(
        OSError, match=UNREADABLE + r"files\[0\] must be a regular file"
    ):
        list(body)


def test_a_file_that_was_closed_before_it_was_sent_is_an_oserror() -> None:
    file = io.BytesIO(b"abc")
    body = Multipart([("a", file)])
    file.close()
    with pytest.raises(OSError, match=UNREADABLE) as caught:
        list(body)
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_file_that_is_closed_while_it_is_sent_is_an_oserror() -> None:
    file = io.BytesIO(bytes(2 * CHUNK_SIZE))
    pieces = iter(Multipart([("a", file)]))
    assert len([next(pieces), next(pieces)]) == 2
    file.close()
    with pytest.raises(OSError, match=UNREADABLE):
        next(pieces)


def test_a_file_that_gives_text_nothing_or_too_much_is_an_oserror() -> None:
    """A wrong length would make the rest of the upload look like the next request."""
    for answer in ("abc", None, b"abcd", 3):
        file = Lying(b"abc")
        file.answer = answer
        with pytest.raises(OSError, match=UNREADABLE):
            list(Multipart([("a", file)]))


def test_an_error_of_the_disk_comes_through_and_names_the_file() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if size:
                raise OSError(5, "Input/output error")
            return b""

    files: list[Any] = [("a", b"1"), ("b.txt", Broken(b"abc"))]
    named = r"files\[1\] \('b.txt'\) can no longer be read: Input/output error"
    with pytest.raises(OSError, match=named) as caught:
        list(Multipart(files))
    assert caught.value.errno == 5


# Names


def test_names_go_out_in_utf_8() -> None:
    assert header_lines("Übersicht – 概要 😀.txt") == [
        'Content-Disposition: form-data; name="files[0]"; filename="Übersicht – 概要 😀.txt"'.encode(),
        b"Content-Type: text/plain",
    ]


def test_only_quotes_and_line_ends_are_escaped() -> None:
    """The rule of the WHATWG; a percent sign stays as it is, and so do a tab and U+2028."""
    assert header_lines('a"b\rc\nd\r\ne%22f\th\u2028i;j.txt') == [
        'Content-Disposition: form-data; name="files[0]"; '
        'filename="a%22b%0Dc%0Ad%0D%0Ae%22f\th\u2028i;j.txt"'.encode(),
        b"Content-Type: text/plain",
    ]


@pytest.mark.parametrize(
    "name",
    [
        'a"\r\nContent-Type: text/html\r\n\r\n<script>',
        "a\r\n\r\n--BOUNDARY--\r\n",
        "a\nX-Header: 1",
        'data:text/html;x="\r\nX-Header: 1\r\n",<p>',
        "data:application/pdf,",
        "data:;base64,AAAA",
        "http://example.com/a.b\r\nX: 1/",
        "a.txt\r\nX: 1",
        "a.\r\nX: 1",
        'a.x"; filename="b.html',
    ],
)
def test_no_name_can_inject_a_header_or_choose_its_type(name: str) -> None:
    """Whatever the name: two header lines, and a type that the name's extension does not have."""
    lines = header_lines(name)
    assert len(lines) == 2
    assert lines[0].count(b'"') == 4
    assert lines[1] in (
        b"Content-Type: application/octet-stream",
        b"Content-Type: text/html",
    )
    assert (lines[1] == b"Content-Type: text/html") == name.endswith(".html")


def test_random_names_never_break_the_headers() -> None:
    dice = random.Random(7)
    letters = '\r\n"%;: .\t\x01\x7f\x85\u2028é😀ab'
    for _ in range(2000):
        name = "a" + "".join(dice.choices(letters, k=dice.randint(0, 11)))
        lines = header_lines(name)
        assert len(lines) == 2
        sent = (
            lines[0]
            .removeprefix(
                b'Content-Disposition: form-data; name="files[0]"; filename="'
            )
            .removesuffix(b'"')
        )
        assert not set(sent) & set(b'"\r\n')
        for character, escape in (("%0A", "\n"), ("%0D", "\r"), ("%22", '"')):
            name = name.replace(escape, character)
        assert sent.decode() == name


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\Ada\\a.txt", "a.txt"),
        ("..\\..\\a.txt", "a.txt"),
        ("a/b\\c.txt", "c.txt"),
        ("reports/", "reports"),
        ("..a", "..a"),
    ],
)
def test_only_the_last_part_of_a_filename_is_sent(name: str, sent: str) -> None:
    """As browsers do: it says nothing of folders here, and leads into none there."""
    assert header_lines(name)[0].endswith(f'filename="{sent}"'.encode())


@pytest.mark.parametrize("name", ["/", "\\", ".", "..", "a/..", "..\\", "a/./"])
def test_a_filename_that_is_that_of_a_folder_is_refused(name: str) -> None:
    expected = "files[0] must have a filename that is not that of a folder"
    assert refusal([(name, b"x")]) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "text/plain"),
        ("A.TXT", "text/plain"),
        ("a.b.pdf", "application/pdf"),
        ("reports/a.csv", "text/csv"),
        ("a", "application/octet-stream"),
        (".txt", "application/octet-stream"),
        ("txt", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("a.txt.gz", "application/octet-stream"),
        ("a.tgz", "application/octet-stream"),
    ],
)
def test_the_content_type_comes_from_the_extension(name: str, expected: str) -> None:
    assert header_lines(name)[1] == f"Content-Type: {expected}".encode()


def test_the_name_of_a_path_is_its_last_component(tmp_path: Path) -> None:
    path = tmp_path / "inner" / 'a "b".txt'
    path.parent.mkdir()
    path.write_bytes(b"")
    for given in (path, str(path), f"{tmp_path}/./inner/../inner//{path.name}"):
        ((headers, _),) = split(Multipart([given]))
        assert b'; filename="a %22b%22.txt"\r\n' in headers


# What is refused


def refusal(files: Any) -> str:
    """The text of the error; it must be a TypeError or a ValueError and no kind of OSError."""
    with pytest.raises((TypeError, ValueError)) as caught:
        Multipart(files)
    assert not isinstance(caught.value, OSError)
    assert "secret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ("secret.txt", "str"),
        (b"secret", "bytes"),
        (bytearray(b"secret"), "bytearray"),
        ({"secret.txt": b"secret"}, "dict"),
        (io.BytesIO(b"secret\nsecret"), "BytesIO"),
        (7, "int"),
        (None, "NoneType"),
        (("secret.txt", b"secret"), "tuple"),
        (("secret.txt", io.BytesIO(b"secret")), "tuple"),
    ],
)
def test_what_is_no_list_of_files_is_refused(files: Any, kind: str) -> None:
    assert refusal(files) == f"files must be a list of files, not a single {kind}"


def test_a_path_in_the_place_of_the_list_is_refused() -> None:
    assert refusal(Path("secret.txt")).startswith(
        "files must be a list of files, not a single "
    )


@pytest.mark.parametrize("files", [[], (), iter([]), set()])
def test_an_empty_list_is_refused(files: Any) -> None:
    assert refusal(files) == "files is empty: there are no files to upload"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (["secret.txt", b"secret"], "list"),
        (b"secret.txt", "bytes"),
        (bytearray(b"secret"), "bytearray"),
        (io.BytesIO(b"secret"), "BytesIO"),
        ({"secret": b"secret"}, "dict"),
        (None, "NoneType"),
        (0, "int"),  # a descriptor, for `open`
        (True, "bool"),
        ((), "a tuple of 0"),
        (("secret.txt",), "a tuple of 1"),
        (("secret.txt", b"secret", "text/plain"), "a tuple of 3"),
    ],
)
def test_a_file_of_another_kind_is_refused(file: Any, kind: str) -> None:
    """A list of two least of all: it is what is left of a tuple that went through JSON."""
    expected = (
        "files[2] must be a tuple (filename, bytes or binary file) or a path, not "
        + kind
    )
    assert refusal([("a", b""), ("b", b""), file]) == expected


def no_content(kind: str) -> str:
    needs = "bytes, or a binary file that is open, readable and seekable"
    return f"files[0] must hold {needs}; this {kind} is not"


@pytest.mark.parametrize(
    "content",
    ["secret", None, 7, ["secret"], Path("secret.txt"), memoryview(b"secret")],
)
def test_a_content_of_another_kind_is_refused(content: Any) -> None:
    assert refusal([("a.txt", content)]) == no_content(type(content).__name__)


@pytest.mark.parametrize(
    "name", [b"secret.txt", None, 7, Path("secret.txt"), "", "secret\0.txt"]
)
def test_a_filename_that_is_no_str_or_empty_or_has_a_nul_is_refused(name: Any) -> None:
    assert (
        refusal([(name, b"x")])
        == "files[0] must have a filename that is a str, not empty, without a NUL"
    )


def test_a_filename_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """Given as a text, or found on the disk; there the way out is to give another name to it."""
    expected = (
        "files[0] has a filename that is not UTF-8: give a tuple with another filename"
    )
    assert refusal([("a\udc80.txt", b"x")]) == expected
    assert refusal([("a.\ud800", b"x")]) == expected
    path = os.path.join(os.fsencode(tmp_path), b"a\x80.txt")
    with open(path, "wb") as file:
        file.write(b"found")
    assert refusal([os.fsdecode(path)]) == expected
    with open(path, "rb") as file:
        assert contents(Multipart([("a.txt", file)])) == [b"found"]


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("secret", encoding="utf-8")
    with path.open(encoding="utf-8") as file, tempfile.TemporaryFile("w+") as temporary:
        for text in (file, temporary, io.StringIO("secret")):
            assert refusal([("a.txt", text)]) == no_content(type(text).__name__)


def test_a_file_that_cannot_be_sought_is_refused() -> None:
    readable, writable = os.pipe()
    with open(readable, "rb") as reader, open(writable, "wb"):
        assert refusal([("a", reader)]) == no_content("BufferedReader")
    one, other = socket.socketpair()
    with one, other, one.makefile("rb") as stream:
        assert refusal([("a", stream)]) == no_content("BufferedReader")


def test_a_closed_a_detached_and_a_write_only_file_are_refused(tmp_path: Path) -> None:
    closed = io.BytesIO(b"secret")
    closed.close()
    detached = io.BufferedReader(io.BytesIO(b"secret"))
    detached.detach()
    with open(tmp_path / "a", "wb") as write_only:
        for file in (closed, detached, write_only):
            assert refusal([("a", file)]) == no_content(type(file).__name__)


def test_something_that_merely_has_a_read_method_is_refused() -> None:
    class Reader:
        def read(self, size: int) -> bytes:
            return b"secret"

    assert refusal([("a", Reader())]) == no_content("Reader")
    assert refusal([("a", io.BytesIO)]) == no_content("type")  # the class, not a file


def test_a_damaged_compressed_file_is_refused() -> None:
    """Its size cannot be found; and its errors are of many kinds."""
    data = gzip.compress(os.urandom(1000))
    for damaged in (
        data[:-9],
        data[:100] + b"\xff" * 100 + data[200:],
        b"no gzip at all",
    ):
        with gzip.GzipFile(fileobj=io.BytesIO(damaged)) as file:
            assert refusal([("a", file)]) == no_content("GzipFile")


def test_a_path_that_cannot_be_opened_raises_what_open_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Multipart([("a", b""), tmp_path / "missing.txt"])
    assert caught.value.filename == str(tmp_path / "missing.txt")
    for directory in (tmp_path, str(tmp_path), f"{tmp_path}/", "."):
        with pytest.raises((IsADirectoryError, PermissionError)):
            Multipart([directory])


def test_a_named_pipe_and_a_device_are_refused_without_opening_them(
    tmp_path: Path,
) -> None:
    """Opening the pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.devnull):
        expected = "files[0] must be a regular file: its size has to be known before it is sent"
        assert refusal([path]) == expected


def test_a_path_of_bytes_or_without_a_character_is_refused() -> None:
    class BytesPath:
        def __fspath__(self) -> bytes:
            return b"secret"

    assert (
        refusal([""])
        == refusal([BytesPath()])
        == "files[0] must be a path that is a str and not empty"
    )


@pytest.mark.parametrize("path", ["secret\0.txt", "secret\ud800/a.txt"])
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    assert (
        refusal([path]) == "files[0] is a path with a character that no path can have"
    )


@pytest.mark.parametrize(
    "file", [("a\udc80.txt", b"x"), "secret\0.txt", "secret\ud800/a.txt"]
)
def test_what_says_it_all_stands_alone(file: Any) -> None:
    """The error that it was put in the place of would only show the name once more."""
    with pytest.raises(ValueError, match=r"^files\[0\] ") as caught:
        Multipart([file])
    assert shown_before(caught.value) is None


def test_what_cannot_be_measured_has_the_reason_as_its_cause() -> None:
    closed = io.BytesIO()
    closed.close()
    causes: list[tuple[Any, type[Exception]]] = [
        (io.StringIO("secret"), TypeError),
        (closed, ValueError),
        (None, AttributeError),
        (io.BufferedWriter(io.BytesIO()), io.UnsupportedOperation),
    ]
    for content, cause in causes:
        with pytest.raises(ValueError, match=r"^files\[0\] must hold ") as caught:
            Multipart([("a", content)])
        assert type(caught.value.__cause__) is cause


def test_what_can_no_longer_be_read_has_the_reason_as_its_cause() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if size:
                raise KeyError("none of the disk")
            return b""

    for file, cause in ((Broken(b"abc"), KeyError), (Lying(b"abc"), ValueError)):
        with pytest.raises(OSError, match=UNREADABLE) as caught:
            list(Multipart([("a", file)]))
        assert type(caught.value.__cause__) is cause


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "target.bin").write_bytes(b"abc")
    (tmp_path / "link.txt").symlink_to(tmp_path / "target.bin")
    ((headers, content),) = split(Multipart([tmp_path / "link.txt"]))
    assert content == b"abc"
    assert b'filename="link.txt"' in headers
