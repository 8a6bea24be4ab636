"""Other players' behaviour, as data: what their simulators do where netplay does otherwise.

A profile is rules for the Session, what the link is like, and when downloads are looked at.
Nothing branches on it: the same Session plays by other numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from abr.contract import Controller
from netplay.core.rules import SessionRules
from netplay.sim.link import Link
from netplay.sim.looks import Looks, OnLooks
from netplay.sim.output import Decoding
from netplay.sim.trace import Trace

__all__ = ["PROFILES", "Profile", "profile"]

_FOR_EVER_US: Final = 1 << 60
"""36,000 years: a rule that is to have no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How a player behaves, and what it takes a link to be.

    Attributes:
        rules: Of the Session.
        payload: Share of the link that is left for what was asked for.
        connect_rtts, header_bytes, tells_headers, rtt_stops_trace, loses_no_time: Of the Link.
        looks: When a download is looked at; None: whenever the controller wants.
        decoding: Of the device.
    """

    name: str
    rules: SessionRules = field(default_factory=SessionRules)
    payload: Fraction = Fraction(1)
    connect_rtts: int = 2
    header_bytes: int = 300
    tells_headers: bool = True
    rtt_stops_trace: bool = False
    loses_no_time: bool = False
    looks: Looks | None = None
    decoding: Decoding = field(default_factory=Decoding)

    def link(self, trace: Trace, rtt_us: int | Trace) -> Link:
        """Return a link that carries a trace, as this player's simulator takes it."""
        if self.payload != 1:
            pieces = [(us, round(bps * self.payload)) for us, bps in trace.pieces]
            trace = Trace(pieces, repeats=trace.repeats)
        return Link(
            trace=trace,
            rtt_us=rtt_us,
            connect_rtts=self.connect_rtts,
            header_bytes=self.header_bytes,
            tells_headers=self.tells_headers,
            rtt_stops_trace=self.rtt_stops_trace,
            loses_no_time=self.loses_no_time,
        )

    def controller(self, controller: Controller, link: Link) -> Controller:
        """Return a controller as this player asks it about downloads."""
        if self.looks is None or not self.rules.abandons:
            return controller
        return OnLooks(controller, self.looks, link)

    def buffering(self, buffer_us: int) -> Profile:
        """Return the same with another maximum buffer."""
        rules = self.rules
        if rules.max_buffer_us >= _FOR_EVER_US:
            # What is aimed at is the limit; a lane that holds just that much may go on.
            changed = replace(rules, target_us=buffer_us + 1)
        else:
            # Our own aims below what it may hold; a small buffer keeps the proportion.
            share = Fraction(rules.target_us, rules.max_buffer_us)
            changed = replace(rules, target_us=int(buffer_us * share), max_buffer_us=buffer_us)
        return replace(self, rules=changed)

    def keeping_downloads(self) -> Profile:
        """Return the same without leaving downloads half way."""
        return replace(self, rules=replace(self.rules, abandons=False))


_PATIENT = SessionRules(
    max_buffer_bytes=_FOR_EVER_US,
    back_us=0,
    start_us=1,
    rebuffer_us=1,
    patience_us=_FOR_EVER_US,
)
"""Starts and goes on with one segment, waits for a dead link, and counts no bytes."""

_SABRE = Profile(
    name="sabre",
    rules=replace(
        _PATIENT,
        target_us=25_000_000,
        max_buffer_us=25_000_000,
        first_rung=0,
        first_look_us=50_000,
        asks_anew=True,
        measures_left=False,
    ),
    connect_rtts=0,
    header_bytes=0,
    tells_headers=False,
    loses_no_time=True,
    looks=Looks(every_us=50_000, every_bits=12_000),
    decoding=Decoding(first_frame_us=0, tells_ends=False),
)
"""Sabre (Spiteri, Sitaraman, Sparacio, MMSys 2018): its buffer of 25 s, a segment as soon as
there is room for one, its looks at a download, and its defect: what a download was left for
is lost, and the rule is asked again."""

_PENSIEVE = Profile(
    name="pensieve",
    rules=replace(
        _PATIENT,
        # More than 60 s, not 60 s, sends it to sleep; what is fetched then goes on top.
        target_us=60_000_001,
        max_buffer_us=_FOR_EVER_US,
        first_rung=1,
        abandons=False,
        nap_us=500_000,
    ),
    payload=Fraction(95, 100),
    connect_rtts=0,
    header_bytes=0,
    tells_headers=False,
    loses_no_time=True,
    rtt_stops_trace=True,
    decoding=Decoding(first_frame_us=0, tells_ends=False),
)
"""Pensieve's environment (Mao et al., SIGCOMM 2017; env.py and fixed_env.py): 5 % of headers,
a round trip in which the trace stands still, a buffer of 60 s that is waited for in sleeps of
500 ms, and no download ever left."""

PROFILES: Final[dict[str, Profile]] = {
    one.name: one
    for one in (
        Profile(name="netplay"),
        _SABRE,
        replace(_SABRE, name="sabre-mended", rules=replace(_SABRE.rules, asks_anew=False)),
        _PENSIEVE,
    )
}
"""By name; "netplay" is our own player's."""


def profile(name: str) -> Profile:
    """Return a profile by name.

    Raises:
        ValueError: There is no such profile.
    """
    found = PROFILES.get(name)
    if found is None:
        raise ValueError(f"no profile is called {name!r}; there are {', '.join(PROFILES)}")
    return found
