"""The shaped link between the viewer and the edge servers: a TCP relay.

One listening port stands for each server, and all of them share one bottleneck, because a
viewer has one access link. Towards the viewer bytes wait their turn there and then travel
half the round trip; towards the servers they only travel. A handshake on loopback takes no
time, so what the viewer sends first is held back one round trip, as a real one would be.

What may be on its way is bounded, so a viewer that stops reading stops its server.
Half-closes and resets are passed on. TCP's own slow start is not modelled.

Run as `python -m netplay.edge.relay` it is a process of its own (`RelayProcess`), so that
it and a player under measurement do not share an interpreter.
"""

import json
import math
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from netplay.edge.child import Child, attend, say
from netplay.edge.link import Bottleneck, LinkSpec
from netplay.edge.wire import (
    KERNEL_BUFFER_BYTES,
    Address,
    End,
    Wire,
    close,
    connected,
    receive,
    send,
)

__all__ = ["Relay", "RelayProcess"]

LOOPBACK = "127.0.0.1"


class _Connection:
    """One viewer's connection to one server, relayed until both directions have ended."""

    def __init__(self, relay: "Relay", viewer: socket.socket, server: socket.socket) -> None:
        link = relay.link
        travelling_bytes = int(link.peak_bytes_per_s * link.rtt_s / 2)
        self._relay = relay
        self._viewer = viewer
        self._server = server
        self._down = Wire(link.queue_bytes + travelling_bytes)
        self._up = Wire(link.queue_bytes)
        self._queued_bytes = 0
        self._all_crossed = anyio.Event()
        self._scope = anyio.CancelScope()
        self._end: End = "closed"

    def cut(self) -> None:
        """End both directions at once, whatever is on its way."""
        self._end = "reset"
        self._scope.cancel()

    async def run(self, accepted_s: float) -> End:
        """Relay, and return how it ended."""

        async def guarded(job: Callable[[], Awaitable[End]]) -> None:
            if await job() == "reset":
                self.cut()

        with self._scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(guarded, lambda: self._read_viewer(accepted_s))
                tasks.start_soon(guarded, lambda: self._write(self._up, self._server))
                tasks.start_soon(guarded, self._read_server)
                tasks.start_soon(guarded, lambda: self._write(self._down, self._viewer))
        return self._end

    def crossed(self, data: memoryview, arrives_s: float) -> None:
        """Take note that bytes have left the bottleneck for the viewer."""
        self._down.put(arrives_s, data)
        self._queued_bytes -= len(data)
        if self._queued_bytes == 0:
            self._all_crossed.set()

    async def _read_viewer(self, accepted_s: float) -> End:
        established_s = accepted_s + self._relay.link.rtt_s
        while True:
            await self._up.room()
            item = await receive(self._viewer)
            sent_s = max(anyio.current_time(), established_s)
            self._up.put(sent_s + self._relay.link.rtt_s / 2, item)
            if not isinstance(item, memoryview):
                return "closed"
            self._up.hold(len(item))
            await checkpoint()

    async def _read_server(self) -> End:
        while True:
            await self._down.room()
            item = await receive(self._server)
            if not isinstance(item, memoryview):
                break
            self._down.hold(len(item))
            self._queued_bytes += len(item)
            self._relay.offer(self, item)
            await checkpoint()
        # The end leaves the server behind its last byte, not beside it.
        while self._queued_bytes:
            self._all_crossed = anyio.Event()
            await self._all_crossed.wait()
        self._down.put(anyio.current_time() + self._relay.link.rtt_s / 2, item)
        return "closed"

    async def _write(self, wire: Wire, sock: socket.socket) -> End:
        while True:
            item = await wire.get()
            if item == "reset":
                return "reset"
            if item == "closed":
                try:
                    sock.shutdown(socket.SHUT_WR)
                except OSError:
                    return "reset"
                return "closed"
            assert isinstance(item, memoryview)
            if not await send(sock, item):
                return "reset"
            wire.handed_on(len(item))


class Relay:
    """A shaped link in front of servers: `async with Relay(link, upstreams) as relay`.

    Its trace starts when the block is entered.

    Args:
        link: What the viewer's access is like.
        upstreams: Where each named server listens.
        listen: Where it listens for a server itself, port 0 for a free one; for those that
            are not named here, on a free port of loopback.

    Attributes:
        ports: Where the viewer finds each of them.
    """

    def __init__(
        self,
        link: LinkSpec,
        upstreams: Mapping[str, Address],
        *,
        listen: Mapping[str, Address] | None = None,
    ) -> None:
        self.link = link
        self.ports: dict[str, int] = {}
        self._upstreams = dict(upstreams)
        self._listen = dict(listen or {})
        self._listeners: list[socket.socket] = []
        self._connections: dict[str, set[_Connection]] = {name: set() for name in upstreams}

    def url(self, name: str) -> str:
        """Return where the viewer finds a server, with the slash at the end."""
        return f"http://{LOOPBACK}:{self.ports[name]}/"

    async def shape(self, link: LinkSpec) -> None:
        """Become another link, whose trace starts now, for what has not started to cross."""
        self.link = link
        self._bottleneck.shape(link, anyio.current_time())
        self._changed.set()

    async def cut(self, name: str) -> None:
        """Reset every connection to a server, and lose what is on its way.

        A server that dies leaves bytes behind in the kernel and here, and a slow link would
        go on delivering them for seconds: no dead server does that.
        """
        for connection in self._connections[name]:
            connection.cut()

    async def __aenter__(self) -> "Relay":
        self._changed = anyio.Event()
        self._bottleneck: Bottleneck[_Connection] = Bottleneck(self.link, anyio.current_time())
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        for name, address in self._upstreams.items():
            at = self._listen.get(name, (LOOPBACK, 0))
            family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
            listener = socket.create_server(at, family=family, backlog=512)
            listener.setblocking(False)
            # Set before accepting: a connection takes its buffer from its listener.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)
            self._listeners.append(listener)
            self.ports[name] = listener.getsockname()[1]
            self._tasks.start_soon(self._accept, listener, name, address)
        self._tasks.start_soon(self._pump)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tasks.cancel_scope.cancel()
        try:
            # Without the error of the block, which would come back wrapped in a group.
            await self._tasks.__aexit__(None, None, None)
        finally:
            for listener in self._listeners:
                listener.close()

    def offer(self, connection: _Connection, data: memoryview) -> None:
        """Let bytes of a connection wait for the link."""
        self._bottleneck.offer(connection, data, anyio.current_time())
        self._changed.set()

    async def _pump(self) -> None:
        """Let bytes cross the bottleneck, each turn when it starts."""
        while True:
            self._changed = anyio.Event()
            now_s = anyio.current_time()
            for connection, data, left_s in self._bottleneck.departures(now_s):
                connection.crossed(data, left_s + self.link.rtt_s / 2)
            next_s = self._bottleneck.next_s
            # Bytes that come meanwhile wait behind those that are crossing; only another
            # link could change when the next turn is.
            with anyio.CancelScope(deadline=math.inf if next_s is None else next_s):
                await self._changed.wait()

    async def _accept(self, listener: socket.socket, name: str, address: Address) -> None:
        while True:
            try:
                viewer, _ = listener.accept()
            except BlockingIOError:
                await anyio.wait_readable(listener)
            else:
                self._tasks.start_soon(self._relay, viewer, name, address)

    async def _relay(self, viewer: socket.socket, name: str, address: Address) -> None:
        accepted_s = anyio.current_time()
        server = None
        connection = None
        end: End = "reset"
        try:
            viewer.setblocking(False)
            viewer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server = await connected(address)
            if server is None:
                await anyio.sleep_until(accepted_s + self.link.rtt_s)
                return
            connection = _Connection(self, viewer, server)
            self._connections[name].add(connection)
            end = await connection.run(accepted_s)
        finally:
            if connection is not None:
                self._bottleneck.drop(connection)
                self._connections[name].discard(connection)
            for sock in (viewer, server):
                if sock is not None:
                    close(sock, end)


class RelayProcess:
    """A `Relay` in a process of its own, with the same interface."""

    def __init__(
        self,
        link: LinkSpec,
        upstreams: Mapping[str, Address],
        *,
        listen: Mapping[str, Address] | None = None,
    ) -> None:
        self.link = link
        self.ports: dict[str, int] = {}
        self._upstreams = dict(upstreams)
        self._listen = dict(listen or {})

    def url(self, name: str) -> str:
        """Return where the viewer finds a server, with the slash at the end."""
        return f"http://{LOOPBACK}:{self.ports[name]}/"

    async def shape(self, link: LinkSpec) -> None:
        """Become another link, whose trace starts now, for what has not started to cross."""
        await self._child.ask({"link": link.to_json()})
        self.link = link

    async def cut(self, name: str) -> None:
        """Reset every connection to a server, and lose what is on its way."""
        await self._child.ask({"cut": name})

    async def __aenter__(self) -> "RelayProcess":
        said = json.dumps(
            {
                "link": self.link.to_json(),
                "upstreams": self._upstreams,
                "listen": self._listen,
            }
        )
        self._child = await Child.start("the link", "netplay.edge.relay", said)
        try:
            self.ports = (await self._child.hear())["ports"]
        except BaseException:
            await self._child.kill()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._child.kill()


async def _run(said: dict[str, Any]) -> None:
    upstreams, listen = (
        {name: (host, port) for name, (host, port) in said[key].items()}
        for key in ("upstreams", "listen")
    )
    async with Relay(LinkSpec.from_json(said["link"]), upstreams, listen=listen) as relay:

        async def answer(message: dict[str, Any]) -> dict[str, Any]:
            if "link" in message:
                await relay.shape(LinkSpec.from_json(message["link"]))
            if "cut" in message:
                await relay.cut(message["cut"])
            return {}

        say({"ports": relay.ports})
        await attend(answer)


if __name__ == "__main__":
    anyio.run(_run, json.loads(sys.argv[1]))
