"""The parser of Server-Sent Events: what is a frame, and that it makes no difference
where the bytes are cut."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Iterable

import pytest
from helpers.memory import held_by, traced_memory

from promptjuggler.streaming import _sse
from promptjuggler.streaming._sse import (
    Frame,
    FrameDecoder,
    FrameTooLong,
)

# What the package promises, stated here once more.
LONGEST_LINE = 8 * 1024 * 1024
LONGEST_FRAME = 8 * 1024 * 1024
MOST_LINES = 65_536


def decode(*pieces: bytes, last_event_id: str = "") -> list[Frame]:
    """The frames that the pieces of one connection give."""
    decoder = FrameDecoder(last_event_id)
    return [frame for piece in pieces for frame in decoder.feed(piece)]


def decode_into(frames: list[Frame], pieces: Iterable[bytes]) -> None:
    """The same, where an error is to come: what came before it is in `frames`."""
    decoder = FrameDecoder()
    for piece in pieces:
        frames.extend(decoder.feed(piece))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The pieces that `data` falls into when it is cut at the places."""
    ends = [0, *sorted(places), len(data)]
    return [data[start:end] for start, end in zip(ends, ends[1:], strict=False)]


def message(data: str) -> Frame:
    """A frame without name and id."""
    return Frame("message", data, "")


CASES = {
    "a frame has a name, data and an id": (
        b'id: 7-0\nevent: token\ndata: {"a":1}\n\n',
        [Frame("token", '{"a":1}', "7-0")],
    ),
    "lines end with LF": (
        b"data: a\ndata: b\n\ndata: c\n\n",
        [message("a\nb"), message("c")],
    ),
    "lines end with CR": (
        b"data: a\rdata: b\r\rdata: c\r\r",
        [message("a\nb"), message("c")],
    ),
    "lines end with CRLF": (
        b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n",
        [message("a\nb"), message("c")],
    ),
    "lines end with a mixture of the three": (
        b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\rdata: e\r\n\n",
        [message("a\nb\nc"), message("d"), message("e")],
    ),
    "LF and CR are two line ends, CRLF is one": (
        b"data: a\n\rdata: b\r\ndata: c\n\n",
        [message("a"), message("b\nc")],
    ),
    "an empty line ends no frame that has not begun": (
        b"\n\r\r\n\n\ndata: a\n\n\n\n",
        [message("a")],
    ),
    "a byte order mark at the start is dropped": (
        b"\xef\xbb\xbfdata: a\n\n",
        [message("a")],
    ),
    "only one byte order mark is dropped": (
        b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n",
        [message("b")],
    ),
    "a byte order mark is dropped at the start only": (
        b"data: a\n\n\xef\xbb\xbfdata: b\ndata: \xef\xbb\xbfc\n\n",
        [message("a"), message("\ufeffc")],
    ),
    "a byte order mark alone is an empty line": (
        b"\xef\xbb\xbf\ndata: a\n\n",
        [message("a")],
    ),
    "one space after the colon is dropped, and no more": (
        b"data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\ndata: a \n\n",
        [message("a"), message("a"), message(" a"), message("\ta"), message("a ")],
    ),
    "a line without a colon is a field with an empty value": (
        b"data\n\ndata\ndata\n\n",
        [message(""), message("\n")],
    ),
    "a second colon is part of the value": (
        b"data: a: b\ndata::c\n\n",
        [message("a: b\n:c")],
    ),
    "empty data lines count": (b"data:\ndata: a\ndata:\n\n", [message("\na\n")]),
    "a line that starts with a colon is a comment": (
        b": hello\n:\n\ndata: a\n:data: b\n\n",
        [message("a")],
    ),
    "retry and unknown fields are ignored": (
        b"retry: 10\nfoo: 1\n\nretry: 5\ndata: a\nretry\n\n",
        [message("a")],
    ),
    "names of fields are exact": (
        b"Data: a\nDATA: a\n data: a\ndata : a\ndataa: a\nEvent: x\nID: 1\n\n",
        [],
    ),
    "the last name counts": (b"event: a\nevent: b\ndata: 1\n\n", [Frame("b", "1", "")]),
    "an empty name is none": (b"event: a\nevent:\ndata: 1\n\n", [message("1")]),
    "a name is for its frame alone": (
        b"event: a\ndata: 1\n\ndata: 2\n\n",
        [Frame("a", "1", ""), message("2")],
    ),
    "an id holds until there is another": (
        b"data: 1\n\nid: x\ndata: 2\n\ndata: 3\n\nid: y\ndata: 4\n\n",
        [
            message("1"),
            Frame("message", "2", "x"),
            Frame("message", "3", "x"),
            Frame("message", "4", "y"),
        ],
    ),
    "an empty id takes the last one back": (
        b"id: x\ndata: 1\n\nid\ndata: 2\n\n",
        [Frame("message", "1", "x"), message("2")],
    ),
    "an id with NUL is ignored": (
        b"id: x\ndata: 1\n\nid: y\0\ndata: 2\n\nid: \0\n\n",
        [Frame("message", "1", "x"), Frame("message", "2", "x")],
    ),
    "an id counts with its frame, also without data": (
        b"id: x\n\n",
        [Frame("message", "", "x")],
    ),
    "a hand-over needs no data": (
        b"event: reconnect\n\nevent: stale\nid: 5\n\n",
        [Frame("reconnect", "", ""), Frame("stale", "", "5")],
    ),
    "NUL in data is text": (b"data: a\0b\n\n", [message("a\0b")]),
    "other separators of lines are text": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei\n\n".encode(),
        [message("a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei")],
    ),
    "text is UTF-8": (
        "event: é\nid: ü€\ndata: 😀 日本語\n\n".encode(),
        [Frame("é", "😀 日本語", "ü€")],
    ),
    "what is not UTF-8 becomes U+FFFD": (
        b"data: \xff a \xe2\x82 b \xf0\x9f\x98\ndata: \xed\xa0\x80 \xc0\xaf\n\n",
        [message("\ufffd a \ufffd b \ufffd\n\ufffd\ufffd\ufffd \ufffd\ufffd")],
    ),
    "a frame that no empty line ends was cut off": (
        b"data: a\n\nevent: b\nid: 3\ndata: b\n",
        [message("a")],
    ),
    "a line that is not ended was cut off": (
        b"data: a\n\ndata: b\n\ndata: c",
        [message("a"), message("b")],
    ),
    "nothing gives nothing": (b"", []),
}


@pytest.mark.parametrize(("data", "frames"), CASES.values(), ids=CASES.keys())
def test_frames_are_what_the_standard_says(data: bytes, frames: list[Frame]) -> None:
    """The case's name says what is true."""
    assert decode(data) == frames


@pytest.mark.parametrize(("data", "frames"), CASES.values(), ids=CASES.keys())
def test_where_the_bytes_are_cut_makes_no_difference(
    data: bytes, frames: list[Frame]
) -> None:
    """Each case one byte at a time, cut in two and in three at every place, and with
    empty pieces between."""
    assert decode(*cut(data, range(1, len(data)))) == frames
    for place in range(len(data) + 1):
        assert decode(data[:place], b"", data[place:]) == frames
        for other in range(place, len(data) + 1):
            assert decode(*cut(data, (place, other))) == frames


@pytest.mark.parametrize(("data", "frames"), CASES.values(), ids=CASES.keys())
def test_a_stream_that_is_cut_off_gives_the_frames_before(
    data: bytes, frames: list[Frame]
) -> None:
    """Cut off anywhere, a stream gives the first of its frames, and bytes to spare give
    more after all of them."""
    counts = []
    for place in range(len(data) + 1):
        before = decode(data[:place])
        assert before == frames[: len(before)]
        counts.append(len(before))
    assert counts == sorted(counts)
    if not data.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")):
        return
    spare = b"event: spare\ndata: 1\n\n"
    assert [frame[:2] for frame in decode(data + b"\n" + spare)] == [
        frame[:2] for frame in [*frames, ("spare", "1")]
    ]


def model(data: bytes) -> list[Frame]:
    """The algorithm of the HTML standard, written down again in the plainest way, for a
    whole stream."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _ = re.split("\r\n|\r|\n", text)
    frames: list[Frame] = []
    name, block, last_id, begun = "", "", "", False
    for line in lines:
        if line == "":
            if begun:
                frames.append(Frame(name or "message", block[:-1], last_id))
            name, block, begun = "", "", False
        field, value = (
            re.fullmatch("([^:]*)(?:: ?(.*))?", line, re.DOTALL) or pytest.fail(line)
        ).groups("")
        if field == "data":
            block, begun = block + value + "\n", True
        if field == "event":
            name, begun = value, True
        if field == "id" and "\0" not in value:
            last_id, begun = value, True
    return frames


def test_random_streams_are_read_as_the_standard_says_however_they_are_cut() -> None:
    """Streams of random crumbs, cut at random places, against a decoder that takes the
    whole as one text."""
    rng = random.Random(4)
    crumbs = [
        *(
            b"data",
            b"data: ",
            b"data:x",
            b"event",
            b"event: t",
            b"id",
            b"id: 1",
            b"id:2\0",
            b"retry: 1",
        ),
        *(
            b":",
            b": ",
            b" ",
            b"x",
            b"\0",
            b"\x0c",
            b"\n",
            b"\n",
            b"\n\n",
            b"\r",
            b"\r",
            b"\r\n",
            b"\r\n",
            b"\r\n\r\n",
        ),
        *(
            b"\xef\xbb\xbf",
            b"\xff",
            b"\xe2",
            b"\x82",
            b"\xac",
            b"\xf0\x9f",
            b"\x98\x80",
            b"\xc2\x85",
            b"\xe2\x80\xa8",
        ),
    ]
    seen = 0
    for _ in range(1500):
        data = b"".join(rng.choices(crumbs, k=rng.randrange(120)))
        frames = model(data)
        seen += len(frames)
        assert decode(data) == frames
        assert (
            decode(*cut(data, rng.choices(range(len(data) + 1), k=rng.randrange(12))))
            == frames
        )
    assert seen > 2000


def test_a_cr_at_the_end_of_a_piece_delivers_at_once() -> None:
    """A frame whose last byte is a CR does not wait for the LF that may follow; that LF
    is then swallowed, once."""
    decoder = FrameDecoder()
    assert list(decoder.feed(b"data: a\r\n\r")) == [message("a")]
    assert list(decoder.feed(b"")) == []
    assert list(decoder.feed(b"\n")) == []
    assert list(decoder.feed(b"data: b\r")) == []
    assert list(decoder.feed(b"\n\n")) == [message("b")]


def test_the_id_of_the_connection_before_goes_on() -> None:
    """A connection that was opened with a last event id has it until a frame gives another."""
    frames = decode(b"data: 1\n\nid: 8\ndata: 2\n\n", last_event_id="7")
    assert [frame.id for frame in frames] == ["7", "8"]


def test_an_id_does_not_count_before_its_frame() -> None:
    """The frames before keep the id that was theirs, and an id whose frame was cut off
    is never seen."""
    assert decode(b"id: 1\ndata: a\n\nid: 2\ndata: b\n") == [Frame("message", "a", "1")]


def test_a_line_of_the_greatest_length_is_read_in_small_pieces() -> None:
    """8 MiB are no error, nor a matter of minutes, in pieces of 1 KiB."""
    value = b"x" * (LONGEST_LINE - len(b"data:"))
    data = b"data:" + value + b"\n\n"
    (frame,) = decode(*cut(data, range(1024, len(data), 1024)))
    assert frame.data == value.decode()
    assert decode(data) == [frame]


@pytest.mark.parametrize(
    "name", [b"data:", b":", b"", b"id:"], ids=["data", "comment", "unknown", "id"]
)
@pytest.mark.parametrize("end", [b"\n\ndata: b\n\n", b""], ids=["ended", "not ended"])
@pytest.mark.parametrize("piece", [1 << 16, 1 << 24], ids=["in pieces", "whole"])
def test_a_line_over_8_mib_is_an_error(name: bytes, end: bytes, piece: int) -> None:
    """Whatever the line is and whether or not it ends, what came before it is
    delivered, and nothing after it."""
    data = b"data: a\n\n" + name.ljust(LONGEST_LINE + 1, b"x") + end
    frames: list[Frame] = []
    with pytest.raises(
        FrameTooLong, match="a line of the stream is longer than 8388608 bytes"
    ):
        decode_into(frames, cut(data, range(piece, len(data), piece)))
    assert frames == [message("a")]


MEBIBYTE = 1024 * 1024
LINE = b"data:".ljust(MEBIBYTE, b"x") + b"\n"  # Its end does not count.


def test_the_data_of_one_frame_is_limited() -> None:
    """Lines that are short enough do not add up without end.

    8 MiB of them are read, and not a byte more; in frames of their own they do no harm.
    """
    most = LONGEST_FRAME // MEBIBYTE
    (frame,) = decode(*[LINE] * most, b"\n")
    assert len(frame.data) == most * (MEBIBYTE - len("data:")) + most - 1
    frames: list[Frame] = []
    with pytest.raises(FrameTooLong, match="the data of a frame"):
        decode_into(frames, [*[LINE] * most, b"data\n"])
    assert frames == []
    assert len(decode(*[LINE, b"\n"] * (most + 1))) == most + 1


@pytest.mark.parametrize("field", [b"event: token\n", b"id: 7\n", b": comment\n"])
def test_lines_between_the_data_of_a_frame_do_not_lift_its_limit(field: bytes) -> None:
    """The count goes on over them: only an empty line begins another frame."""
    count = LONGEST_FRAME // MEBIBYTE + 1
    frames: list[Frame] = []
    with pytest.raises(FrameTooLong, match="the data of a frame .* 8388608 bytes"):
        decode_into(frames, [LINE, field] * count)
    assert frames == []


@pytest.mark.parametrize("line", [b"data\n", b"data:\r\n", b"data: a\n", b"data:ab\n"])
def test_the_lines_of_one_frame_are_limited(line: bytes) -> None:
    """65,536 of them are read, and not one more, however short they are."""
    (frame,) = decode(line * MOST_LINES, b"\n")
    assert frame.data.count("\n") == MOST_LINES - 1
    frames: list[Frame] = []
    with pytest.raises(FrameTooLong, match="more than 65536 lines of data"):
        decode_into(frames, [b"data: before\n\n", *[line] * (MOST_LINES + 1)])
    assert frames == [message("before")]


ENDLESS_FRAMES = {
    "one line": b"data:" + b"x" * 65_531,
    "tiny lines of data": b"data:xy\n" * 8_000,
    "lines of data": b"data:%b\n" % (b"x" * 1_000) * 64,
}


@pytest.mark.parametrize("piece", ENDLESS_FRAMES.values(), ids=ENDLESS_FRAMES)
def test_a_frame_without_end_takes_a_few_times_its_greatest_length_in_memory(
    piece: bytes,
) -> None:
    """One of 59 MiB is an error long before its end."""
    pieces = (piece for _ in range(59 * MEBIBYTE // len(piece)))
    tracemalloc.start()
    try:
        with pytest.raises(FrameTooLong):
            decode_into([], pieces)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 3 * LONGEST_FRAME


HELD_BY_NOBODY = {
    "lines that are no data": b"event: %b\nid: %b\n: %b\n" % ((b"x" * 20_000,) * 3),
    "empty lines": b"\n" * 65_536,
    "heartbeats": b":\n\n" * 10_000,
    "frames": b"id: 1\nevent: x\ndata: 1\n\n" * 1_000,
}


@pytest.mark.parametrize("piece", HELD_BY_NOBODY.values(), ids=HELD_BY_NOBODY)
def test_what_is_held_does_not_grow_with_what_has_come(piece: bytes) -> None:
    """After ten times as much, it is no more."""
    decoder = FrameDecoder()
    held = []
    with traced_memory():
        for count in (2, 20):
            for _ in range(count):
                for _ in decoder.feed(piece):
                    pass
            held.append(held_by(_sse))
    assert held[1] < held[0] + 1_000
