"""An edge server with a cache: what it lacks it fetches from an origin, what it has it keeps.

The cache is bounded in bytes and forgets what was asked for longest ago. Several requests
for the same thing make one fetch. What may be old is asked about with its ETag; an origin
that cannot be reached leaves what is held in use, however old.

Source: RFC 9111 (freshness, validation), RFC 5861 (stale-if-error), RFC 9211 (Cache-Status).
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote, urlsplit

from netplay.edge.exchange import Answer, Request, said, size_of
from netplay.edge.resource import Digests, Resource, answered

__all__ = ["Oca"]

ORIGIN_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class _Held:
    """A resource, and until when it may be handed out without asking."""

    resource: Resource
    fresh_until_s: float


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the origin said: a resource, that nothing has changed, or a refusal."""

    status: int
    resource: Resource | None = None
    fresh_s: int = 0


class Oca:
    """Answers requests from its cache, and from an origin behind it.

    Args:
        origin_url: http, ending in a slash; paths are asked for below it.
        name: What Cache-Status calls it.
        limit_bytes: Of bodies held.
        clock: Returns seconds that never go back.

    Attributes:
        requests: How often each path was asked for.
        fetches: How often the origin was asked for each.
        held_bytes: Of bodies, now.
    """

    def __init__(
        self,
        origin_url: str,
        *,
        name: str = "oca",
        limit_bytes: int = 256 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(origin_url)
        if parts.scheme != "http" or not parts.hostname or not parts.path.endswith("/"):
            raise ValueError(f"an origin is an http URL that ends in a slash, not {origin_url}")
        if limit_bytes < 1:
            raise ValueError(f"a cache holds at least a byte, not {limit_bytes}")
        self.requests: Counter[str] = Counter()
        self.fetches: Counter[str] = Counter()
        self.held_bytes = 0
        self._address = (parts.hostname, parts.port or 80)
        self._below = parts.path
        self._name = name
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._coming: dict[str, asyncio.Task[tuple[_Held | None, int, str]]] = {}
        self._digests = Digests()

    async def __call__(self, request: Request) -> Answer:
        """Return the answer to a request."""
        self.requests[request.path] += 1
        if request.method not in ("GET", "HEAD"):
            return await answered(None, request, self._digests)
        held, how = self._held.get(request.path), "hit"
        if held is not None:
            self._held.move_to_end(request.path)
        if held is None or held.fresh_until_s <= self._clock():
            held, status, how = await self._fetched(request.path)
            if held is None and status != 404:
                return said(502 if status else 504, f"the origin answered {status or 'nothing'}\n")
        resource = None if held is None else held.resource
        answer = await answered(resource, request, self._digests)
        headers = {**answer.headers, "Cache-Status": f"{self._name}; {how}"}
        return replace(answer, headers=headers)

    async def _fetched(self, path: str) -> tuple[_Held | None, int, str]:
        """Return what the origin has, its status (0: none), and what Cache-Status says."""
        coming = self._coming.get(path)
        if coming is None:
            coming = asyncio.create_task(self._fetch(path))
            self._coming[path] = coming
            coming.add_done_callback(lambda _: self._coming.pop(path))
        # The fetch belongs to everyone who waits; one who leaves does not end it.
        return await asyncio.shield(coming)

    async def _fetch(self, path: str) -> tuple[_Held | None, int, str]:
        self.fetches[path] += 1
        known = self._held.get(path)
        etag = known.resource.etag if known else ""
        try:
            heard = await asyncio.to_thread(_ask, self._address, self._below, path, etag)
        except (OSError, HTTPException):
            return known, 0, "hit; detail=stale-if-error"
        fresh_until_s = self._clock() + heard.fresh_s
        if known is not None and heard.status == 304:
            held = _Held(known.resource, fresh_until_s)
            self._keep(path, held)
            return held, 304, "fwd=stale; fwd-status=304"
        if heard.resource is None:
            if heard.status == 404:
                self._drop(path)
            elif known is not None:
                return known, heard.status, "hit; detail=stale-if-error"
            return None, heard.status, f"fwd=uri-miss; fwd-status={heard.status}"
        held = _Held(heard.resource, fresh_until_s)
        stored = self._keep(path, held)
        why = "stale" if known else "uri-miss"
        return held, heard.status, f"fwd={why}" + ("; stored" if stored else "")

    def _keep(self, path: str, held: _Held) -> bool:
        """Hold a resource, at the expense of those asked for longest ago; False: too large."""
        self._drop(path)
        size = size_of(held.resource.body)
        if size > self._limit_bytes:
            return False
        while self.held_bytes + size > self._limit_bytes:
            self._drop(next(iter(self._held)))
        self._held[path] = held
        self.held_bytes += size
        return True

    def _drop(self, path: str) -> None:
        held = self._held.pop(path, None)
        if held is not None:
            self.held_bytes -= size_of(held.resource.body)


def _ask(address: tuple[str, int], below: str, path: str, etag: str) -> _Heard:
    """Ask an origin for a path, in a thread.

    Raises:
        OSError, HTTPException: It gave no whole answer.
    """
    connection = HTTPConnection(*address, timeout=ORIGIN_TIMEOUT_S)
    try:
        headers = {"If-None-Match": etag} if etag else {}
        connection.request("GET", quote(below + path[1:]), headers=headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    return _heard(path, response, body)


def _heard(path: str, response: HTTPResponse, body: bytes) -> _Heard:
    fresh_s = 0
    for word in response.getheader("Cache-Control", "").split(","):
        name, _, value = word.strip().partition("=")
        if name.lower() == "max-age" and value.isascii() and value.isdecimal():
            fresh_s = int(value)
    if response.status != 200:
        return _Heard(response.status, None, fresh_s)
    etag = response.getheader("ETag", "")
    if not etag.startswith('"'):
        # None, or a weak one, which may stay when bytes change: ranges need a strong one.
        etag = f'"{sha256(body).hexdigest()[:32]}"'
    media_type = response.getheader("Content-Type", "application/octet-stream")
    modified = response.getheader("Last-Modified", "")
    resource = Resource(path, (body,), etag, modified, media_type, fresh_s)
    return _Heard(200, resource, fresh_s)
