"""Whether a lane may hold more: how much media is aimed at, and how much fits.

A lane without room says where the playhead must be before there is some, so that it is
looked at again at that very moment. How long a lane was held back is kept, because a full
buffer tells a controller that the link is better than the buffer shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from netplay.core.lane import Lane
from netplay.core.messages import Track
from netplay.core.playback import Playback
from netplay.core.rules import SessionRules
from netplay.segments import Segment

__all__ = ["Room"]


class Room:
    """Holds lanes back that have enough."""

    def __init__(
        self, lanes: Mapping[Track, Lane], playback: Playback, rules: SessionRules
    ) -> None:
        self._lanes = lanes
        self._playback = playback
        self._rules = rules
        # Positions of the playhead at which a full lane has room again.
        self._room_at: dict[Track, int] = {}
        # What other lanes give up may make room before that.
        self._is_crowded = False

    def look_anew(self) -> None:
        """Forget which lanes are full: all of them are about to be looked at."""
        self._room_at.clear()
        self._is_crowded = False

    def holds(self, lane: Lane) -> bool:
        """Whether a lane is full, and it is known until when."""
        return lane.track in self._room_at and not self._is_crowded

    def has_enough(self, lane: Lane, planned_us: int, position_us: int, now_us: int) -> bool:
        """Whether a lane holds as much as is aimed at."""
        if planned_us - position_us < self._rules.target_us:
            return False
        self._hold_back(lane, planned_us - self._rules.target_us + 1, now_us)
        return True

    def fits(self, lane: Lane, segment: Segment, at_us: int, position_us: int, now_us: int) -> bool:
        """Whether a segment fits behind what a lane holds up to a position."""
        ahead_us = at_us - position_us
        over_us = ahead_us + segment.duration_us - self._rules.max_buffer_us
        if over_us > 0 and ahead_us > 0:
            self._hold_back(lane, position_us + min(over_us, ahead_us), now_us)
            return False
        held_bytes = 0
        for other in self._lanes.values():
            held_bytes += other.buffer.ahead_bytes(position_us)
        if held_bytes + (segment.size_bytes or 0) > self._rules.max_buffer_bytes and ahead_us > 0:
            self._is_crowded = True
            span = lane.buffer.at(position_us)
            self._hold_back(lane, span.end_us if span is not None else at_us, now_us)
            return False
        lane.has_room(now_us)
        return True

    def wakeups_us(self) -> list[int]:
        """Return when full lanes have room again, as far as time alone brings it."""
        playhead = self._playback.playhead
        if not playhead.moving:
            return []
        return [playhead.arrives_at(position_us) for position_us in self._room_at.values()]

    def _hold_back(self, lane: Lane, until_us: int, now_us: int) -> None:
        """Look at a lane again once the playhead is at a position."""
        lane.is_full(now_us)
        nap_us, playhead = self._rules.nap_us, self._playback.playhead
        if nap_us and playhead.moving:
            naps = -(-(playhead.arrives_at(until_us) - now_us) // nap_us)
            lane.choose_at_us = now_us + naps * nap_us
        else:
            self._room_at[lane.track] = until_us
