"""Files as one streamed multipart/form-data body (RFC 7578).

Pure but for reading the files: what it gives depends on them and on the boundary alone.
"""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from .sockets import CHUNK_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    OpenFile = Callable[[], AbstractContextManager[IO[bytes]]]

_UNKNOWN_TYPE = "application/octet-stream"


class Multipart:
    """The body of an upload. Each iteration begins anew and gives it in chunks.

    files     the documents, each a path, or a tuple of a file name and bytes or a seekable
              binary file, which is sent from where it is
    boundary  between the parts; None: one that nobody can guess (RFC 2046, 5.1.1)

    Raises TypeError or ValueError for what is no file, and the OSError of a path that
    cannot be opened. An iteration raises OSError where a file can no longer be read.

    content_type    with the boundary
    content_length  of the whole body, in bytes
    """

    def __init__(self, files: object, boundary: str | None = None) -> None:
        boundary = boundary or os.urandom(16).hex()
        self._parts = [
            _part(f"files[{index}]", file, boundary)
            for index, file in enumerate(_checked_list(files))
        ]
        if not self._parts:
            raise ValueError("files is empty: there are no files to upload")
        self._end = f"--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self.content_length = len(self._end)
        for part in self._parts:
            self.content_length += part.length

    def __len__(self) -> int:
        """`content_length`: what looks at the bodies of urllib's requests asks for it."""
        return self.content_length

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield part.head
            yield from part.content()
            yield b"\r\n"
        yield self._end


class _Part:
    """One file: what stands before its content, and how to read that.

    label  names it in errors
    opened gives the file, in a `with` that closes it if it was opened for this
    start  where in the file the content begins
    size   of the content, in bytes
    """

    __slots__ = ("head", "label", "opened", "size", "start")

    def __init__(
        self, label: str, head: bytes, opened: OpenFile, start: int, size: int
    ) -> None:
        self.label = label
        self.head = head
        self.opened = opened
        self.start = start
        self.size = size

    @property
    def length(self) -> int:
        """The bytes of the whole part, with the line end behind it."""
        return len(self.head) + self.size + len(b"\r\n")

    def content(self) -> Iterator[bytes]:
        """The content in chunks: `size` bytes, neither more nor less. Raises OSError."""
        left = self.size
        try:
            with self.opened() as file:
                file.seek(self.start)
                while left:
                    chunk = _read_chunk(file, min(left, CHUNK_SIZE))
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            if error.errno is None:
                raise  # It is of ours, or it says what it says without the system.
            problem = f"{self.label} can no longer be read: {error.strerror}"
            raise OSError(error.errno, problem, error.filename) from error
        except Exception as error:
            raise OSError(f"{self.label} can no longer be read: {error}") from error


def _read_chunk(file: IO[bytes], most: int) -> bytes:
    chunk = file.read(most)
    if not isinstance(chunk, bytes) or not 0 < len(chunk) <= most:
        raise ValueError("became shorter, or is no binary file")
    return chunk


def _checked_list(files: object) -> Iterable[object]:
    """The files, or TypeError for a single one, which is easily given by mistake."""
    single = isinstance(files, (str, bytes, bytearray, dict)) or hasattr(files, "read")
    if isinstance(files, tuple) and len(files) == 2:
        # ("a.txt", "b.txt") can be two paths, and two tuples are two files.
        single = not isinstance(files[1], (str, tuple, os.PathLike))
    if single or not isinstance(files, Iterable):
        kind = type(files).__name__
        raise TypeError(f"files must be a list of files, not a single {kind}")
    return files


def _part(label: str, file: object, boundary: str) -> _Part:
    """The part of one file."""
    name, open_file = _name_and_opener(label, file)
    with open_file() as source:
        start, size = _measured(label, source)
    checked = _checked_name(label, name)
    # As browsers do (HTML, 4.10.21.8): no name can start a header.
    quoted = checked.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{label}"; filename="{quoted}"\r\n'
        f"Content-Type: {_content_type(checked)}\r\n\r\n"
    )
    try:
        encoded = head.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{label} has a filename that is not UTF-8:"
            " give a tuple with another filename"
        ) from None
    return _Part(f"{label} ({checked!r})", encoded, open_file, start, size)


def _name_and_opener(label: str, file: object) -> tuple[object, OpenFile]:
    """The name of a file, not checked yet, and how to open it."""
    if isinstance(file, (str, os.PathLike)):
        path = os.fspath(file)
        if not isinstance(path, str) or not path:
            raise TypeError(f"{label} must be a path that is a str and not empty")
        return os.path.basename(path), _Path(label, path).open
    if isinstance(file, tuple) and len(file) == 2:
        name: object = file[0]
        content: IO[bytes] | bytes | bytearray = file[1]
        if isinstance(content, (bytes, bytearray)):
            return name, partial(io.BytesIO, content)
        # Whether it is a file shows when it is measured.
        return name, partial(_unclosed, content)
    given = type(file).__name__
    if isinstance(file, tuple):
        given = f"a tuple of {len(file)}"
    raise TypeError(
        f"{label} must be a tuple (filename, bytes or binary file) or a path, not {given}"
    )


def _unclosed(file: IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    """A `with` for a file of the caller, which stays open."""
    return nullcontext(file)


class _Path:
    """The path of a file, which is opened anew for each attempt to send it.

    So it could be another file by then, or have another content: it is the same one each
    time, or an error.
    """

    __slots__ = ("_identity", "_label", "_path")

    def __init__(self, label: str, path: str) -> None:
        self._label = label
        self._path = path
        self._identity: tuple[int, ...] | None = None

    def open(self) -> IO[bytes]:
        """The file. Raises OSError, also where it is no longer the same."""
        file = self._opened()
        try:
            identity = identity_of(file)
            if self._identity is None:
                self._identity = identity
            if self._identity != identity:
                raise OSError(f"{self._label} has changed since its size was taken")
        except BaseException:
            file.close()
            raise
        return file

    def _opened(self) -> IO[bytes]:
        """Opening a named pipe would wait, so it must be a regular file."""
        try:
            # open() has an error for a directory, and for what is not there.
            is_right = os.path.isfile(self._path) or os.path.isdir(self._path)
            if is_right or not os.path.exists(self._path):
                return open(self._path, "rb", buffering=0)
        except ValueError:
            raise ValueError(
                f"{self._label} is a path with a character that no path can have"
            ) from None
        raise ValueError(
            f"{self._label} must be a regular file:"
            " its size has to be known before it is sent"
        )


def identity_of(file: IO[bytes] | io.FileIO) -> tuple[int, ...]:
    """What is another number where it is another file, or has another content, also
    where somebody has set back the time of that."""
    status = os.fstat(file.fileno())
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _measured(label: str, source: IO[bytes]) -> tuple[int, int]:
    """Where a file is, and how many bytes follow. It is left where it was."""
    try:
        start = source.tell()
        if not isinstance(source.read(0), bytes):
            raise TypeError("a text file")
        source.seek(0, os.SEEK_END)
        size = max(0, source.tell() - start)
        source.seek(start)
        found = size
        if size <= (CHUNK_SIZE if _is_of_system(source) else 0):
            found = _count(source, size)
            source.seek(start)
    except Exception as error:  # It is closed, a pipe, no file at all.
        kind = type(source).__name__
        raise ValueError(
            f"{label} must hold bytes, or a binary file that is open,"
            f" readable and seekable; this {kind} is not"
        ) from error
    if found != size:
        held = "more" if found > size else str(found)
        raise ValueError(
            f"{label} must be a file whose size is known before it is sent:"
            f" this one says that it has {size} bytes, and has {held}"
        )
    return start, size


def _is_of_system(source: IO[bytes]) -> bool:
    """Whether it is a file of the operating system, and not of Python alone."""
    try:
        return source.fileno() >= 0
    except (AttributeError, OSError):
        return False


def _count(source: IO[bytes], size: int) -> int:
    """How many bytes a small file has, up to one more than its size.

    Files of /proc say that they are empty, those of /sys that they are a page of memory.
    """
    found = 0
    while found <= size:
        chunk = source.read(size + 1 - found)
        if not chunk:
            break
        found += len(chunk)
    return found


def _checked_name(label: str, name: object) -> str:
    """The last part of a name, on any system, as browsers send it: what is sent says
    nothing of folders here, and leads into none there."""
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(
            f"{label} must have a filename that is a str, not empty, without a NUL"
        )
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if last in ("", ".", ".."):
        raise ValueError(f"{label} must have a filename that is not that of a folder")
    return last


def _content_type(name: str) -> str:
    """The media type that the extension of a name stands for."""
    # Not of the name: guess_type() would read the type out of `data:text/html,`.
    kind, compression = mimetypes.guess_type("file" + os.path.splitext(name)[1])
    if kind is None or compression is not None:
        # guess_type() names the type inside the compression; the file is sent as it is.
        return _UNKNOWN_TYPE
    return kind
