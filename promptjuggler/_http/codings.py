"""Bodies that come packed though that was not asked for (RFC 9110, 8.4), unpacked.

Some gateways pack whatever they pass on. Gzip and deflate are what the standard library
can read. Only an answer that is packed loads this module.
"""

from __future__ import annotations

import re
import zlib
from itertools import chain

from .exceptions import UnreadableCoding
from .sockets import CHUNK_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_GZIP_NAMES = frozenset({"gzip", "x-gzip"})
_DEFLATE = "deflate"

# For zlib.decompressobj(): the form of gzip, that of zlib, and neither.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZLIB_WINDOW = zlib.MAX_WBITS
_RAW_WINDOW = -zlib.MAX_WBITS

_GZIP_MAGIC = b"\x1f\x8b"
_ENOUGH_TO_TELL = 2

# The beginning of a document of the API. Some servers, and handlers of an opener, unpack
# a body and leave the header; nothing that is packed begins like this.
_JSON = re.compile(rb'[ \t\r\n]*(\{[ \t\r\n]*["}]|\[[ \t\r\n]*[\[{"\]])')


def unpacked(
    pieces: Iterator[bytes], content_encoding: str, most: int
) -> Iterator[bytes]:
    """A body as it was before it was packed, in pieces that are never large.

    most  so many bytes are given, and no more: a body of a few kilobytes can become one
          of gigabytes

    Raises `UnreadableCoding`.
    """
    begun = b""
    for piece in pieces:
        begun += piece
        if len(begun) >= _ENOUGH_TO_TELL:
            break
    pieces = chain([begun], pieces)
    if not begun or _JSON.match(begun):
        yield from pieces
        return
    left = most
    for part in _inflated(pieces, _window_of(content_encoding, begun)):
        yield part[:left]
        left -= len(part)
        if left <= 0:
            return


def _window_of(content_encoding: str, begun: bytes) -> int:
    """What zlib is to expect of a body that begins so."""
    coding = content_encoding.strip().lower()
    if coding in _GZIP_NAMES:
        return _GZIP_WINDOW
    if coding == _DEFLATE:
        # Many servers leave out the head that zlib should have (RFC 9110, 8.4.1.2).
        return _ZLIB_WINDOW if _is_head_of_zlib(begun) else _RAW_WINDOW
    raise UnreadableCoding(
        f"has Content-Encoding: {content_encoding}, which was not asked for"
    )


def _is_head_of_zlib(begun: bytes) -> bool:
    """RFC 1950, 2.2: the method is 8, and the first two bytes are a multiple of 31."""
    return begun[0] & 0x0F == 8 and int.from_bytes(begun[:2], "big") % 31 == 0


def _inflated(pieces: Iterable[bytes], window: int) -> Iterator[bytes]:
    """What is in the members of a body: gzip allows for several."""
    inflater = zlib.decompressobj(window)
    rest = b""
    for piece in pieces:
        rest += piece
        while rest:
            if inflater.eof:
                if window != _GZIP_WINDOW or not _may_be_gzip(rest):
                    return  # As gzip does, we ignore what follows and is none.
                if len(rest) < len(_GZIP_MAGIC):
                    break  # The next piece tells.
                inflater = zlib.decompressobj(window)
            yield _inflate(inflater, rest)
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
    # What had no room in the last part.
    while part := _inflate(inflater, b""):
        yield part
    if not inflater.eof:
        raise UnreadableCoding("is cut off before its compression ends")


def _may_be_gzip(begun: bytes) -> bool:
    return begun.startswith(_GZIP_MAGIC[: len(begun)])


def _inflate(inflater: zlib._Decompress, packed: bytes) -> bytes:
    """As much as has room in one piece; `unconsumed_tail` is what is left to do."""
    try:
        return inflater.decompress(packed, CHUNK_SIZE)
    except zlib.error as error:
        raise UnreadableCoding(f"cannot be unpacked: {error}") from None
