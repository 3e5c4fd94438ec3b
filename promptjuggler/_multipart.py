"""Files as one streamed multipart/form-data body (RFC 7578)."""

from __future__ import annotations

import io
import os
from contextlib import nullcontext
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO, Any, TypeAlias

    UploadFile: TypeAlias = str | os.PathLike[str] | tuple[str, bytes | bytearray | IO[bytes]]

PIECE = 64 * 1024


class Multipart:
    """The body of an upload, in pieces; each iteration begins anew."""

    def __init__(self, files: Iterable[UploadFile], boundary: str | None = None) -> None:
        single = isinstance(files, (str, bytes, bytearray, dict)) or hasattr(files, "read")
        if isinstance(files, tuple) and len(files) == 2:  # ("a.txt", "b.txt") can be two paths.
            single = not isinstance(files[1], (str, tuple, os.PathLike))
        if single or not hasattr(files, "__iter__"):
            raise TypeError(f"files must be a list of files, not a single {type(files).__name__}")
        # Nobody can guess it (RFC 2046, 5.1.1).
        boundary = boundary or os.urandom(16).hex()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._parts = [_part(f"files[{index}]", file, boundary) for index, file in enumerate(files)]
        if not self._parts:
            raise ValueError("files is empty: there are no files to upload")
        self._end = f"--{boundary}--\r\n".encode()
        self.content_length = len(self._end) + sum(len(head) + size + 2 for _, head, _, _, size in self._parts)

    def __iter__(self) -> Iterator[bytes]:
        for title, head, opened, start, left in self._parts:
            yield head
            try:
                with opened() as file:
                    file.seek(start)
                    while left:
                        data = file.read(min(left, PIECE))
                        if not isinstance(data, bytes) or not 0 < len(data) <= min(left, PIECE):
                            raise ValueError("became shorter, or is no binary file")
                        left -= len(data)
                        yield data
            except OSError:
                raise
            except Exception as error:
                raise OSError(f"{title} can no longer be read: {error}") from error
            yield b"\r\n"
        yield self._end


def _part(label: str, file: UploadFile, boundary: str) -> tuple[str, bytes, Callable[[], Any], int, int]:
    """Its name for errors, head, how to open it, start and size of its content."""
    opened: Any
    if isinstance(file, (str, os.PathLike)):
        path = os.fspath(file)
        if not isinstance(path, str) or not path:
            raise TypeError(f"{label} must be a path that is a str and not empty")
        name = os.path.basename(path)
        opened = partial(_open_path, label, path)
    elif isinstance(file, tuple) and len(file) == 2:
        name, content = file
        opened = partial(nullcontext, content)
        if isinstance(content, (bytes, bytearray)):
            opened = partial(io.BytesIO, content)
    else:
        given = f"a tuple of {len(file)}" if isinstance(file, tuple) else type(file).__name__
        raise TypeError(f"{label} must be a tuple (filename, bytes or binary file) or a path, not {given}")
    with opened() as source:
        try:
            start = source.tell()
            if not isinstance(source.read(0), bytes):
                raise TypeError("a text file")
            source.seek(0, os.SEEK_END)
            size = max(0, source.tell() - start)
            source.seek(start)
        except Exception as error:  # Closed, a pipe, no file at all.
            needs = "bytes, or a binary file that is open, readable and seekable"
            raise ValueError(f"{label} must hold {needs}; this {type(source).__name__} is not") from error
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"{label} must have a filename that is a str, not empty, without a NUL")
    import mimetypes

    # Not the name: guess_type() would read the type out of `data:text/html,`.
    kind, encoding = mimetypes.guess_type("file" + os.path.splitext(name)[1])
    if encoding or not kind:  # The type of what is compressed.
        kind = "application/octet-stream"
    # As browsers do: no name can start a header.
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{label}"; filename="{quoted}"'
    try:
        return f"{label} ({name!r})", f"{head}\r\nContent-Type: {kind}\r\n\r\n".encode(), opened, start, size
    except UnicodeEncodeError:
        raise ValueError(f"{label} has a filename that is not UTF-8: give a tuple with another filename") from None


def _open_path(label: str, path: str) -> IO[bytes]:
    try:
        # To open a named pipe would wait. open() has an error for a directory.
        if os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path):
            return open(path, "rb", buffering=0)
    except ValueError:
        raise ValueError(f"{label} is a path with a character that no path can have") from None
    raise ValueError(f"{label} must be a regular file: its size has to be known before it is sent")
