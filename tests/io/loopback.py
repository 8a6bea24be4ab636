"""A server on loopback that does what a script says, down to the connection."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import SocketAttribute, SocketStream

Serve = Callable[["Exchange"], Awaitable[None]]


class Exchange:
    """One request, and the connection to answer it on."""

    def __init__(self, stream: SocketStream, head: str) -> None:
        self.stream = stream
        self.head = head
        self.path = head.split(" ")[1]

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self.stream.send(data)

    async def respond(self, body: bytes, *, status: str = "200 OK", more: str = "") -> None:
        """Send a well-formed response."""
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        await self.stream.send(head.encode() + body)

    async def reset(self) -> None:
        """Break the connection as a crashed server does."""
        linger = struct.pack("ii", 1, 0)
        raw = self.stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        await self.stream.aclose()


class Server:
    """Counts what it is asked.

    Attributes:
        url: Of its root, without a slash at the end.
        connections: How many were opened.
        heads: Every request's head, in order.
    """

    def __init__(self, serve: Serve) -> None:
        self.url = ""
        self.connections = 0
        self._connected = anyio.Event()
        self.heads: list[str] = []
        self._serve = serve

    async def connected(self, times: int = 1) -> None:
        """Wait until so many connections were opened."""
        while self.connections < times:
            await self._connected.wait()

    async def handle(self, stream: SocketStream) -> None:
        """Answer the requests of one connection."""
        self.connections += 1
        self._connected.set()
        self._connected = anyio.Event()
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                held = b""
                while True:
                    while b"\r\n\r\n" not in held:
                        held += await stream.receive()
                    head, _, held = held.partition(b"\r\n\r\n")
                    self.heads.append(head.decode())
                    await self._serve(Exchange(stream, head.decode()))


@asynccontextmanager
async def greeting(handle: Callable[[SocketStream], Awaitable[None]]) -> AsyncIterator[int]:
    """Have every connection to a port of loopback handled; yield the port."""
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, handle)
        yield listener.extra(SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[Server]:
    """Serve on loopback until the context is left."""
    server = Server(serve)
    async with greeting(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server


def closed_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
