"""The world between a player and its servers, as data: the link, the hosts, their faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from netplay.sim.trace import Trace

__all__ = ["Fault", "FaultKind", "Host", "Link"]

FaultKind = Literal["down", "refuse", "reset", "hang", "status", "slow"]


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
class Link:
    """The viewer's link and the hosts behind it.

    Transfers share it fairly (max-min), as far as their hosts keep up.

    Attributes:
        trace: What it carries, in bits a second.
        rtt_us: Round trip to a host that names none of its own.
        hosts: Hosts that differ from an ordinary one, by name.
        connect_rtts: Round trips before a new connection can carry a request: 2 is TCP and
            TLS 1.3, 1 plain TCP.
        connections: At most so many to one host at a time, one request on each (HTTP/1.1).
        keep_us: A connection not used for so long is closed.
        header_bytes: Of an answer's header, which comes first; 0: it takes no part of the
            link, and comes even where the link carries nothing.
        rtt_stops_trace: The trace's clock stands still while a request is waited for and
            nothing else flows, as in Pensieve's environment.
        loses_no_time: A request made at the moment an answer ended is taken for made within
            that microsecond, when its last bit came. Requests in a row then take as long as
            in a simulator that counts in fractions; else half a microsecond longer each.
    """

    trace: Trace
    rtt_us: int | Trace = 20_000
    hosts: Mapping[str, Host] = field(default_factory=dict)
    connect_rtts: int = 2
    connections: int = 6
    keep_us: int = 120_000_000
    header_bytes: int = 300
    rtt_stops_trace: bool = False
    loses_no_time: bool = False

    def __post_init__(self) -> None:
        """Refuse a link over which nothing could ever be asked."""
        if (
            self.connections < 1
            or self.connect_rtts < 0
            or self.keep_us < 0
            or self.header_bytes < 0
        ):
            raise ValueError("a link has connections, and nothing about it is negative")

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
