"""Files to upload, of which any number can be named: one is open at a time."""

from __future__ import annotations

import io
import os


class FileToUpload:
    """A binary file that is open only while it is read: what `upload_documents` uses of
    one. It opens a path by itself, too, but that would not tell how far it has come.

    path    of a regular file, which is opened once now, to see that it can be

    Raises OSError, now and later: also where it has changed since.

    name    to send it by
    size    in bytes
    """

    __slots__ = ("_file", "_identity", "_path", "_place", "name", "size")

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: io.FileIO | None = None
        self._place = 0
        # Bytes of a name that are no text cannot be sent.
        self.name = os.path.basename(os.fsencode(path)).decode("utf-8", "replace")
        # Loaded here, since most commands upload nothing.
        from .._http.multipart import identity_of

        with io.FileIO(path) as file:
            self._identity = identity_of(file)
            self.size = os.fstat(file.fileno()).st_size

    def tell(self) -> int:
        """How far it was read."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go on from another place: of the beginning, or of the end."""
        self.close()
        self._place = offset + (self.size if whence == os.SEEK_END else 0)
        return self._place

    def read(self, most: int = -1) -> bytes:
        """The next bytes; none at the end, where it is closed."""
        if most == 0:
            return b""
        if self._file is None:
            self._file = self._reopened()
        content = self._file.read(most) or b""
        self._place += len(content)
        if self._place >= self.size:
            self.close()
        return content

    def close(self) -> None:
        """Close the file until it is read again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _reopened(self) -> io.FileIO:
        """The file at its place."""
        from .._http.multipart import identity_of

        file = io.FileIO(self._path)
        if identity_of(file) != self._identity:
            file.close()
            raise OSError(f"{self._path} has changed since its size was taken")
        file.seek(self._place)
        return file
