"""Puts an answer on the wire exactly as it is described, lies and all.

Files go from the page cache to the socket without being read, where nothing encrypts them.
"""

import asyncio
import socket
import struct
import sys
import time
from contextlib import suppress
from email.utils import formatdate

from netplay.edge.exchange import MOST_HEAD_BYTES, FilePart, cut, size_of, words_of
from netplay.edge.faults.sending import Sending

__all__ = ["Delivery", "end_in_reset"]

LINGER_S = 2
"""How long the end of an answer waits for the client to have read it."""
AT_ONCE_BYTES = 64 * 1024
"""Sent in one call with the head; more goes by itself."""
WRITE_BYTES = 256 * 1024
DRIP_S = 0.05
RESET_NOT_FIN = struct.pack("ii", 1, 0)
TIOCOUTQ = 0x5411
"""Linux: asks a socket how many bytes its peer has not acknowledged."""


class Delivery:
    """Puts answers on the wire of one connection.

    Attributes:
        sent_bytes: Of bodies, so far.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sent_bytes = 0
        self._reader = reader
        self._writer = writer

    async def perform(self, sending: Sending) -> bool:
        """Send it, and return whether another request may follow.

        Raises:
            OSError: The client is gone, or a file ended early.
        """
        if sending.delay_s:
            await asyncio.sleep(sending.delay_s)
        if not sending.silent:
            await self._send(sending)
        match sending.ending:
            case "next":
                return True
            case "hang":
                await self._until_gone()
            case "reset":
                await self._acknowledged()
                end_in_reset(self._writer.get_extra_info("socket"))
            case "close" | "cut":
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LINGER_S):
                            await self._until_gone()
                else:
                    self._writer.close()
                    await self._writer.wait_closed()
        return False

    async def _send(self, sending: Sending) -> None:
        answer = sending.answer
        headers = {"Date": formatdate(time.time() + sending.skew_s, usegmt=True), **answer.headers}
        if answer.status >= 200 and answer.status not in (204, 304):
            headers["Content-Length"] = str(sending.length)
        if sending.ending == "close":
            headers["Connection"] = "close"
        head = words_of(answer.status, headers)
        body, size = answer.body, size_of(answer.body)
        if size <= AT_ONCE_BYTES and sending.drips is None:
            parts = [p.read() if isinstance(p, FilePart) else p for p in body]
            await self._write(b"".join([head, *parts]))
            self.sent_bytes += size
            return
        await self._write(head)
        at_once = size if sending.drips is None else sending.drips[0]
        for piece in cut(body, 0, at_once):
            await self._pour(piece)
        if sending.drips is not None:
            await self._drip(sending, *sending.drips)

    async def _drip(self, sending: Sending, start: int, bytes_per_s: float) -> None:
        """Send the rest of a body at a rate, paced against the clock and not by naps."""
        loop = asyncio.get_running_loop()
        began_s, size, at = loop.time(), size_of(sending.answer.body), start
        while at < size:
            step = max(1, int(bytes_per_s * DRIP_S))
            for piece in cut(sending.answer.body, at, at + step):
                await self._pour(piece)
            at = min(at + step, size)
            if at < size:
                await asyncio.sleep(began_s + (at - start) / bytes_per_s - loop.time())

    async def _pour(self, piece: bytes | FilePart) -> None:
        """Send a piece of a body, files by the kernel."""
        if isinstance(piece, bytes):
            view = memoryview(piece)
            for at in range(0, len(view), WRITE_BYTES):
                await self._write(view[at : at + WRITE_BYTES])
                self.sent_bytes += len(view[at : at + WRITE_BYTES])
            return
        left = piece.stop - piece.start
        transport = self._writer.transport
        with piece.path.open("rb") as file:
            if transport.is_closing():
                raise ConnectionResetError("the client left")
            if transport.get_extra_info("sslcontext") is None:
                loop = asyncio.get_running_loop()
                sent = await loop.sendfile(transport, file, piece.start, left)
                self.sent_bytes += sent
                left -= sent
            else:
                file.seek(piece.start)
                while left and (data := file.read(min(left, WRITE_BYTES))):
                    await self._pour(data)
                    left -= len(data)
        if left:
            raise OSError(f"{piece.path} became shorter")

    async def _write(self, data: bytes | memoryview) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _until_gone(self) -> None:
        """Wait until the client has closed its side."""
        while await self._reader.read(MOST_HEAD_BYTES):
            pass

    async def _acknowledged(self) -> None:
        """Wait until the client's kernel has what was sent; a reset would drop the rest."""
        if sys.platform != "linux":
            return
        import fcntl

        sock = self._writer.get_extra_info("socket")
        deadline_s = time.monotonic() + LINGER_S
        # A client that has left closes the socket under us.
        while sock.fileno() >= 0 and time.monotonic() < deadline_s:
            if not struct.unpack("i", fcntl.ioctl(sock.fileno(), TIOCOUTQ, bytes(4)))[0]:
                return
            await asyncio.sleep(0.001)


def end_in_reset(sock: socket.socket) -> None:
    """Let a connection end in a reset when it is closed, and not as if all had been said."""
    if sock.fileno() >= 0:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_NOT_FIN)
