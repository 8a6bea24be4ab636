"""What a study does to the link of every trace, and who serves: all of it off by default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b

from netplay.sim.link import Host, Link, SlowStart
from netplay.sim.trace import Trace

__all__ = ["Conditions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How the links of a study differ from what its profile makes of a trace.

    Attributes:
        slow_start: How connections begin; None: as fast as the link (`netplay.sim.SlowStart`).
        loss: Share of packets lost, below 1 (`netplay.sim.Link.loss`).
        header_bytes: Of every answer; None: the profile's.
        connect_rtts: Round trips to a new connection; None: the profile's.
        hosts: Who serves, by name, the first preferred, with their own traces and faults;
            they replace the hosts that the movies name. None of them: the movies' own.
        audio_bps: A track of sound of this rate is fetched beside movies that have none; 0:
            none is.
    """

    slow_start: SlowStart | None = None
    loss: float = 0.0
    header_bytes: int | None = None
    connect_rtts: int | None = None
    hosts: Mapping[str, Host] = field(default_factory=dict)
    audio_bps: int = 0

    def __post_init__(self) -> None:
        """Refuse what no link and no movie can have."""
        if self.audio_bps < 0:
            raise ValueError(f"sound has a rate, not {self.audio_bps} bit/s")
        self.on(Link(trace=Trace.constant(1)))

    def on(self, link: Link) -> Link:
        """Return a link under these conditions."""
        return replace(
            link,
            slow_start=self.slow_start,
            loss=self.loss,
            header_bytes=link.header_bytes if self.header_bytes is None else self.header_bytes,
            connect_rtts=link.connect_rtts if self.connect_rtts is None else self.connect_rtts,
            hosts={**link.hosts, **self.hosts},
        )

    def told(self) -> str:
        """Return what differs, as JSON; a trace as a digest of it."""
        told: dict[str, object] = {}
        if self.slow_start is not None:
            told["slow_start"] = asdict(self.slow_start)
        if self.loss:
            told["loss"] = self.loss
        if self.header_bytes is not None:
            told["header_bytes"] = self.header_bytes
        if self.connect_rtts is not None:
            told["connect_rtts"] = self.connect_rtts
        if self.hosts:
            told["hosts"] = {name: _host(host) for name, host in self.hosts.items()}
        if self.audio_bps:
            told["audio_bps"] = self.audio_bps
        return json.dumps(told)


def _host(host: Host) -> dict[str, object]:
    return {
        "trace": _digest(host.trace),
        "rtt_us": _digest(host.rtt_us),
        "think_us": host.think_us,
        "faults": [asdict(fault) for fault in host.faults],
    }


def _digest(value: Trace | int | None) -> str | int | None:
    if not isinstance(value, Trace):
        return value
    said = repr(value).encode()
    return blake2b(said, digest_size=8).hexdigest()
