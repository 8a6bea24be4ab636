"""Connections opened before they are needed, under httpx's own pool.

A connection costs a round trip or three before its first request can leave. httpcore, on
which httpx stands, opens one when a request finds none idle; here one can be opened ahead,
and the pool takes it instead of dialling. Everything else (reuse, framing, TLS) stays theirs.
"""

# ruff: noqa: ASYNC109 (the timeout parameters are httpcore's interface)

from __future__ import annotations

import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

import anyio
import httpcore
import httpx

__all__ = ["PooledTransport", "Readiness", "opened_ahead"]

READ_BYTES = 256 * 1024
"""Asked of a socket at once. httpcore asks for 64 KiB; four times that costs less CPU a
byte, and asyncio never reads more."""

READY_S = 8.0
"""How long an unused connection is held ready. A guess below what servers grant a silent
newcomer (nginx: 60 s, some load balancers: 10 s)."""

MAX_READY = 4
"""Connections held ready for one server. A guess: video, audio and text at once, and one."""

SocketOption = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)
Origin = tuple[str, int]


class _Stream(httpcore.AsyncNetworkStream):
    """A network stream that reads in larger pieces, and may be under TLS already."""

    def __init__(
        self, inner: httpcore.AsyncNetworkStream, *, secured: bool = False, since: float = 0.0
    ) -> None:
        self._inner = inner
        self._secured = secured
        self.since = since

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max(max_bytes, READ_BYTES), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if self._secured:
            return self
        try:
            return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            # httpcore closes the socket when the handshake fails, not when it is cancelled.
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    @property
    def is_stale(self) -> bool:
        """It has waited too long, or the server has hung up.

        Under TLS a server has something to say at once, its session tickets; whether it
        has hung up then shows only in use.
        """
        if anyio.current_time() - self.since > READY_S:
            return True
        return not self._secured and bool(self._inner.get_extra_info("is_readable"))


def opened_ahead(stream: object) -> bool:
    """Return whether a network stream was opened before it was needed."""
    return isinstance(stream, _Stream) and stream.since > 0


class _Dial:
    """A connection being opened ahead of need."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.stream: _Stream | None = None


class Readiness(httpcore.AsyncNetworkBackend):
    """Opens connections, and keeps a few opened ahead for whoever asks next."""

    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self._context = ssl_context
        self._inner: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()
        self._dials: defaultdict[Origin, deque[_Dial]] = defaultdict(deque)

    async def prepare(self, host: str, port: int, *, tls: bool, timeout_s: float) -> None:
        """Open a connection and keep it ready; quietly does nothing where that fails."""
        dials = self._dials[(host, port)]
        for stale in [it for it in dials if it.stream is not None and it.stream.is_stale]:
            dials.remove(stale)
            if stale.stream is not None:
                await stale.stream.aclose()
        if len(dials) >= MAX_READY:
            return
        dial = _Dial()
        dials.append(dial)
        try:
            stream: httpcore.AsyncNetworkStream = _Stream(
                await self._inner.connect_tcp(host, port, timeout_s)
            )
            if tls:
                stream = await stream.start_tls(self._context, host, timeout_s)
            dial.stream = _Stream(stream, secured=tls, since=anyio.current_time())
        except (httpcore.NetworkError, httpcore.TimeoutException, UnicodeError, OverflowError):
            # Whoever needs the connection will dial, and hear why it fails.
            pass
        finally:
            dial.done.set()
            if dial.stream is None and dial in dials:
                dials.remove(dial)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection opened ahead, or one in the making, else open one."""
        dials = self._dials[(host, port)]
        while dials:
            dial = dials.popleft()
            try:
                await dial.done.wait()
            except BaseException:
                dials.append(dial)  # still wanted by the next who asks, and by aclose
                raise
            stream = dial.stream
            if stream is None:
                continue
            if not stream.is_stale:
                return stream
            await stream.aclose()
        return _Stream(
            await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a Unix socket; part of httpcore's interface, never asked for here."""
        return _Stream(await self._inner.connect_unix_socket(path, timeout, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Sleep; part of httpcore's interface."""
        await anyio.sleep(seconds)

    async def aclose(self) -> None:
        """Close what is still ready."""
        for dials in self._dials.values():
            while dials:
                stream = dials.popleft().stream
                if stream is not None:
                    await stream.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __aiter__(self) -> AsyncIterator[bytes]:
        # Not aiter_stream(): one generator less for every piece.
        assert isinstance(self._response.stream, AsyncIterable)
        return aiter(self._response.stream)

    async def aclose(self) -> None:
        await self._response.aclose()


class PooledTransport(httpx.AsyncBaseTransport):
    """httpx's transport over a pool whose connections can be opened ahead of need.

    Raises httpcore's exceptions, not httpx's.
    """

    def __init__(
        self, ssl_context: ssl.SSLContext, *, connections: int, keepalive_s: float
    ) -> None:
        self.readiness = Readiness(ssl_context)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=connections,
            # httpcore counts every connection against this, not only idle ones.
            max_keepalive_connections=connections,
            keepalive_expiry=keepalive_s,
            network_backend=self.readiness,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Exchange one request for the head of a response."""
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def prepare(self, url: httpx.URL, *, timeout_s: float) -> None:
        """Open a connection to a URL's server, unless one is idle already."""
        tls = url.scheme == "https"
        host, port = url.raw_host, url.port or (443 if tls else 80)
        origin = httpcore.Origin(url.raw_scheme, host, port)
        if any(it.is_idle() and it.can_handle_request(origin) for it in self._pool.connections):
            return
        await self.readiness.prepare(host.decode("ascii"), port, tls=tls, timeout_s=timeout_s)

    async def aclose(self) -> None:
        """Close every connection, ready or in use."""
        await self.readiness.aclose()
        await self._pool.aclose()
