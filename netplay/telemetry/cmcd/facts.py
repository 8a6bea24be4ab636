"""What CMCD says of a session, followed from its events and actions.

Buffers are counted in whole segments: what is still arriving is not yet in them.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import ClassVar, Literal

from netplay.core.messages import (
    Cancel,
    Evict,
    Fail,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Hold,
    Opened,
    Play,
    Rendered,
    Resumed,
    Track,
)
from netplay.telemetry.cmcd.media import Media
from netplay.telemetry.cmcd.throughput import Throughput
from netplay.telemetry.wire import Message

__all__ = ["Facts", "PlayState"]

PlayState = Literal["d", "s", "p", "k", "r", "a", "e", "f"]
"""Preloading, starting, playing, seeking, rebuffering, paused, ended, failed."""

STALLS_KEPT = 32
"""Durations of the last stalls, for destinations that were not told of them yet."""

_RESTING: dict[str, PlayState] = {"seek": "k", "stall": "r", "pause": "a", "end": "e"}


class Facts:
    """Follows one title from Opened on.

    Attributes:
        state: As the viewer perceives it.
        stalls: So far; `stalled_ms` in all, `stall_ms` each of the last ones that ended.
        stalls_ended: How many of them are over.
        start_ms: From when playback was wanted until the playhead first moved; None: not yet.
        dropped_frames: Of video.
        errors: What playback failed of.
        settled: Since the last start, seek or stall the buffer has reached its target once.
    """

    TAKES: ClassVar = frozenset(
        (Resumed, Play, Hold, Fail, Finish, Fetch, Fetched, FetchFailed, Cancel, Evict, Rendered)
    )

    def __init__(self, opened: Opened | None = None, *, target_us: int = 30_000_000) -> None:
        self.media = Media(opened)
        self.link = Throughput(opened.network.throughput_bps if opened is not None else None)
        self.state: PlayState = "s" if opened is None or not opened.paused else "d"
        self.stalls = 0
        self.stalled_ms = 0
        self.stall_ms: deque[int] = deque(maxlen=STALLS_KEPT)
        self.stalls_ended = 0
        self.start_ms: int | None = None
        self.dropped_frames = 0
        self.errors: tuple[str, ...] = ()
        self.settled = False
        self.rate = Fraction(1)
        self.opened = opened
        self._target_us = target_us
        self._wanted_us = opened.asked_us if opened is not None and not opened.paused else None
        self._position_us = 0
        self._moving_since_us: int | None = None
        self._stalled_since_us: int | None = None
        self._fetches: dict[int, Fetch] = {}
        self._held: dict[Track, dict[int, tuple[int, int, str]]] = {}

    def take(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        self.media.take(message)
        self.link.take(now_us, message)
        if type(message) not in self.TAKES:
            return
        match message:
            case Fetch(fetch_id=fetch_id):
                self._fetches[fetch_id] = message
            case Fetched(fetch_id=fetch_id):
                self._fetched(fetch_id, now_us)
            case FetchFailed(fetch_id=fetch_id) | Cancel(fetch_id=int(fetch_id)):
                self._fetches.pop(fetch_id, None)
            case Evict(fetch_ids=fetch_ids):
                for held in self._held.values():
                    for fetch_id in fetch_ids:
                        held.pop(fetch_id, None)
            case Rendered(track="video", dropped=dropped):
                self.dropped_frames += dropped
            case _:
                self._moved(now_us, message)

    def position_us(self, now_us: int) -> int:
        """Return where the playhead is."""
        if self._moving_since_us is None or now_us <= self._moving_since_us:
            return self._position_us
        moved_us = (now_us - self._moving_since_us) * self.rate.numerator // self.rate.denominator
        return self._position_us + moved_us

    @property
    def moving(self) -> bool:
        """Whether the playhead moves."""
        return self._moving_since_us is not None

    def ahead_us(self, track: Track, now_us: int) -> int:
        """Return the media of one track that is held ahead of the playhead without a hole."""
        position_us = edge_us = self.position_us(now_us)
        for start_us, end_us, _ in sorted(self._held.get(track, {}).values()):
            if start_us > edge_us + 30_000:  # encoders cut tracks a frame or so apart
                break
            edge_us = max(edge_us, end_us)
        return edge_us - position_us

    def shown(self, track: Track, now_us: int) -> str:
        """Return the id of the Representation under the playhead; "" if none is held there."""
        position_us = self.position_us(now_us)
        for start_us, end_us, name in self._held.get(track, {}).values():
            if start_us <= position_us < end_us:
                return name
        return ""

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks of which media came, in a fixed order."""
        order: tuple[Track, ...] = ("video", "audio", "text")
        return tuple(track for track in order if track in self._held)

    def _fetched(self, fetch_id: int, now_us: int) -> None:
        fetch = self._fetches.pop(fetch_id, None)
        segment = self.media.segment(fetch) if fetch is not None else None
        if fetch is None or segment is None or fetch.init:
            return
        held = self._held.setdefault(fetch.track, {})
        held[fetch_id] = (segment.start_us, segment.end_us, fetch.representation)
        self.settled = self.settled or self._is_full(now_us)

    def _is_full(self, now_us: int) -> bool:
        """Whether every track has what it is to hold, or all that is left of it."""
        position_us = self.position_us(now_us)
        length_us = self.opened.presentation.duration_us if self.opened is not None else None
        wanted_us = self._target_us
        if length_us is not None:
            wanted_us = min(wanted_us, max(0, length_us - position_us - 30_000))
        playing = [track for track in self.tracks if track != "text"]
        return bool(playing) and all(self.ahead_us(one, now_us) >= wanted_us for one in playing)

    def _moved(self, now_us: int, message: Message) -> None:
        match message:
            case Resumed():
                if self._wanted_us is None:
                    self._wanted_us = now_us
                if self.state == "d":
                    self.state = "s"
            case Play(position_us=position_us, at_us=at_us, rate=rate):
                self._rest(at_us)
                self._position_us, self._moving_since_us, self.rate = position_us, at_us, rate
                if self.start_ms is None and self._wanted_us is not None:
                    self.start_ms = max(0, at_us - self._wanted_us) // 1000
                self.state = "p"
            case Hold():
                self._hold(now_us, message)
            case Fail(error=error):
                self._rest(now_us)
                self.state, self.errors = "f", (*self.errors, error)
            case Finish():
                self._rest(now_us)
                self.state = "e"

    def _hold(self, now_us: int, action: Hold) -> None:
        ended = action.why != "stall"
        if ended or self._stalled_since_us is None:
            self._rest(now_us)
        self._position_us, self._moving_since_us = action.position_us, None
        if action.why == "stall" and self._stalled_since_us is None:
            self.stalls += 1
            self._stalled_since_us = now_us
        if action.why in ("stall", "seek"):
            self.settled = False
        if action.why == "start":
            self.state = "d" if self._wanted_us is None else "s"
        else:
            self.state = _RESTING[action.why]

    def _rest(self, at_us: int) -> None:
        """The playhead stops where it is, and a stall is over."""
        self._position_us = self.position_us(at_us)
        self._moving_since_us = None
        if self._stalled_since_us is not None:
            stalled_ms = max(0, at_us - self._stalled_since_us) // 1000
            self.stalled_ms += stalled_ms
            self.stall_ms.append(stalled_ms)
            self.stalls_ended += 1
            self._stalled_since_us = None
