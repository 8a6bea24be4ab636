"""What a path stands for, and the answer to a request for it: exact ranges, digests, validators.

What a player leans on when it resumes a segment on another host is that the same path has
the same strong ETag there. Digests let it find bytes that were changed on their way: of the
whole resource (Repr-Digest), and of what this one answer carries (Content-Digest).

Source: RFC 9110, sections 8.8 (validators), 13.1 (preconditions) and 14 (range requests);
RFC 9530 (digest fields); the Fetch standard (CORS), because other players run in browsers.
"""

import asyncio
from base64 import b64encode
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from netplay.edge.exchange import Answer, Body, FilePart, Request, cut, said, size_of

__all__ = ["Digests", "NotSatisfiableError", "Resource", "answered", "asked_range"]

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Timing-Allow-Origin": "*",
}
DIGESTED_BYTES = 16 * 1024 * 1024
"""Larger ones go without a digest: hashing them would hold the first byte back."""
AT_ONCE_BYTES = 256 * 1024
"""Hashed on the loop in about a millisecond; more is hashed in a thread."""


class NotSatisfiableError(ValueError):
    """The range begins where the resource has already ended."""


def asked_range(header: str, size_bytes: int) -> range | None:
    """Return the bytes that a Range header asks for, or None for all of them.

    What a server may ignore (other units, several ranges, nonsense) is ignored, as RFC 9110
    section 14.2 allows.

    Raises:
        NotSatisfiableError: It is one well-formed range, of bytes that are not there.
    """
    unit, _, stated = header.partition("=")
    first, dash, last = (part.strip(" \t") for part in stated.partition("-"))
    digits = (first + last).isascii() and (first + last).isdecimal()
    if unit.strip().lower() != "bytes" or dash != "-" or not digits or len(stated) > 64:
        return None
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes or start >= end:
        raise NotSatisfiableError(f"bytes from {start} of {size_bytes}")
    return range(start, end)


@dataclass(frozen=True, slots=True)
class Resource:
    """What a path stands for now.

    Attributes:
        path: With the slash in front.
        etag: Strong: other bytes have another.
        modified: When it last changed, as HTTP writes dates; "" where nobody knows.
        fresh_s: How long a cache may hand it out without asking again.
    """

    path: str
    body: Body
    etag: str
    modified: str
    media_type: str
    fresh_s: int = 0


class Digests:
    """SHA-256 of what was sent lately, so that nothing is hashed twice while it is asked for.

    Args:
        limit: How many are remembered.
    """

    def __init__(self, limit: int = 8192) -> None:
        self._limit = limit
        self._known: OrderedDict[tuple[str, str, range], str] = OrderedDict()

    async def of(self, resource: Resource, part: range) -> str | None:
        """Return the digest of a part as RFC 9530 writes it; None for one too large to hash.

        Raises:
            OSError: A file cannot be read any more.
        """
        if len(part) > DIGESTED_BYTES:
            return None
        key = (resource.path, resource.etag, part)
        digest = self._known.get(key)
        if digest is not None:
            self._known.move_to_end(key)
            return digest
        body = cut(resource.body, part.start, part.stop)
        if len(part) <= AT_ONCE_BYTES:
            digest = _digest(body)
        else:
            digest = await asyncio.to_thread(_digest, body)
        self._known[key] = digest
        if len(self._known) > self._limit:
            self._known.popitem(last=False)
        return digest


def _digest(body: Body) -> str:
    hashed = sha256()
    for piece in body:
        hashed.update(piece.read() if isinstance(piece, FilePart) else piece)
    return f"sha-256=:{b64encode(hashed.digest()).decode()}:"


async def answered(resource: Resource | None, request: Request, digests: Digests) -> Answer:
    """Return the answer to a request for a resource, or for one that is not there.

    Raises:
        OSError: A file cannot be read any more.
    """
    if request.method == "OPTIONS":
        return Answer(204, {**CORS, **_PREFLIGHT})
    if request.method not in ("GET", "HEAD"):
        refusal = said(405, "GET or HEAD\n")
        return Answer(405, {**refusal.headers, "Allow": "GET, HEAD, OPTIONS"}, refusal.body)
    if resource is None:
        return said(404, f"no {request.path} here\n")
    asked = request.headers
    known = {"ETag": resource.etag, "Cache-Control": _cache_control(resource)}
    tags = {tag.strip() for tag in asked.get("if-none-match", "").split(",")}
    if tags & {resource.etag, f"W/{resource.etag}", "*"}:
        return Answer(304, {**CORS, **known})
    size = size_of(resource.body)
    part = None
    # A range of a resource that has changed since would be glued to the wrong bytes.
    if asked.get("if-range", resource.etag) in (resource.etag, resource.modified):
        try:
            part = asked_range(asked.get("range", ""), size)
        except NotSatisfiableError:
            return Answer(416, {**CORS, "Content-Range": f"bytes */{size}"})
    whole = range(size)
    headers = {
        "Content-Type": resource.media_type,
        "Accept-Ranges": "bytes",
        **known,
        **CORS,
    }
    if resource.modified:
        headers["Last-Modified"] = resource.modified
    if (digest := await digests.of(resource, whole)) is not None:
        headers["Repr-Digest"] = digest
    if request.method != "HEAD" and (digest := await digests.of(resource, part or whole)):
        headers["Content-Digest"] = digest
    if part is None:
        return Answer(200, headers, resource.body)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    body = cut(resource.body, part.start, part.stop)
    return Answer(206, headers, body, whole=resource.body)


def _cache_control(resource: Resource) -> str:
    return f"max-age={resource.fresh_s}" if resource.fresh_s else "no-cache"


_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "600",
}
