"""What needs no network: files of this machine, and data inside a URL.

They answer as an HTTP server would, status and ranges included, so whoever checks answers
checks these too.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import FileIO
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import anyio.to_thread

from netplay.errors import shown_url
from netplay.io.net.transport import Request, Response, TransferFailed
from netplay.segments import ByteRange

__all__ = ["DataTransport", "FileTransport", "file_url"]

READ_BYTES = 256 * 1024


def file_url(path: str) -> str:
    """Return the file: URL of a path, relative to the working directory or absolute."""
    return Path(path).absolute().as_uri()


class _Bytes:
    """A body that is there already."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self) -> bytes:
        """Return all of it, then b""."""
        data, self._data = self._data, b""
        return data


class _File:
    """A stretch of an open file as a body."""

    def __init__(self, file: FileIO, left_bytes: int) -> None:
        self._file = file
        self._left_bytes = left_bytes

    async def read(self) -> bytes:
        """Return the next bytes; b"" at the end."""
        wanted = min(READ_BYTES, self._left_bytes)
        if not wanted:
            return b""
        data = await anyio.to_thread.run_sync(self._file.read, wanted) or b""
        self._left_bytes -= len(data)
        return data


class FileTransport:
    """Transport for file: URLs. Only regular files: reading a pipe or a device may never end."""

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Response]:
        """Open a file and yield it as a response."""
        shown = shown_url(request.url)
        parts = urlsplit(request.url)
        if parts.netloc not in ("", "localhost"):
            raise TransferFailed("scheme", f"{shown}: a file on another machine")
        try:
            file, size = await anyio.to_thread.run_sync(_open, url2pathname(parts.path))
        except FileNotFoundError:
            raise TransferFailed("status", f"{shown}: no such file", status=404) from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a path"
            raise TransferFailed("status", f"{shown}: {reason}", status=403) from error
        try:
            head = _Head(request.byte_range, size)
            first, length = head.span
            file.seek(first)
            yield Response(
                request.url, head.status, head.reason, _File(file, length), head.headers, local=True
            )
        finally:
            file.close()

    async def connect(self, url: str) -> None:
        """Do nothing: there is no connection."""

    async def aclose(self) -> None:
        """Do nothing: files are closed after each response."""


class DataTransport:
    """Transport for data: URLs (RFC 2397)."""

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Response]:
        """Decode a data: URL and yield it as a response."""
        kind, comma, text = request.url.partition(":")[2].partition(",")
        try:
            if not comma:
                raise ValueError("no comma")
            data = unquote_to_bytes(text)
            if kind.rstrip().endswith(";base64"):
                data = base64.b64decode(data, validate=True)
        except (ValueError, binascii.Error) as error:
            raise TransferFailed("document", f"{shown_url(request.url)}: {error}") from error
        head = _Head(request.byte_range, len(data))
        first, length = head.span
        body = _Bytes(data[first : first + length])
        yield Response(request.url, head.status, head.reason, body, head.headers, local=True)

    async def connect(self, url: str) -> None:
        """Do nothing: there is no connection."""

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""


class _Head:
    """How a server would answer a request for a resource of a size (RFC 9110 §14)."""

    def __init__(self, asked: ByteRange | None, size: int) -> None:
        first = 0 if asked is None else asked.first
        end = size if asked is None or asked.length is None else min(size, first + asked.length)
        self.span = (first, max(end - first, 0))
        self.headers = {"content-length": str(self.span[1])}
        self.status, self.reason = 200, "OK"
        if asked is not None and first >= size:
            self.status, self.reason = 416, "Range Not Satisfiable"
        elif asked is not None:
            self.status, self.reason = 206, "Partial Content"
            self.headers["content-range"] = f"bytes {first}-{end - 1}/{size}"


def _open(path: str) -> tuple[FileIO, int]:
    # Not blocking, so that opening a pipe that nobody writes to comes back.
    file = FileIO(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)))
    facts = os.fstat(file.fileno())
    if not stat.S_ISREG(facts.st_mode):
        file.close()
        raise OSError(0, "not a regular file")
    return file, facts.st_size
