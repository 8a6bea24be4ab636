"""HTTP/1.1 through httpx: requests out, bytes in, every failure named in the Session's words.

The httpx transport underneath is ours (`connections.PooledTransport`) or the test's
(`httpx.MockTransport`); both are used without httpx's client on top, whose redirects, auth
and decoding are done or refused elsewhere.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import anyio
import anyio.to_thread
import httpcore
import httpx

from netplay.errors import shown_url
from netplay.io.net.connections import PooledTransport, opened_ahead
from netplay.io.net.transport import Request, Response, TransferFailed

__all__ = ["HttpTransport", "Timeouts"]

USER_AGENT = "netplay/0.1"

KEEPALIVE_S = 300.0
"""A segment of 10 s and a full buffer of some minutes may lie between two requests."""

MOST_STALE = 4
"""Kept connections that may turn out closed, one after another, before that is a failure."""

MOST_UNWANTED_BYTES = 1 << 20
"""Read of a body that was given up, if they are there already: no more than a socket and
its buffers hold, so only a body that comes from no socket is cut off here."""

BROKEN = (
    httpcore.ReadError,
    httpcore.WriteError,
    httpcore.RemoteProtocolError,
    httpx.ReadError,
    httpx.WriteError,
    httpx.RemoteProtocolError,
)
SILENT = (
    httpcore.ReadTimeout,
    httpcore.WriteTimeout,
    httpcore.PoolTimeout,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.PoolTimeout,
)
CLIENT_ERRORS = (
    httpx.TransportError,
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, stage by stage, in seconds.

    Attributes:
        connect_s: For TCP, and again for TLS. Media3 waits 8; another host is tried sooner.
        first_byte_s: From the request to the head of the response (hls.js: 10).
        gap_s: Between two pieces of a body.
        document_s: For a manifest or playlist, retries included (hls.js: 20 a try).
        segment_s: For one segment, so that a server that drips cannot hold on for ever; the
            Session abandons long before it (hls.js: 120).
        backoff_s: Before a manifest is asked for a second time, doubled for the third, each
            jittered by half of itself either way. A guess: a viewer waits.
    """

    connect_s: float = 4.0
    first_byte_s: float = 8.0
    gap_s: float = 8.0
    document_s: float = 20.0
    segment_s: float = 120.0
    backoff_s: float = 0.25


class _Body:
    """Pulls the pieces of an httpx response."""

    def __init__(self, response: httpx.Response, *, gap_s: float, url: str) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._response = response
        self._pieces = aiter(response.stream)
        self._gap_s = gap_s
        self._url = url
        self._ended = False

    async def read(self) -> bytes:
        """Return the next piece; b"" at the end."""
        try:
            with anyio.fail_after(self._gap_s):
                piece = await self._piece()
        except TimeoutError:
            self._ended = True
            raise TransferFailed(
                "timeout", f"{shown_url(self._url)}: nothing came for {self._gap_s:g} s"
            ) from None
        except CLIENT_ERRORS as error:
            self._ended = True
            raise _translated(error, self._url, during_body=True) from error
        except BaseException:
            self._ended = True
            raise
        self._ended = not piece
        return piece

    async def _piece(self) -> bytes:
        """Return the next piece that is not empty: only the end is."""
        async for piece in self._pieces:
            if piece:
                return piece
        return b""

    async def aclose(self) -> None:
        """Give up what was not read."""
        with anyio.CancelScope(shield=True):
            if not self._ended:
                await self._unwind()
            await self._response.aclose()

    async def _unwind(self) -> None:
        """Read what is there without waiting, and have the first wait cancelled.

        A short body that nobody wanted (of a redirect, a 404) is mostly there already, and
        read to its end it leaves the connection fit for use. Otherwise the cancellation ends
        the generators that httpcore stacks under a body, each by its own exception; left
        where they stand they would be finished by the garbage collector, which trio warns
        about and asyncio does later than the connection could be needed.
        """
        left_bytes = MOST_UNWANTED_BYTES
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                while left_bytes > 0 and (piece := await self._piece()):
                    left_bytes -= len(piece)
            except CLIENT_ERRORS:
                pass  # it was given up anyway
        if left_bytes <= 0 and isinstance(self._pieces, AsyncGenerator):
            await self._pieces.aclose()


class HttpTransport:
    """Transport for http and https."""

    def __init__(
        self,
        *,
        timeouts: Timeouts,
        connections: int,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self._timeouts = timeouts
        self._headers = headers
        self._cookies = httpx.Cookies()
        self._trusts = ssl_context is not None
        self._trusting = anyio.Lock()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if ssl_context is None else ssl_context
        self._context = context
        if transport is None:
            transport = PooledTransport(context, connections=connections, keepalive_s=KEEPALIVE_S)
        self._inner = transport

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Response]:
        """Send a request and yield the head of what comes back. See Transport."""
        await self._trust(request.url)
        answer = await self._answer(request)
        body = _Body(answer, gap_s=self._timeouts.gap_s, url=request.url)
        try:
            yield Response(
                url=request.url,
                status=answer.status_code,
                reason=answer.reason_phrase,
                body=body,
                headers=dict(answer.headers),
            )
        finally:
            await body.aclose()

    async def connect(self, url: str) -> None:
        """Open a connection to a URL's server ahead of need."""
        if not isinstance(self._inner, PooledTransport):
            return
        try:
            where = httpx.URL(url)
        except httpx.InvalidURL:
            return  # whoever asks for something there will hear of it
        await self._trust(url)
        await self._inner.prepare(where, timeout_s=self._timeouts.connect_s)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _trust(self, url: str) -> None:
        """Load the certificate authorities before the first https request, and only then.

        They take some 15 ms: off the loop, and off the start of whoever plays over http.
        """
        if self._trusts or not url.lower().startswith("https:"):
            return
        async with self._trusting:
            if not self._trusts:
                await anyio.to_thread.run_sync(_load_authorities, self._context)
                self._trusts = True

    async def _answer(self, request: Request) -> httpx.Response:
        timeouts = self._timeouts
        fresh = False
        # TCP, TLS, and a wait for a connection of the pool, until the request is on its way.
        scope = anyio.CancelScope(
            deadline=anyio.current_time() + 2 * timeouts.connect_s + timeouts.first_byte_s
        )

        async def note(event: str, info: dict[str, object]) -> None:
            nonlocal fresh
            if event == "connection.connect_tcp.complete":
                fresh = not opened_ahead(info["return_value"])
            elif event == "http11.send_request_body.complete":
                scope.deadline = anyio.current_time() + timeouts.first_byte_s

        extensions = {"timeout": {"connect": timeouts.connect_s}, "trace": note}
        try:
            with scope:
                for tries_left in reversed(range(MOST_STALE + 1)):
                    fresh = False
                    sent = self._sent(request, extensions)
                    try:
                        answer = await self._inner.handle_async_request(sent)
                        break
                    except BROKEN:
                        # A kept connection that the server closed just now says nothing
                        # about the server: ask once more (RFC 9112 §9.3.1).
                        if fresh or not tries_left:
                            raise
        except CLIENT_ERRORS as error:
            raise _translated(error, request.url, during_body=False) from error
        except (UnicodeError, OverflowError) as error:
            # From the resolver, for a host or port that cannot be one.
            raise TransferFailed("name", f"{shown_url(request.url)}: no such host") from error
        if scope.cancelled_caught:
            raise TransferFailed("timeout", f"{shown_url(request.url)}: no answer in time")
        answer.request = sent
        if "set-cookie" in answer.headers:
            self._cookies.extract_cookies(answer)
        return answer

    def _sent(self, request: Request, extensions: dict[str, object]) -> httpx.Request:
        headers = [
            ("User-Agent", USER_AGENT),
            ("Accept", "*/*"),
            # Media does not compress, and a body that was coded cannot be cut at a byte.
            ("Accept-Encoding", "identity" if request.purpose in ("init", "segment") else "gzip"),
            *self._headers,
            *request.headers,
        ]
        if request.byte_range is not None:
            headers.append(("Range", request.byte_range.header))
        try:
            sent = httpx.Request(
                request.method,
                request.url,
                headers=headers,
                content=request.body or None,
                extensions=extensions,
            )
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise TransferFailed("scheme", f"{shown_url(request.url)}: not a URL") from error
        if sent.url.userinfo and "authorization" not in sent.headers:
            credentials = base64.b64encode(unquote(sent.url.userinfo.decode()).encode()).decode()
            sent.headers["Authorization"] = f"Basic {credentials}"
        if len(self._cookies.jar):
            self._cookies.set_cookie_header(sent)
        return sent


def _load_authorities(context: ssl.SSLContext) -> None:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        context.load_verify_locations(file or None, folder or None)
    else:
        import certifi  # with httpx; not needed before the first https request

        context.load_verify_locations(certifi.where())


def _translated(error: Exception, url: str, *, during_body: bool) -> TransferFailed:
    """Say in the Session's words what a client library's exception means."""
    shown = shown_url(url)
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLError) for cause in causes) and not during_body:
        reason = next(cause for cause in causes if isinstance(cause, ssl.SSLError))
        return TransferFailed("tls", f"{shown}: {reason.reason or 'TLS handshake failed'}")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return TransferFailed("name", f"{shown}: no such host name")
    if isinstance(error, SILENT):
        return TransferFailed("timeout", f"{shown}: nothing came in time")
    if isinstance(error, BROKEN):
        # What h11 says of a body that ends before its Content-Length or its last chunk.
        if during_body and ("incomplete" in str(error) or "without sending" in str(error)):
            return TransferFailed("short", f"{shown}: the connection closed before the end")
        return TransferFailed("reset", f"{shown}: the connection broke")
    if isinstance(error, httpx.UnsupportedProtocol | httpcore.UnsupportedProtocol):
        return TransferFailed("scheme", f"{shown}: not a scheme for HTTP")
    if isinstance(error, httpcore.ConnectTimeout | httpx.ConnectTimeout):
        return TransferFailed("refused", f"{shown}: no connection in time")
    if isinstance(error, httpcore.ConnectError | httpx.ConnectError):
        return TransferFailed("refused", f"{shown}: connection refused")
    return TransferFailed("reset", f"{shown}: {type(error).__name__}")


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__ or at.__context__
    return found
