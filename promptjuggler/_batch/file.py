"""A file that is locked, grows by whole lines, and is forced to disk."""

from __future__ import annotations

import io
import os
import stat
import threading
import weakref
from collections.abc import Iterator

from ..errors import ValidationError

# Each system has one of them.
try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]
try:
    import msvcrt
except ImportError:
    msvcrt = None  # type: ignore[assignment]

# Answers can be private: nobody but the owner reads them.
_MODE = 0o600

# A byte that no file reaches: Windows lets nobody read or write one that is locked.
_LOCKED_BYTE = 2**40


class Line:
    """A line of a file.

    begin     the place at which it begins
    text      without its end
    is_whole  whether it has an end
    """

    __slots__ = ("begin", "is_whole", "text")

    def __init__(self, begin: int, text: bytes, is_whole: bool) -> None:
        self.begin = begin
        self.text = text
        self.is_whole = is_whole


class LockedFile:
    """A file of lines of one batch, until it is closed or the process ends.

    path  is followed through links. A file that is not there is made, for its owner alone

    Opening raises the `OSError` of the path, and `ValidationError` where another batch
    has the file, of this process or another, or where it is no ordinary file.
    """

    __slots__ = (
        "__weakref__",
        "_closing",
        "_descriptor",
        "_failure",
        "_group",
        "_grouping",
        "_reader",
        "_size",
        "_writing",
        "path",
    )

    def __init__(self, path: str) -> None:
        self.path = path
        self._size = 0
        # The lines that are written next, and the lock of this attribute.
        self._group = _Group()
        self._grouping = threading.Lock()
        # Held by the one thread that writes.
        self._writing = threading.Lock()
        self._closing = threading.Lock()
        self._failure: OSError | None = None
        # So that the folder is that of the file itself.
        real_path = os.path.realpath(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(real_path, flags, _MODE)
        try:
            self._check_and_lock()
            if os.fstat(self._descriptor).st_size == 0:
                # It may be new.
                _force_folder_to_disk(os.path.dirname(real_path))
            # Opened once more: a duplicate of the descriptor would have the same lock,
            # and a forked child that did not close it would keep the parent's.
            self._reader = io.BufferedReader(io.FileIO(real_path))
        except BaseException:
            os.close(self._descriptor)
            raise
        _open_files.add(self)

    def _check_and_lock(self) -> None:
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise ValidationError(f"journal must be an ordinary file: {self.path}")
        if not _lock(self._descriptor):
            raise ValidationError(
                f"the journal {self.path} is in use by another batch, of this process"
                " or of another"
            )

    def lines(self) -> Iterator[Line]:
        """Every line, of a file that was just opened.

        What is behind the last whole one was cut off by the end of a process. It is
        given, too; then it is to be cut off or ended.
        """
        self._reader.seek(0)
        self._size = 0
        for line in self._reader:
            begin = self._size
            is_whole = line.endswith(b"\n")
            if is_whole:
                self._size += len(line)
            yield Line(begin, line.rstrip(b"\n"), is_whole)

    def line_at(self, begin: int) -> bytes:
        """The line that begins at a place."""
        self._reader.seek(begin)
        return self._reader.readline().rstrip(b"\n")

    def cut_off(self) -> None:
        """Take away what is behind the last whole line. Raises `OSError`."""
        if os.fstat(self._descriptor).st_size > self._size:
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)

    def end_last_line(self) -> None:
        """Give the last line the end that it lacks, and keep it. Raises `OSError`."""
        os.write(self._descriptor, b"\n")
        os.fsync(self._descriptor)
        self._size = os.fstat(self._descriptor).st_size

    def clear(self) -> None:
        """Take away all lines. Raises `OSError`."""
        self._size = 0
        self.cut_off()

    def append(self, line: bytes) -> None:
        """Write a line, and return once it is on the disk. From any thread.

        Threads that come while one writes are served together by the next: to force
        lines to disk takes as long for one as for many.

        Raises `OSError`; then the line is not in the file.
        """
        with self._grouping:
            group = self._group
            group.lines.append(line + b"\n")
        with self._writing:
            if not group.is_done:
                with self._grouping:
                    self._group = _Group()
                group.failure = self._write(b"".join(group.lines))
                group.is_done = True
        failure = group.failure
        if failure is not None:
            # One error for each thread: each gets a traceback of its own.
            raise OSError(failure.errno, failure.strerror, self.path)

    def _write(self, data: bytes) -> OSError | None:
        """Write and force to disk, all or nothing. Gives what went wrong."""
        if self._failure is not None:
            return self._failure
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError as error:
            # What is left of the lines would say of rows that they were started.
            try:
                self.cut_off()
            except OSError:
                self._failure = error
            return error
        self._size += len(data)
        return None

    def close(self) -> None:
        """Close the file, which lets go of its lock."""
        # A flag that is looked at and set in one step: two threads may close it.
        if self._closing.acquire(blocking=False) and self in _open_files:
            _open_files.discard(self)
            self._reader.close()
            os.close(self._descriptor)

    def close_copy(self) -> None:
        """In a forked child: let go of the parent's file, which goes on.

        A child that outlived its parent would else keep the lock.
        """
        os.close(self._descriptor)


class _Group:
    """Lines that are written together.

    failure  why they are not in the file; None where they are
    """

    __slots__ = ("failure", "is_done", "lines")

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.is_done = False
        self.failure: OSError | None = None


_open_files: weakref.WeakSet[LockedFile] = weakref.WeakSet()


def _close_copies() -> None:
    for file in list(_open_files):
        file.close_copy()
    _open_files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_copies)


def _lock(descriptor: int) -> bool:
    """Lock a file until it is closed, or the process ends. False: another has it."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
    if msvcrt is None:
        raise ValidationError(
            "a journal needs locks of files, which this system does not have"
        )
    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _force_folder_to_disk(folder: str) -> None:
    """Make sure that a new file is found after a loss of power. Raises `OSError`."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no folder, and keeps names by itself.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
