"""What `upload_documents` takes."""

import os
from typing import IO

__all__ = ["UploadFile"]

UploadFile = str | os.PathLike[str] | tuple[str, bytes | bytearray | IO[bytes]]
"""A document to upload, for annotations: a path, or a tuple of a file name and bytes or a
binary file that is open and can seek."""
