"""Which bytes of a resource were asked for, and whether an answer holds those.

A segment may be a stretch of a larger file, and a fetch may want only the end of a
segment. What comes back is held against what was asked for before a byte of it is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from netplay.errors import shown_url
from netplay.io.net.document import refusal
from netplay.io.net.safety import ContentRange
from netplay.io.net.transport import Response, TransferFailed
from netplay.segments import ByteRange

__all__ = ["Answer", "check_answer", "wanted_range"]


def wanted_range(byte_range: ByteRange | None, first_byte: int) -> ByteRange | None:
    """Return the range to ask for: a resource's, without so many bytes at its beginning."""
    if not first_byte:
        return byte_range
    if byte_range is None:
        return ByteRange(first_byte)
    left = None if byte_range.length is None else byte_range.length - first_byte
    return ByteRange(byte_range.first + first_byte, left)


@dataclass(frozen=True, slots=True)
class Answer:
    """How much of a response's body to take.

    Attributes:
        total_bytes: How long it must be; None if only its end will tell.
        cut: More may follow, which was not asked for and is left unread.
    """

    total_bytes: int | None
    cut: bool = False


def check_answer(
    response: Response, wanted: ByteRange | None, *, most_bytes: int, utc_us: int
) -> Answer:
    """Return what to take of a response to a request for a range.

    Args:
        response: Its head.
        wanted: The range asked for; None: all.
        most_bytes: What may be taken.
        utc_us: Unix time, for servers that say when to come back.

    Raises:
        TransferFailed: It is not what was asked for.
    """
    shown = shown_url(response.url)
    if response.status not in (200, 206):
        raise refusal(response, utc_us=utc_us)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        raise TransferFailed("media", f"{shown}: coded as {coding[:20]!r}, which was not asked for")
    answer = _whole(response, wanted) if response.status == 200 else _part(response, wanted)
    if answer.total_bytes is not None and answer.total_bytes > most_bytes:
        raise TransferFailed(
            "long", f"{shown}: {answer.total_bytes} bytes; {most_bytes} are the most"
        )
    return answer


def _whole(response: Response, wanted: ByteRange | None) -> Answer:
    """Judge a 200: a server may ignore the range, and then all of the resource comes."""
    shown, announced = shown_url(response.url), response.length_bytes
    if wanted is None:
        return Answer(announced)
    if wanted.first:
        raise TransferFailed("range", f"{shown}: all of it, asked for {wanted.header}")
    if wanted.length is None:
        return Answer(announced)
    if announced is not None and announced < wanted.length:
        raise TransferFailed("short", f"{shown}: {announced} bytes, asked for {wanted.header}")
    return Answer(wanted.length, cut=announced != wanted.length)


def _part(response: Response, wanted: ByteRange | None) -> Answer:
    """Judge a 206."""
    shown = shown_url(response.url)
    if wanted is None:
        raise TransferFailed("range", f"{shown}: a part, though all was asked for")
    try:
        part = ContentRange(response.headers.get("content-range", ""))
    except ValueError as error:
        raise TransferFailed("range", f"{shown}: {error}") from error
    length, announced = part.last - part.first + 1, response.length_bytes
    said = f"{shown}: bytes {part.first} to {part.last}, asked for {wanted.header}"
    if part.first != wanted.first or (wanted.length is not None and length > wanted.length):
        raise TransferFailed("range", said)
    if wanted.length is not None and length < wanted.length:
        raise TransferFailed("short", said)
    if announced is not None and announced != length:
        raise TransferFailed("range", f"{said}, but announces {announced} bytes")
    return Answer(length)
