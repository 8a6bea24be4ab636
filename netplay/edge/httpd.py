"""An HTTP/1.1 server that can also do everything wrong: resets, silence, lengths that lie.

Servers for production refuse to be told such things, so this one is ours: it reads a
request, asks its handler for an answer, lets faults change it, and performs what came of
that down to the last byte (`delivery`). It runs under asyncio, one process an edge server.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from netplay.edge.delivery import Delivery, end_in_reset
from netplay.edge.exchange import (
    MOST_HEAD_BYTES,
    Answer,
    BadRequestError,
    Request,
    read_request,
    said,
)
from netplay.edge.faults.injector import Injector
from netplay.edge.faults.sending import Sending, spoiled

__all__ = ["HEALTH_PATH", "Handler", "WebServer"]

Handler = Callable[[Request], Awaitable[Answer]]

HEALTH_PATH: Final = "/.netplay/health"
"""Answers {"name", "active", "load", "sent_bytes"}; faults strike it like any other path."""

KEEP_ALIVE_S = 300
"""Longer than a full buffer takes to drain: a player's idle connection is still wanted."""


class WebServer:
    """One listening server: `async with WebServer(handler, name="oca-1") as server`.

    Args:
        handle: Returns the answer to a request.
        name: What scripts of faults call it.
        host: Where it listens.
        port: 0 takes a free one.
        injector: Its faults; None: it behaves.
        tls: Speaks https with it.
        capacity: How many answers at a time are a load of 1.

    Attributes:
        name: See above.
        port: Where it listens.
        sent_bytes: Of bodies, so far.
    """

    def __init__(
        self,
        handle: Handler,
        *,
        name: str = "edge",
        host: str = "127.0.0.1",
        port: int = 0,
        injector: Injector | None = None,
        tls: ssl.SSLContext | None = None,
        capacity: int = 100,
    ) -> None:
        self.name = name
        self.port = port
        self.sent_bytes = 0
        self._handle = handle
        self._host = host
        self._injector = injector
        self._tls = tls
        self._capacity = capacity
        self._active = 0
        self._accepting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        """Its root, with the slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'s' if self._tls else ''}://{host}:{self.port}/"

    async def __aenter__(self) -> "WebServer":
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        # Bound and never listening, it keeps the port ours while nobody listens there.
        self._guard = socket.socket(family)
        try:
            self._guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._guard.bind((self._host, self.port))
            self.port = self._guard.getsockname()[1]
            if self._injector is None or not self._injector.refuses(self.name):
                self._listen()
        except BaseException:
            self._guard.close()
            raise
        if self._injector is not None:
            self._injector.watchers.append(self._changed.set)
            self._watching = asyncio.create_task(self._watch(self._injector))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._injector is not None and self._watching is not None:
            self._injector.watchers.remove(self._changed.set)
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._refuse()
        self._guard.close()

    def _listen(self) -> None:
        listener = socket.socket(self._guard.family)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self.port))
            listener.listen(512)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
        self._accepting = asyncio.create_task(self._accept(listener))

    async def _refuse(self) -> None:
        """Stop listening, and cut every connection."""
        tasks = set(self._connections)
        if self._accepting is not None:
            tasks.add(self._accepting)
        self._accepting = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _watch(self, injector: Injector) -> None:
        """Listen or not, as the faults of the moment have it."""
        while True:
            self._changed.clear()
            refuses = injector.refuses(self.name)
            if refuses and self._accepting is not None:
                await self._refuse()
            elif not refuses and self._accepting is None:
                self._listen()
            with suppress(TimeoutError):
                async with asyncio.timeout(injector.next_edge_s(self.name)):
                    await self._changed.wait()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                sock, _ = await loop.sock_accept(listener)
                task = asyncio.create_task(self._attend(sock))
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)

    async def _attend(self, sock: socket.socket) -> None:
        """Answer the requests of one connection, and close it."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(MOST_HEAD_BYTES)
        try:
            sock.setblocking(False)
            # asyncio sets it only on sockets that say they are TCP, and accepted ones do not:
            # without it every answer on a kept connection waits 40 ms for an acknowledgement.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None and self._injector is not None:
                await asyncio.sleep(self._injector.tls_delay_s(self.name))
            transport, protocol = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), sock, ssl=self._tls
            )
        except (OSError, asyncio.CancelledError) as error:  # a handshake that failed is one
            end_in_reset(sock)
            sock.close()
            if isinstance(error, OSError):
                return
            raise
        # Nothing waits in the transport, so what was awaited is with the kernel; asyncio's TLS
        # still holds up to 64 KiB then, and never resumes below a limit of 1.
        transport.set_write_buffer_limits(high=0 if self._tls is None else 1)
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        try:
            await self._converse(reader, writer)
        except OSError:
            pass  # the client left, or the file did; either way the answer ends here
        except asyncio.CancelledError:
            end_in_reset(sock)
            raise
        finally:
            transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    request = await read_request(reader)
            except BadRequestError as error:
                refused = Sending(said(error.status, f"{error}\n"), "close")
                await Delivery(reader, writer).perform(refused)
                return
            if request is None:
                return
            sending = await self._sending(request)
            self._active += 1
            delivery = Delivery(reader, writer)
            try:
                goes_on = await delivery.perform(sending)
            finally:
                self._active -= 1
                self.sent_bytes += delivery.sent_bytes
            if not goes_on:
                return

    async def _sending(self, request: Request) -> Sending:
        """Return what is sent: the handler's answer, and what faults make of it."""
        # Struck as it comes, so that how long an answer takes changes no other's turn.
        struck = self._injector.strike(self.name, request.path) if self._injector else ()
        try:
            if request.path == HEALTH_PATH:
                answer = self._health()
            else:
                answer = await self._handle(request)
            sending = Sending(answer, "next" if request.keeps else "close")
            for fault in struck:
                sending = spoiled(sending, fault)
        except (OSError, ValueError) as error:  # a file that is gone, a title that is none
            sending = Sending(said(500, f"{type(error).__name__}: {error}\n"), "close")
        if request.method == "HEAD":
            answer = sending.answer
            bare = Answer(answer.status, answer.headers, (), sending.length)
            ending = sending.ending if sending.silent else "next" if request.keeps else "close"
            sending = Sending(bare, ending, sending.delay_s, sending.silent, None, sending.skew_s)
        return sending

    def _health(self) -> Answer:
        told = {
            "name": self.name,
            "active": self._active,
            "load": self._active / self._capacity,
            "sent_bytes": self.sent_bytes,
        }
        return said(200, json.dumps(told) + "\n", "application/json")
