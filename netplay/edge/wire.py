"""One direction of a TCP connection on a link: bytes, and when they arrive.

Sockets are used bare. A stream that reads ahead would hold bytes nobody counted, and could
not tell a reset from an end or pass it on as one.
"""

import socket
import struct
from collections import deque
from typing import Literal

import anyio

__all__ = [
    "KERNEL_BUFFER_BYTES",
    "Address",
    "End",
    "Item",
    "Wire",
    "close",
    "connected",
    "receive",
    "send",
]

Address = tuple[str, int]
"""Host and port."""

READ_BYTES = 64 * 1024
KERNEL_BUFFER_BYTES = 256 * 1024
"""Of the sockets: left to itself, loopback would hold megabytes that nobody paced."""

RESET_NOT_FIN = struct.pack("ii", 1, 0)

End = Literal["closed", "reset"]
Item = memoryview | End


async def receive(sock: socket.socket) -> Item:
    """Return what came, or how the other side ended it."""
    while True:
        try:
            return memoryview(data) if (data := sock.recv(READ_BYTES)) else "closed"
        except BlockingIOError:
            await anyio.wait_readable(sock)
        except OSError:
            return "reset"


async def send(sock: socket.socket, data: memoryview) -> bool:
    """Send all of it; False where the other side is gone."""
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            await anyio.wait_writable(sock)
        except OSError:
            return False
    return True


def close(sock: socket.socket, end: End) -> None:
    """Close a socket so that the other side sees that end."""
    if end == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
    sock.close()


async def connected(address: Address) -> socket.socket | None:
    """Return a connection, or None where it is refused."""
    family, kind, protocol, _, where = (await anyio.getaddrinfo(*address, type=socket.SOCK_STREAM))[
        0
    ]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.connect(where)
        except BlockingIOError:
            await anyio.wait_writable(sock)
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            return sock
    except OSError:
        pass  # Refused, at once or a moment later: both end below.
    except BaseException:
        sock.close()
        raise
    sock.close()
    return None


class Wire:
    """One direction of one connection: bytes on their way, each with its time of arrival.

    It holds all that was read and not yet handed on, queueing for the link included.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._held_bytes = 0
        self._limit_bytes = limit_bytes
        self._items: deque[tuple[float, Item]] = deque()
        self._arrived = anyio.Event()
        self._drained = anyio.Event()

    def put(self, at_s: float, item: Item) -> None:
        """Let bytes, or the end behind them, arrive at a moment; moments never go back."""
        self._items.append((at_s, item))
        self._arrived.set()

    async def get(self) -> Item:
        """Return the next item when it has arrived."""
        while not self._items:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        at_s, item = self._items.popleft()
        await anyio.sleep_until(at_s)
        return item

    def hold(self, count: int) -> None:
        """Count bytes that were read."""
        self._held_bytes += count

    def handed_on(self, count: int) -> None:
        """Count bytes that reached the other end."""
        self._held_bytes -= count
        self._drained.set()

    async def room(self) -> None:
        """Wait until another read may be held."""
        while self._held_bytes >= self._limit_bytes:
            self._drained = anyio.Event()
            await self._drained.wait()
