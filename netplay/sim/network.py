"""Requests and answers over a simulated link: connections, round trips, faults.

A request waits for a connection and a round trip; then its bytes share the link with
everybody else's. What happens is asked for (`next_us`) and taken (`advance`), never
called back, so the network has the Session's own shape.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from netplay.core.messages import Failure
from netplay.sim.connections import Connection, Connections
from netplay.sim.link import Fault, Link
from netplay.sim.sharing import Sharing, Window
from netplay.sim.trace import Trace

__all__ = ["Answer", "Network"]


_NOT_FOUND = Fault(kind="status", status=404)


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that happened to a request.

    Attributes:
        kind: "began": its first byte came; "reached": one of its marks did; "complete";
            "broken": it ended without its last byte.
        bytes: Received by then.
        first_byte_us: When the first came; None: none did.
        failure, detail, status, retry_after_us: Of a broken one, as FetchFailed has them.
    """

    request: Hashable
    kind: Literal["began", "reached", "complete", "broken"]
    bytes: int = 0
    first_byte_us: int | None = None
    failure: Failure = "reset"
    detail: str = ""
    status: int | None = None
    retry_after_us: int | None = None


@dataclass(slots=True, eq=False)
class _Request:
    name: Hashable
    host: str
    resource: str
    size_bytes: int
    marks: Iterator[int]
    fault: Fault | None
    flowing: bool = False
    queued: bool = False
    first_byte_us: int | None = None
    next_bytes: int = 0
    since_us: float = 0.0
    connection: Connection | None = None
    window: Window | None = None
    last: tuple[int, int] | None = None

    @property
    def is_refused(self) -> bool:
        """It will never have a connection."""
        return self.fault is not None and self.fault.kind in ("down", "refuse")


@dataclass(frozen=True, slots=True)
class _Outage:
    host: str
    fault: Fault


class Network:
    """A link with hosts behind it, in virtual time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sharing = Sharing(link.goodput())
        # By how much the trace's clock is behind, and since when it stands still.
        self._behind_us = 0
        self._still_since_us: int | None = None
        # When a request last ended, and how much before that in truth.
        self._ended: tuple[int, float] = (-1, 0.0)
        self._now_us = 0
        self._requests: dict[Hashable, _Request] = {}
        self._connections: dict[str, Connections[_Request]] = {}
        self._struck: dict[tuple[str, int], int] = {}
        # What is due at a moment of its own: first bytes, refusals, hosts that go down.
        self._due: list[tuple[int, int, _Request | _Outage]] = []
        self._sequence = 0
        for name, host in link.hosts.items():
            for fault in host.faults:
                if fault.kind == "down":
                    self._schedule(fault.from_us, _Outage(name, fault))

    def request(
        self,
        name: Hashable,
        host: str,
        resource: str,
        *,
        size_bytes: int,
        marks: Iterable[int] = (),
        missing: bool = False,
    ) -> None:
        """Send a request now.

        Args:
            name: Names it in answers; unique among those under way.
            resource: What faults match against.
            size_bytes: Of the whole body.
            marks: Rising numbers of bytes at which it is to be heard of.
            missing: The host does not have it: unless a fault strikes, the answer is a 404.
        """
        fault = self._fault(host, resource)
        if fault is None and missing:
            fault = _NOT_FOUND
        request = _Request(name, host, resource, size_bytes, iter(marks), fault)
        self._requests[name] = request
        if request.is_refused:
            self._schedule(self._now_us + self._link.rtt_at(host, self._now_us), request)
            return
        connections = self._connected(host)
        if connections.busy >= self._link.connections:
            request.queued = True
            connections.waiting.append(request)
            return
        self._send(request, connections)

    def connect(self, host: str) -> None:
        """Open a connection ahead of need, unless there is a free one."""
        connections = self._connected(host)
        if not connections.free:
            cost_us = self._link.connect_rtts * self._link.rtt_at(host, self._now_us)
            connections.free.append(Connection(connections.new_us(self._now_us, cost_us)))

    def cancel(self, name: Hashable, *, keep: bool = False) -> None:
        """Stop a request now, unless it has ended.

        Its connection is closed, as HTTP/1.1 has no other way, or kept as after a last byte.
        """
        request = self._requests.pop(name, None)
        if request is None:
            return
        self._ended = (self._now_us, request.since_us)
        connections = self._connected(request.host)
        if request.queued:
            connections.waiting.remove(request)
            return
        self._end(request, keep=keep)
        if not any(one.first_byte_us is None for one in self._requests.values()):
            self._go_on()

    def received(self, name: Hashable) -> tuple[int, int | None, int]:
        """Return (bytes so far, when the first came, when the last came) of a request."""
        request = self._requests[name]
        if request.first_byte_us is None:
            return 0, None, 0
        if not request.flowing:
            came, last_us = request.last or (0, request.first_byte_us)
            return came, request.first_byte_us, last_us
        came, last_us = self._sharing.received(name)
        last_us += self._behind_us
        came = min(came - self._link.header_bytes, request.size_bytes)
        return came, request.first_byte_us, last_us

    def next_us(self) -> int | None:
        """Return when something will happen next; None: nothing, as things are."""
        flowing_us = self._sharing.next_us()
        if flowing_us is not None:
            flowing_us += self._behind_us
        while self._due and self._is_void(self._due[0][2]):
            heapq.heappop(self._due)
        if not self._due:
            return flowing_us
        due_us = self._due[0][0]
        return due_us if flowing_us is None else min(due_us, flowing_us)

    def advance(self, now_us: int) -> list[Answer]:
        """Let time pass up to a moment, at most the next one; return what happens there."""
        if self._still_since_us is None:
            self._sharing.advance(now_us - self._behind_us)
        self._now_us = now_us
        answers: list[Answer] = []
        for name in self._sharing.arrived():
            answers += self._arrived(self._requests[name])
        while self._due and self._due[0][0] <= now_us:
            _, _, what = heapq.heappop(self._due)
            if isinstance(what, _Outage):
                answers += self._go_down(what)
            elif not self._is_void(what):
                answers += self._answer(what)
        return answers

    def _is_void(self, what: _Request | _Outage) -> bool:
        """Whether something due is about a request that ended before."""
        return not isinstance(what, _Outage) and self._requests.get(what.name) is not what

    # Sending.

    def _fault(self, host: str, resource: str) -> Fault | None:
        """Return the fault that strikes a request made now, and count it."""
        for number, fault in enumerate(self._link.host(host).faults):
            struck = self._struck.get((host, number), 0)
            spent = fault.times is not None and struck >= fault.times
            if fault.strikes(self._now_us) and not spent and fnmatchcase(resource, fault.match):
                self._struck[host, number] = struck + 1
                return fault
        return None

    def _connected(self, host: str) -> Connections[_Request]:
        connections = self._connections.get(host)
        if connections is None:
            link = self._link
            connections = self._connections[host] = Connections(link.keep_us, link.lookup_us)
        return connections

    def _send(self, request: _Request, connections: Connections[_Request]) -> None:
        rtt_us = self._link.rtt_at(request.host, self._now_us)
        if self._ended[0] == self._now_us:
            request.since_us = self._ended[1]
        new_us = connections.new_us(self._now_us, self._link.connect_rtts * rtt_us)
        taken = connections.take(self._now_us, new_us)
        begins_us = max(taken.ready_us, self._now_us)
        first_byte_us = begins_us + rtt_us + self._link.host(request.host).think_us
        request.connection = taken
        request.window = self._link.window(rtt_us, taken.window_bytes, begins_us - taken.ready_us)
        self._schedule(first_byte_us, request)
        if self._link.rtt_stops_trace and self._still_since_us is None and not self._is_flowing():
            self._still_since_us = self._now_us

    def _is_alone(self) -> bool:
        return len(self._requests) == 1

    def _is_flowing(self) -> bool:
        return any(request.flowing for request in self._requests.values())

    def _go_on(self) -> None:
        """Let the trace's clock go on from where it stood still."""
        if self._still_since_us is not None:
            self._behind_us += self._now_us - self._still_since_us
            self._still_since_us = None

    def _schedule(self, at_us: int, what: _Request | _Outage) -> None:
        self._sequence += 1
        heapq.heappush(self._due, (at_us, self._sequence, what))

    # Answering.

    def _answer(self, request: _Request) -> list[Answer]:
        """It is time for its header, or its refusal."""
        self._go_on()
        fault = request.fault
        if request.is_refused:
            del self._requests[request.name]
            return [_broken(request, "refused", f"{request.host} refused")]
        if fault is not None and fault.kind == "status":
            request.first_byte_us = self._now_us
            self._finish(request)
            return [_broken(request, "status", f"HTTP {fault.status}")]
        if fault is not None and fault.kind == "hang" and not fault.after_bytes:
            return []
        pool, ceiling = self._pool(request)
        first_bytes = self._link.header_bytes + self._began_bytes(request)
        self._sharing.join(
            request.name,
            pool,
            ceiling,
            until_bytes=first_bytes,
            since_us=request.since_us,
            window=request.window,
        )
        request.flowing = True
        return [] if first_bytes else self._begin(request)

    def _began_bytes(self, request: _Request) -> int:
        """Return how much of the body comes in one packet with the header."""
        room_bytes = max(0, self._link.packet_bytes - self._link.header_bytes)
        return min(room_bytes, self._end_bytes(request))

    def _begin(self, request: _Request) -> list[Answer]:
        """Its header is here."""
        request.first_byte_us = self._now_us
        self._look_for_next(request, 0)
        if not self._link.tells_headers:
            return []
        return [Answer(request.name, "began", self._began_bytes(request), self._now_us)]

    def _look_for_next(self, request: _Request, past_bytes: int) -> None:
        request.next_bytes = self._next_mark(request, past_bytes)
        self._sharing.look_for(request.name, self._link.header_bytes + request.next_bytes)

    def _pool(self, request: _Request) -> tuple[Hashable, Trace | None]:
        if request.fault is not None and request.fault.kind == "slow":
            return request.name, Trace.constant(request.fault.rate_bps)
        return request.host, self._link.host(request.host).trace

    def _end_bytes(self, request: _Request) -> int:
        """Return how many bytes come before it ends, or falls silent."""
        if request.fault is None or request.fault.kind not in ("reset", "hang"):
            return request.size_bytes
        return min(request.size_bytes, request.fault.after_bytes)

    def _next_mark(self, request: _Request, past_bytes: int) -> int:
        """Return the next number of bytes at which something is to be said or done."""
        end_bytes = self._end_bytes(request)
        mark = next((mark for mark in request.marks if mark > past_bytes), end_bytes)
        return min(mark, end_bytes)

    def _arrived(self, request: _Request) -> list[Answer]:
        """It has as many bytes as was looked for: all of them, or a mark, or its fault's."""
        if request.first_byte_us is None:
            return self._begin(request)
        fault, came = request.fault, request.next_bytes
        if came >= request.size_bytes:
            if self._link.loses_no_time and self._is_alone():
                self._ended = (self._now_us, self._sharing.spare_us(request.name))
            self._finish(request)
            return [Answer(request.name, "complete", request.size_bytes, request.first_byte_us)]
        if fault is not None and fault.kind in ("reset", "hang") and came >= fault.after_bytes:
            if fault.kind == "hang":
                self._fall_silent(request)
                return []
            del self._requests[request.name]
            self._end(request, keep=False)
            return [_broken(request, "reset", f"{request.host} broke off", came)]
        self._look_for_next(request, came)
        return [Answer(request.name, "reached", came, request.first_byte_us)]

    def _fall_silent(self, request: _Request) -> None:
        """It keeps its connection, has no part of the link any more, and never ends."""
        came, _, last_us = self.received(request.name)
        request.last = (came, last_us)
        self._sharing.leave(request.name)
        request.flowing = False

    def _finish(self, request: _Request) -> None:
        del self._requests[request.name]
        self._end(request, keep=True)

    def _end(self, request: _Request, *, keep: bool) -> None:
        """Free a request's connection for the next one that waits, or close it."""
        connection = request.connection
        if request.flowing:
            if connection is not None and request.window is not None:
                came, _ = self._sharing.received(request.name)
                connection.window_bytes = request.window.size_bytes + came
            self._sharing.leave(request.name)
        if request.is_refused:
            return  # it never had one
        connections = self._connected(request.host)
        connections.end(self._now_us, connection if keep else None)
        if connections.waiting:
            waiting = connections.waiting.popleft()
            waiting.queued = False
            self._send(waiting, connections)

    def _go_down(self, outage: _Outage) -> list[Answer]:
        """A host dies: what is under way there breaks off, and no connection is kept."""
        host = outage.host
        struck = [
            one
            for one in self._requests.values()
            if one.host == host and fnmatchcase(one.resource, outage.fault.match)
        ]
        connections = self._connected(host)
        connections.free.clear()
        connections.waiting = deque(one for one in connections.waiting if one not in struck)
        answers: list[Answer] = []
        for request in struck:
            came, _, _ = self.received(request.name)
            answers.append(_broken(request, "reset", f"{host} broke off", came))
            del self._requests[request.name]
            if not request.queued:
                self._end(request, keep=False)
        return answers


def _broken(request: _Request, failure: Failure, detail: str, came: int = 0) -> Answer:
    fault = request.fault
    status = retry_after_us = None
    if fault is not None and fault.kind == "status":
        status, retry_after_us = fault.status, fault.retry_after_us
    return Answer(
        request.name,
        "broken",
        came,
        request.first_byte_us,
        failure=failure,
        detail=detail,
        status=status,
        retry_after_us=retry_after_us,
    )
