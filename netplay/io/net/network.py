"""The network as players share it: connections, trust, limits, and what was measured.

One Network is passed to every player, preparation and download, so that they share warm
connections and what earlier ones learned. It follows redirects itself, each hop checked.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType

import httpx

from netplay.core.messages import NetworkMemory
from netplay.errors import shown_url
from netplay.io.net.http import HttpTransport, Timeouts
from netplay.io.net.local import DataTransport, FileTransport
from netplay.io.net.safety import REDIRECTS, check_scheme, next_hop, same_origin
from netplay.io.net.transport import Decorate, Request, Response, TransferFailed, Transport

__all__ = ["Limits", "Network"]

MEBIBYTE = 1 << 20

SECRET_HEADERS = frozenset(("authorization", "cookie", "proxy-authorization"))
"""Never carried by a redirect to another server."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused rather than held in memory. Guesses with room, all of them.

    Attributes:
        document_bytes: Of a manifest or playlist, decoded; live MPDs of a day reach 10 MB.
        index_bytes: Of a sidx; one of ten hours at 2 s takes 216 kB.
        init_bytes: Of an init segment; fonts and many pssh boxes can make it large.
        segment_bytes: Of a media segment; 10 s of 8K at 200 Mb/s are 250 MB.
        redirects: In a row (Media3 allows 20, browsers too; more than a few is a fault).
        connections: Open at once, to all servers.
    """

    document_bytes: int = 64 * MEBIBYTE
    index_bytes: int = 16 * MEBIBYTE
    init_bytes: int = 16 * MEBIBYTE
    segment_bytes: int = 512 * MEBIBYTE
    redirects: int = 10
    connections: int = 32


class Network:
    """Connections and memory that players share; an async context manager that closes them.

    Attributes:
        memory: What was measured last: read when a session opens, written when one ends.
    """

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        decorate: Decorate | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        memory: NetworkMemory | None = None,
    ) -> None:
        """Make a network; nothing is opened before it is asked for.

        Args:
            transport: Moves the bytes of http and https; None is netplay's own.
            ssl_context: Whom to trust; None trusts the usual authorities, loaded at the
                first https request.
            headers: Sent with every request; the secret ones not past a redirect to
                another server.
            decorate: Changes every request before it is sent.
            timeouts: How long to wait for what.
            limits: What is too large.
            memory: What an earlier network of the app measured here.
        """
        self.timeouts = timeouts or Timeouts()
        self.limits = limits or Limits()
        self.memory = memory or NetworkMemory()
        self._headers = tuple((headers or {}).items())
        self._decorate = decorate
        self._transport = transport
        self._ssl_context = ssl_context
        over_http = self.apart()
        self._transports: dict[str, Transport] = {
            "http": over_http,
            "https": over_http,
            "file": FileTransport(),
            "data": DataTransport(),
        }

    async def __aenter__(self) -> Network:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for scheme in ("http", "file", "data"):
            await self._transports[scheme].aclose()

    @asynccontextmanager
    async def stream(self, request: Request, *, local: bool = False) -> AsyncIterator[Response]:
        """Send a request, follow its redirects, and yield the head of the last answer.

        Args:
            request: What to get.
            local: The manifest is a file of this machine, so other files may be read.

        Raises:
            TransferFailed: No answer, or none that may be used.
        """
        origin, visited = request.url, {request.url}
        headers = self._headers
        async with AsyncExitStack() as stack:
            while True:
                scheme = check_scheme(request.url, local=local)
                sent = replace(request, headers=(*headers, *request.headers))
                if self._decorate is not None:
                    sent = self._decorate(sent)
                response = await stack.enter_async_context(self._transports[scheme].stream(sent))
                if response.status not in REDIRECTS:
                    yield response
                    return
                await stack.aclose()  # before the next connection is asked for
                target = next_hop(request.url, response.headers.get("location", ""))
                if target in visited or len(visited) > self.limits.redirects:
                    raise TransferFailed(
                        "redirect",
                        f"{shown_url(origin)}: "
                        + ("redirected in a circle" if target in visited else "redirected")
                        + f" after {len(visited)} redirects",
                    )
                visited.add(target)
                if not same_origin(request.url, target):
                    headers = _without_secrets(headers)
                    request = replace(request, headers=_without_secrets(request.headers))
                request = replace(request, url=target)

    def apart(self) -> HttpTransport:
        """Return another transport over HTTP, with the same trust and cookies of its own.

        None of this network's headers go over it. Whoever asks for it closes it.
        """
        return HttpTransport(
            timeouts=self.timeouts,
            connections=self.limits.connections,
            transport=self._transport,
            ssl_context=self._ssl_context,
        )

    async def connect(self, url: str) -> None:
        """Open a connection to a URL's server ahead of need; failing is no matter."""
        try:
            scheme = check_scheme(url, local=True)
        except TransferFailed:
            return  # whoever asks for something there will hear of it
        await self._transports[scheme].connect(url)


def _without_secrets(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers if name.lower() not in SECRET_HEADERS)
