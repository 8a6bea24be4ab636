"""The world between a player and its servers, as data: the link, the hosts, their faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Final, Literal

from netplay.sim.sharing import Window
from netplay.sim.trace import Trace

__all__ = ["Fault", "FaultKind", "Host", "Link", "SlowStart"]

FaultKind = Literal["down", "refuse", "reset", "hang", "status", "slow"]

_SEGMENT_BYTES: Final = 1460
"""Of TCP's payload in an Ethernet frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something a host does wrong for a while.

    Attributes:
        kind: "down": what is under way breaks off and nobody answers any more;
            "refuse": new requests are refused; "reset" and "hang": an answer breaks off, or
            goes silent, after `after_bytes`; "status": the answer is an HTTP `status`;
            "slow": an answer comes at no more than `rate_bps`.
        from_us: It strikes requests made from here on (and, "down", those under way).
        until_us: Requests made from here on are well again; None: it never ends.
        match: Which resources, as a shell pattern over their names: "0/v3/17", "0/v3/init",
            "0/v3/index".
        times: How many requests it strikes at most; None: any number.
        retry_after_us: Of a status: how long the host asks to be left alone.
    """

    kind: FaultKind
    from_us: int = 0
    until_us: int | None = None
    match: str = "*"
    times: int | None = None
    after_bytes: int = 0
    status: int = 503
    retry_after_us: int | None = None
    rate_bps: int = 0

    def strikes(self, moment_us: int) -> bool:
        """Whether it is in force at a moment."""
        return self.from_us <= moment_us and (self.until_us is None or moment_us < self.until_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One server.

    Attributes:
        trace: The most it gives to all its answers together, in bits a second; None: as
            much as the link takes.
        rtt_us: Round trip to it; None: the link's.
        think_us: From its hearing a request to its first byte.
        faults: The first that strikes a request counts.
    """

    trace: Trace | None = None
    rtt_us: int | Trace | None = None
    think_us: int = 0
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowStart:
    """How the sender of a connection begins.

    At most a window comes in a round trip, and it grows by every byte that came: it doubles
    in each round trip as long as nothing else limits. It ends where the window is too large
    to matter: losses that a full queue makes, and what follows them, are not modelled.

    Attributes:
        initial_bytes: The window of a new connection: ten segments (RFC 6928 §2).
        idle_us: A connection at rest for longer begins anew, at most with that window (RFC
            5681 §4.1); the time is the least that a retransmission is waited for (RFC 6298
            §2.4).
    """

    initial_bytes: int = 10 * _SEGMENT_BYTES
    idle_us: int = 1_000_000

    def __post_init__(self) -> None:
        """Refuse a sender that never sends."""
        if self.initial_bytes < 1 or self.idle_us < 0:
            raise ValueError("a sender begins with a byte at least, after no negative rest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The viewer's link and the hosts behind it.

    Transfers share it fairly (max-min), as far as their hosts keep up.

    Attributes:
        trace: What it carries, in bits a second.
        rtt_us: Round trip to a host that names none of its own.
        hosts: Hosts that differ from an ordinary one, by name.
        lookup_us: Until a host's name is known, before the first connection to it.
        connect_rtts: Round trips before a new connection can carry a request: 2 is TCP and
            TLS 1.3, 1 plain TCP.
        connections: At most so many to one host at a time, one request on each (HTTP/1.1).
        keep_us: A connection not used for so long is closed.
        header_bytes: Of an answer's header, which comes first; 0: it takes no part of the
            link, and comes even where the link carries nothing.
        packet_bytes: Of the first packet of an answer, which is heard of when that is complete:
            what it holds behind the header took no time that anybody could measure. 0: it is
            heard of when its header is complete. 1,448 in an Ethernet frame.
        tells_headers: It is told when a header came; else only when media did, as in simulators
            that know of no headers. A Session that has one request under way at a time, and
            patience, decides the same, and has less to listen to.
        rtt_stops_trace: The trace's clock stands still while a request is waited for and
            nothing else flows, as in Pensieve's environment.
        loses_no_time: A request made at the moment an answer ended is taken for made within
            that microsecond, when its last bit came. Requests in a row then take as long as
            in a simulator that counts in fractions; else half a microsecond longer each.
        slow_start: Of every connection; None: a sender fills the link at once.
        loss: Share of packets that are lost, below 1. They took their part of the link, so
            so much less of it is left; and no connection keeps more on its way than 1.22 /
            sqrt(loss) segments (Mathis, Semke, Mahdavi, Ott, "The macroscopic behavior of
            the TCP congestion avoidance algorithm", CCR 1997), on average: there is no
            single packet here that could be lost at a time of its own.
    """

    trace: Trace
    rtt_us: int | Trace = 20_000
    hosts: Mapping[str, Host] = field(default_factory=dict)
    lookup_us: int = 0
    connect_rtts: int = 2
    connections: int = 6
    keep_us: int = 120_000_000
    header_bytes: int = 300
    packet_bytes: int = 0
    tells_headers: bool = True
    rtt_stops_trace: bool = False
    loses_no_time: bool = False
    slow_start: SlowStart | None = None
    loss: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a link over which nothing could ever be asked."""
        if (
            self.connections < 1
            or self.lookup_us < 0
            or self.connect_rtts < 0
            or self.keep_us < 0
            or self.header_bytes < 0
            or self.packet_bytes < 0
        ):
            raise ValueError("a link has connections, and nothing about it is negative")
        if not 0 <= self.loss < 1:
            raise ValueError(f"a link loses a share in [0, 1), not {self.loss}")

    def goodput(self) -> Trace:
        """Return what it carries of what was asked for: what is lost is sent again."""
        if not self.loss:
            return self.trace
        pieces = [(us, round(bps * (1 - self.loss))) for us, bps in self.trace.pieces]
        return Trace(pieces, repeats=self.trace.repeats)

    def window(self, rtt_us: int, held_bytes: int | None = None, rest_us: int = 0) -> Window | None:
        """Return the window that a sender has; None: nothing but the link holds it back.

        Args:
            rtt_us: To its host.
            held_bytes: What it was when the connection was last used; None: never.
            rest_us: How long ago that was.
        """
        most = max(1, int(_MATHIS / sqrt(self.loss) * _SEGMENT_BYTES)) if self.loss else None
        if not rtt_us or (self.slow_start is None and most is None):
            return None
        if self.slow_start is None:
            size_bytes = most or 0
        elif held_bytes is None:
            size_bytes = self.slow_start.initial_bytes
        elif rest_us > max(self.slow_start.idle_us, rtt_us):
            size_bytes = min(held_bytes, self.slow_start.initial_bytes)
        else:
            size_bytes = held_bytes
        return Window(size_bytes if most is None else min(size_bytes, most), rtt_us, most)

    def host(self, name: str) -> Host:
        """Return a host by name; an ordinary one if nothing is said of it."""
        return self.hosts.get(name, _ORDINARY)

    def rtt_at(self, name: str, moment_us: int) -> int:
        """Return the round trip to a host at a moment."""
        rtt = self.host(name).rtt_us
        if rtt is None:
            rtt = self.rtt_us
        return rtt.at(moment_us) if isinstance(rtt, Trace) else rtt


_ORDINARY = Host()

_MATHIS: Final = sqrt(3 / 2)
"""The constant for periodic losses and an acknowledgement of every segment."""
