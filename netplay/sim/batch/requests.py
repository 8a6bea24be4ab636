"""Requests over many links, one at a time on each: when they are answered.

What `Network` and `Sharing` make of one request after the other to one host without faults,
in the same integers: microbits in parts, so that what is lost to rounding is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netplay.sim.batch.refusal import LockstepRefused
from netplay.sim.batch.traces import Floats, Ints, Places, Traces
from netplay.sim.profiles import Profile
from netplay.sim.sharing import PARTS
from netplay.sim.trace import Trace

__all__ = ["Links", "Requests"]

_BYTE = 8_000_000
"""Microbits."""

_FASTEST_BPS = 12_000_000_000
"""Of faster links a part of a microsecond is more parts of a microbit than a float counts."""


@dataclass(frozen=True, slots=True)
class Links:
    """A link for each session.

    Attributes:
        bandwidth: Bits a second.
        rtt_us: Round trips.
    """

    bandwidth: Traces
    rtt_us: Traces

    def __post_init__(self) -> None:
        """Refuse links of which some have no round trip."""
        if len(self.rtt_us) != len(self.bandwidth):
            raise ValueError(f"{len(self.bandwidth)} links have {len(self.rtt_us)} round trips")


class Requests:
    """One request after the other on each link, as a profile's link answers them.

    Attributes:
        bandwidth: What is left of the links for what is asked for.
    """

    def __init__(self, links: Links, profile: Profile) -> None:
        self.bandwidth = links.bandwidth.times(profile.payload)
        if len(self.bandwidth.dead):
            raise LockstepRefused(f"link {self.bandwidth.dead[0]} never carries anything")
        self._rtts_us = links.rtt_us
        self._rtt_us = links.rtt_us.constants()
        if profile.loses_no_time and self.bandwidth.values.max() >= _FASTEST_BPS:
            raise LockstepRefused("a link carries 12 Gb/s or more")
        link = profile.link(Trace.constant(1), 0)
        self._header = link.header_bytes * _BYTE
        self._keep_us = link.keep_us
        self._connect_rtts = link.connect_rtts
        self._rtt_stops_trace = link.rtt_stops_trace
        self._loses_no_time = link.loses_no_time
        count = len(links.bandwidth)
        # By how much each trace's clock is behind.
        self._behind_us: Ints | None = None
        if link.rtt_stops_trace:
            self._behind_us = np.zeros(count, dtype=np.int64)
        # When the last request ended, and how much before that in truth.
        self._ended_us: Ints | None = None
        self._spare_us: Floats = np.zeros(count)

    def fetch(self, asked_us: Ints, size_bytes: Ints) -> tuple[Ints, Ints]:
        """Ask for so many bytes in each session; return when the first and the last came."""
        first_us = asked_us + self._round_trips_us(asked_us)
        began_us = first_us
        if self._behind_us is not None:
            # The trace's clock stands still until the first byte comes.
            began_us = asked_us - self._behind_us
            self._behind_us = first_us - began_us
        places = self.bandwidth.places(began_us)
        early = self._early(asked_us, self.bandwidth.values[places.piece])
        done_us, spare_us = self._came(places, began_us, size_bytes * _BYTE + self._header, early)
        if self._header:
            first_us = self._came(places, began_us, self._header, early)[0]
        if self._behind_us is not None:
            done_us = done_us + self._behind_us
            first_us = first_us + self._behind_us if self._header else first_us
        self._ended_us, self._spare_us = done_us, spare_us
        return first_us, done_us

    def _round_trips_us(self, asked_us: Ints) -> Ints:
        """Return how long it takes until an answer begins."""
        rtt_us = self._rtt_us
        if rtt_us is None:
            rtt_us = self._rtts_us.at(asked_us)
        if not self._connect_rtts:
            return rtt_us
        if self._ended_us is None:
            return rtt_us * (1 + self._connect_rtts)
        closed = asked_us - self._ended_us > self._keep_us
        return rtt_us * (1 + self._connect_rtts * closed)

    def _early(self, asked_us: Ints, rate: Ints) -> Ints | None:
        """Return what came before the microsecond in which it began, in parts of a microbit.

        None: what came then is taken for lost.
        """
        if not self._loses_no_time:
            return None
        since_us = np.where(asked_us == self._ended_us, self._spare_us, 0.0)
        return (since_us * rate * PARTS).astype(np.int64)

    def _came(
        self, places: Places, began_us: Ints, microbits: Ints | int, early: Ints | None
    ) -> tuple[Ints, Floats]:
        """Return when so much had come, and how much before that in truth."""
        if early is None:
            return self.bandwidth.when(places, microbits).at_us, self._spare_us
        needed = microbits - early // PARTS
        at_once = needed <= 0
        came = self.bandwidth.when(places, np.maximum(needed, 1))
        at_us, rate = came.at_us, came.value
        over: Ints = came.beyond * PARTS + early % PARTS
        if at_once.any():
            at_us = np.where(at_once, began_us, at_us)
            over = np.where(at_once, early - microbits * PARTS, over)
            rate = np.where(at_once, self.bandwidth.at(np.maximum(began_us - 1, 0)), rate)
        return at_us, np.where(rate > 0, over / (np.maximum(rate, 1) * PARTS), 0.0)
