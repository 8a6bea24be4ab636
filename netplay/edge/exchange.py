"""One HTTP exchange as values: what was asked, what is answered, and the bodies of both.

A body is a row of pieces, each of them bytes or a stretch of a file, so that an answer can
be cut, lengthened or changed at any byte without anybody reading the file for it; the
kernel copies the rest to the socket.

Source: RFC 9112 (HTTP/1.1), sections 3 to 6.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qsl, unquote

__all__ = [
    "Answer",
    "BadRequestError",
    "Body",
    "FilePart",
    "Request",
    "cut",
    "read_request",
    "said",
    "size_of",
    "words_of",
]

MOST_HEAD_BYTES = 64 * 1024
MOST_BODY_BYTES = 1024 * 1024
"""Of a request: documents about devices and faults, never media."""


class BadRequestError(ValueError):
    """What came is no request that can be answered; `status` says why.

    Attributes:
        status: What to answer before the connection is closed.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked.

    Attributes:
        path: Decoded, with the slash in front, without the query.
        query: The last value of each name.
        headers: By lower-case name; several of one name are joined with commas.
        keeps: The client would use the connection again.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    keeps: bool = True


@dataclass(frozen=True, slots=True)
class FilePart:
    """A stretch of a file: bytes `start` to `stop`, the latter not included."""

    path: Path
    start: int
    stop: int

    def read(self) -> bytes:
        """Return the bytes; fewer where the file has become shorter.

        Raises:
            OSError: It cannot be read any more.
        """
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.stop - self.start)


Body = tuple[bytes | FilePart, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered; Date, Content-Length and Connection are the server's to say.

    Attributes:
        length: What Content-Length says where that is not the body's own size, as for HEAD.
        whole: What the range of a 206 was cut out of; empty for other answers.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = ()
    length: int | None = None
    whole: Body = ()


def said(status: int, text: str, media_type: str = "text/plain; charset=utf-8") -> Answer:
    """Return an answer in words; any page of any origin may read it."""
    headers = {"Content-Type": media_type, "Access-Control-Allow-Origin": "*"}
    return Answer(status, headers, (text.encode(),))


def size_of(body: Body) -> int:
    """Return how many bytes a body is."""
    return sum(
        len(piece) if isinstance(piece, bytes) else piece.stop - piece.start for piece in body
    )


def cut(body: Body, start: int, stop: int | None = None) -> Body:
    """Return the bytes from `start` to `stop` (None: to the end) of a body, unread."""
    pieces: list[bytes | FilePart] = []
    at = 0
    for piece in body:
        size = size_of((piece,))
        first = max(start - at, 0)
        last = size if stop is None else min(stop - at, size)
        at += size
        if first >= last:
            continue
        if isinstance(piece, bytes):
            pieces.append(piece[first:last])
        else:
            pieces.append(FilePart(piece.path, piece.start + first, piece.start + last))
    return tuple(pieces)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """Return the next request of a connection, or None at its end.

    Raises:
        BadRequestError: It cannot be answered, and nothing after it can be understood.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequestError(431, "the head of the request is too long") from error
    line, *lines = head[:-4].decode("latin-1").lstrip("\r\n").split("\r\n")
    words = line.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):
        raise BadRequestError(400, "no HTTP/1.1 request for a path")
    headers = _headers(lines)
    keeps = headers.get("connection", "").lower() != "close" and words[2] != "HTTP/1.0"
    path, _, query = words[1].partition("?")
    return Request(
        method=words[0],
        path=unquote(path),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers=headers,
        body=await _body(reader, headers),
        keeps=keeps,
    )


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequestError(400, "a header has no name")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise BadRequestError(411, "a body must say its length")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        raise BadRequestError(400, "Content-Length is no number")
    if len(length) > 9 or int(length) > MOST_BODY_BYTES:
        raise BadRequestError(413, f"a request may bring {MOST_BODY_BYTES} bytes")
    try:
        return await reader.readexactly(int(length))
    except asyncio.IncompleteReadError as error:
        raise BadRequestError(400, "the body of the request is cut short") from error


def words_of(status: int, headers: Mapping[str, str]) -> bytes:
    """Return the head of an answer as HTTP/1.1 writes it.

    Raises:
        ValueError: A header holds a line break or what Latin-1 has no sign for.
    """
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {text}" for name, text in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header is one line")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
