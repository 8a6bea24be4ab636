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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import anyio
import anyio.to_thread
import httpcore
import httpx

from netplay.errors import shown_url
from netplay.io.connections import PooledTransport
from netplay.io.transport import Request, Response, TransferFailed

__all__ = ["HttpTransport", "Timeouts"]

USER_AGENT = "netplay/0.1"

KEEPALIVE_S = 300.0
"""A segment of 10 s and a full buffer of some minutes may lie between two requests."""

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
    """

    connect_s: float = 4.0
    first_byte_s: float = 8.0
    gap_s: float = 8.0
    document_s: float = 20.0
    segment_s: float = 120.0


class _Body:
    """Pulls the pieces of an httpx response."""

    def __init__(self, response: httpx.Response, *, gap_s: float, url: str) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        self._response = response
        self._pieces = aiter(response.stream)
        self._gap_s = gap_s
        self._url = url
        self._begun = False
        self._ended = False

    async def read(self) -> bytes:
        """Return the next piece; b"" at the end."""
        self._begun = True
        try:
            with anyio.fail_after(self._gap_s):
                piece = await anext(self._pieces, b"")
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

    async def aclose(self) -> None:
        """Give up what was not read."""
        with anyio.CancelScope(shield=True):
            if self._begun and not self._ended:
                await self._unwind()
            await self._response.aclose()

    async def _unwind(self) -> None:
        """End the generators that httpcore stacks under a body, each by its own exception.

        Left where they stand they would be finished by the garbage collector, which
        trio warns about and asyncio does later than the connection could be needed.
        """
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                while await anext(self._pieces, b""):
                    pass
            except CLIENT_ERRORS:
                pass  # it was given up anyway


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
        where = httpx.URL(url)
        if not isinstance(self._inner, PooledTransport) or where.scheme not in ("http", "https"):
            return
        await self._trust(url)
        await self._inner.readiness.prepare(
            where.raw_host.decode("ascii"),
            where.port or (443 if where.scheme == "https" else 80),
            tls=where.scheme == "https",
            timeout_s=self._timeouts.connect_s,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _trust(self, url: str) -> None:
        """Load the certificate authorities before the first https request, and only then.

        They take some 15 ms: off the loop, and off the start of whoever plays over http.
        """
        if self._trusts or not url.lower().startswith("https:"):
            return
        await anyio.to_thread.run_sync(_load_authorities, self._context)
        self._trusts = True

    async def _answer(self, request: Request) -> httpx.Response:
        fresh = False

        async def note(event: str, _: object) -> None:
            nonlocal fresh
            fresh = fresh or event == "connection.connect_tcp.started"

        extensions = {"timeout": {"connect": self._timeouts.connect_s}, "trace": note}
        limit_s = self._timeouts.connect_s + self._timeouts.first_byte_s
        try:
            with anyio.fail_after(limit_s):
                sent = self._sent(request, extensions)
                try:
                    answer = await self._inner.handle_async_request(sent)
                except BROKEN:
                    # A kept connection that the server closed just now says nothing about
                    # the server: ask once more (RFC 9112 §9.3.1), on a new one.
                    if fresh:
                        raise
                    sent = self._sent(request, extensions)
                    answer = await self._inner.handle_async_request(sent)
        except TimeoutError:
            raise TransferFailed(
                "timeout", f"{shown_url(request.url)}: no answer within {limit_s:g} s"
            ) from None
        except CLIENT_ERRORS as error:
            raise _translated(error, request.url, during_body=False) from error
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
            sent = httpx.Request("GET", request.url, headers=headers, extensions=extensions)
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
