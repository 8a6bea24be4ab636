"""A frozen view of a Session, for screens and tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netplay.core.messages import Track

__all__ = ["Bookmark", "LaneStatus", "State", "Status"]

State = Literal["opening", "starting", "playing", "paused", "seeking", "stalled", "ended", "failed"]


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a viewer was, and with what: enough to go on there later.

    Attributes:
        position_us: On the presentation's timeline.
        sets: Ids of the AdaptationSets that were playing.
    """

    position_us: int
    sets: tuple[str, ...] = ()
    audio_languages: tuple[str, ...] = ()
    text_languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One track of a Status.

    Attributes:
        representation: Whose segment the playhead is in; "" if none is held there.
        rung: Its place in the ladder; -1.
        rungs: How many the ladder has.
        buffered_us: (start, end) of every stretch held.
        ahead_us: Media held ahead of the playhead without a hole.
        fetching: The Representation being fetched; "".
        host: From where; "".
        hardware: Who decodes; "" is software.
    """

    track: Track
    representation: str
    rung: int
    rungs: int
    bitrate_bps: int
    height: int | None
    buffered_us: tuple[tuple[int, int], ...]
    ahead_us: int
    generation: int
    fetching: str = ""
    host: str = ""
    hardware: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """What a Session is doing.

    Attributes:
        duration_us: Length; None if not known.
        ahead_us: Media held ahead in the lane that has least.
        throughput_bps: What the controller believes the link gives; None: nothing yet.
        reason: Why the controller chose its last rung.
        stalls: So far.
    """

    state: State
    position_us: int
    duration_us: int | None
    ahead_us: int
    rate: float
    throughput_bps: float | None
    reason: str
    stalls: int
    lanes: tuple[LaneStatus, ...]
    bookmark: Bookmark

    def lane(self, track: Track) -> LaneStatus | None:
        """Return one track's status; None if it is not played."""
        return next((lane for lane in self.lanes if lane.track == track), None)
