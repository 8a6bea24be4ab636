"""A whole document, read into memory and never more of it than is allowed.

Manifests, playlists and segment indexes come this way. A body that was compressed on the
way is opened piece by piece, so a small one that swells without end is stopped at the limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import anyio

from netplay.errors import shown_url
from netplay.io.net.network import Network
from netplay.io.net.safety import ContentRange, retry_after_us
from netplay.io.net.transport import Request, Response, TransferFailed

__all__ = ["Document", "read_document"]


@dataclass(frozen=True, slots=True)
class Document:
    """What a URL answered.

    Attributes:
        url: Where it came from, after redirects.
        first: Where in the resource it begins.
        whole_bytes: Size of the resource, where a part was asked for and the server says.
        first_byte_at_us: When its first byte came.
        content_type: As the server declares it; "".
    """

    url: str
    data: bytes
    first: int
    whole_bytes: int | None
    first_byte_at_us: int
    content_type: str


async def read_document(
    network: Network,
    request: Request,
    *,
    most_bytes: int,
    clock: Callable[[], int],
    utc_clock: Callable[[], int],
    local: bool = False,
) -> Document:
    """Fetch a document.

    Args:
        network: Fetches it.
        request: What to fetch; where it names a range, the server may answer with more.
        most_bytes: Of the document, uncompressed.
        clock: The monotonic clock that stamps the first byte.
        utc_clock: Unix time, for servers that say when to come back.
        local: Files may be read.

    Raises:
        TransferFailed: It did not come, or is too long.
    """
    shown = shown_url(request.url)
    limit_s = network.timeouts.document_s
    try:
        with anyio.fail_after(limit_s):
            async with network.stream(request, local=local) as response:
                if response.status not in (200, 206):
                    raise refusal(response, utc_us=utc_clock())
                first_byte_at_us = clock()
                first, whole = _place(response, request)
                data = await _read(response, most_bytes, enough_bytes=_enough(response, request))
                return Document(
                    url=response.url,
                    data=data,
                    first=first,
                    whole_bytes=whole,
                    first_byte_at_us=first_byte_at_us,
                    content_type=response.headers.get("content-type", ""),
                )
    except TimeoutError:
        raise TransferFailed("timeout", f"{shown}: not complete within {limit_s:g} s") from None


def refusal(response: Response, *, utc_us: int) -> TransferFailed:
    """Return what an unsuccessful status means."""
    return TransferFailed(
        "status",
        f"{shown_url(response.url)}: {response.status} {response.reason}".rstrip(),
        status=response.status,
        retry_after_us=retry_after_us(response.headers.get("retry-after"), utc_us=utc_us),
    )


def _place(response: Response, request: Request) -> tuple[int, int | None]:
    """Return where in the resource the body begins, and how long the resource is if said."""
    if response.status == 200:
        return 0, response.length_bytes
    try:
        part = ContentRange(response.headers.get("content-range", ""))
    except ValueError as error:
        raise TransferFailed("range", f"{shown_url(response.url)}: {error}") from error
    wanted = None if request.byte_range is None else request.byte_range.first
    if part.first != wanted:
        raise TransferFailed(
            "range", f"{shown_url(response.url)}: bytes from {part.first}, asked from {wanted}"
        )
    return part.first, part.whole_bytes


def _enough(response: Response, request: Request) -> int | None:
    """Return how many bytes to read of a server that sends all where a part was asked for."""
    part = request.byte_range
    if response.status != 200 or part is None or part.length is None:
        return None
    return part.first + part.length


async def _read(response: Response, most_bytes: int, *, enough_bytes: int | None) -> bytes:
    shown = shown_url(response.url)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    announced = response.length_bytes
    if announced is not None and announced > most_bytes and enough_bytes is None:
        raise TransferFailed("long", f"{shown}: {announced} bytes; {most_bytes} are the most")
    unpack = _Inflate(most_bytes) if coding in ("gzip", "x-gzip", "deflate") else None
    if unpack is None and coding not in ("identity", ""):
        raise TransferFailed("document", f"{shown}: content coding {coding[:20]!r} not asked for")
    pieces: list[bytes] = []
    received = held = 0
    try:
        while piece := await response.read():
            received += len(piece)
            opened = piece if unpack is None else unpack(piece)
            held += len(opened)
            if held > most_bytes or received > most_bytes:
                raise TransferFailed("long", f"{shown}: more than {most_bytes} bytes")
            pieces.append(opened)
            if enough_bytes is not None and held >= enough_bytes:
                return b"".join(pieces)[:enough_bytes]
    except zlib.error as error:
        raise TransferFailed("document", f"{shown}: broken {coding} body") from error
    if announced is not None and received < announced:
        raise TransferFailed("short", f"{shown}: {received} of {announced} bytes")
    if unpack is not None and received and not unpack.complete:
        raise TransferFailed("short", f"{shown}: the {coding} body ends too early")
    return b"".join(pieces)


class _Inflate:
    """Opens a gzip or zlib body piece by piece, and never to more than one byte over a limit."""

    def __init__(self, most_bytes: int) -> None:
        self._opener = zlib.decompressobj(wbits=47)  # either header
        self._left_bytes = most_bytes + 1

    def __call__(self, piece: bytes) -> bytes:
        if not self._left_bytes or self._opener.eof:
            return b""
        opened = self._opener.decompress(piece, self._left_bytes)
        self._left_bytes -= len(opened)
        return opened

    @property
    def complete(self) -> bool:
        """The body's own end has come."""
        return self._opener.eof
