"""Edge servers on the test's own loop, which misbehave exactly when they are told to.

`netplay.edge` serves a title as it should be served. What a player must survive is a server
that does not: these answer from the same folder, and a test changes any answer on its way
out, down to the connection.
"""

from __future__ import annotations

import re
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.stapled import MultiListener

from netplay.edge.manifests import documents
from netplay.edge.title import Title

__all__ = ["Asked", "Hosts", "Reply", "Tamper", "hosts", "missing"]

LEFT = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)

_RANGE = re.compile(r"^range: bytes=(\d+)-(\d*)\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        host: "oca-1", "oca-2", …
        path: Within the title's folder.
        times: How often this host was asked for it, this time included.
    """

    host: str
    path: str
    times: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back.

    Attributes:
        announced: Content-Length; None: the body's own.
        pauses_at: After so many bytes of the body it waits for `goes_on`.
        then: What follows the body: the next request, a reset, or silence.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    pauses_at: int | None = None
    goes_on: anyio.Event | None = None
    then: Literal["next", "reset", "silence"] = "next"

    def head(self) -> bytes:
        """Return the head as HTTP/1.1."""
        length = len(self.body) if self.announced is None else self.announced
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {length}", "", ""]
        return "\r\n".join(lines).encode()

    async def send(self, stream: SocketStream) -> None:
        """Send it, with its pause."""
        await stream.send(self.head() + self.body[: self.pauses_at])
        if self.pauses_at is not None:
            if self.goes_on is None:
                await anyio.sleep_forever()
            else:
                await self.goes_on.wait()
            await stream.send(self.body[self.pauses_at :])


Tamper = Callable[[Asked, Reply], Reply]


class Hosts:
    """Servers of one title.

    Attributes:
        urls: Of the title's folder, by host, ending in a slash.
        asked: Every request, in order.
        tamper: Has the last word on every reply; may be replaced at any time.
    """

    def __init__(self, folder: Path, tamper: Tamper | None) -> None:
        self.urls: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.tamper = tamper
        self._folder = folder
        self._manifests: dict[str, str] = {}
        self._times: Counter[tuple[str, str]] = Counter()
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._streams: dict[str, set[SocketStream]] = {}

    def url(self, path: str) -> str:
        """Return where a file of the title is on the first host."""
        return self.urls["oca-1"] + path

    def fetched(self, host: str | None = None) -> list[str]:
        """Return the paths asked for, of one host or of all."""
        return [asked.path for asked in self.asked if host in (None, asked.host)]

    async def listen(self, name: str) -> MultiListener[SocketStream]:
        """Open the port of a host."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        self._scopes[name] = anyio.CancelScope()
        self._streams[name] = set()
        self.urls[name] = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/title/"
        return listener

    async def serve(self, name: str, listener: MultiListener[SocketStream]) -> None:
        """Answer every connection to a host, until it is stopped."""
        with self._scopes[name]:
            async with listener:
                await listener.serve(partial(self._attend, name))

    def announce(self) -> None:
        """Write manifests that name every host."""
        self._manifests = documents(Title.load(self._folder), tuple(self.urls.items()))

    def stop(self, name: str) -> None:
        """Kill a host: nobody listens any more, and what it was sending is reset."""
        self._scopes[name].cancel()
        for stream in self._streams[name]:
            _reset(stream)

    async def _attend(self, name: str, stream: SocketStream) -> None:
        """Answer the requests of one connection."""
        self._streams[name].add(stream)
        async with stream:
            with suppress(*LEFT, OSError):
                await self._converse(name, stream)
            self._streams[name].discard(stream)

    async def _converse(self, name: str, stream: SocketStream) -> None:
        held = b""
        while True:
            while b"\r\n\r\n" not in held:
                held += await stream.receive()
            head, _, held = held.partition(b"\r\n\r\n")
            reply = self._reply(name, head.decode())
            await reply.send(stream)
            if reply.then == "reset":
                _reset(stream)
                return
            if reply.then == "silence":
                await anyio.sleep_forever()

    def _reply(self, name: str, head: str) -> Reply:
        path = head.split(" ")[1].partition("?")[0].removeprefix("/title/")
        self._times[name, path] += 1
        asked = Asked(name, path, self._times[name, path])
        self.asked.append(asked)
        reply = self._found(path, head)
        return self.tamper(asked, reply) if self.tamper is not None else reply

    def _found(self, path: str, head: str) -> Reply:
        if path in self._manifests:
            return Reply(self._manifests[path].encode())
        file = self._folder / path
        if not file.is_file():
            return missing()
        data, asked = file.read_bytes(), _RANGE.search(head)
        etag = {"ETag": f'"{path}"'}
        if asked is None:
            return Reply(data, headers=etag)
        first, last = int(asked[1]), int(asked[2] or len(data) - 1)
        part = data[first : last + 1]
        said = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        return Reply(part, 206, etag | {"Content-Range": said})


def missing() -> Reply:
    """Return a 404."""
    return Reply(b"nothing here\n", 404)


def changed(reply: Reply, body: bytes) -> Reply:
    """Return a reply with another body, and no word of what it was before."""
    return replace(reply, body=body, headers={})


def _reset(stream: SocketStream) -> None:
    """Break a connection as a crashed server does."""
    raw = stream.extra(SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)


@asynccontextmanager
async def hosts(
    folder: Path, tamper: Tamper | None = None, *, count: int = 3
) -> AsyncIterator[Hosts]:
    """Serve a title from several ports of loopback until the context is left."""
    served = Hosts(folder, tamper)
    async with anyio.create_task_group() as tasks:
        listeners = [(name, await served.listen(name)) for name in _names(count)]
        served.announce()
        for name, listener in listeners:
            tasks.start_soon(served.serve, name, listener)
        try:
            yield served
        finally:
            tasks.cancel_scope.cancel()


def _names(count: int) -> list[str]:
    return [f"oca-{number}" for number in range(1, count + 1)]
