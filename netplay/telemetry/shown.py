"""What was on the screen when: the actions say what was fed and where the playhead went.

A Feed puts a segment's stretch of the timeline in line, a Flush takes stretches back,
and as the playhead moves on they are shown. Only what is still ahead is kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from abr.contract import Played
from netplay.core.messages import Fail, Feed, Flush, Hold, Play
from netplay.telemetry.library import Library, RungOf
from netplay.telemetry.wire import Message

__all__ = ["Screen", "Shown"]


@dataclass(slots=True)
class _Stretch:
    start_us: int
    end_us: int
    rung: RungOf
    shown_us: int = 0


@dataclass(slots=True)
class Shown:
    """Totals of what was shown; `*_weight_us` is how much of it has the figure at all."""

    media_us: int = 0
    bits: int = 0
    height_us: int = 0
    height_weight_us: int = 0
    quality_us: float = 0.0
    quality_weight_us: int = 0
    switches_up: int = 0
    switches_down: int = 0


class Screen:
    """Follows the lane that a session is watched by: video, or audio where there is none.

    Attributes:
        shown: Totals so far.
        stalls: How often media ran out while the playhead moved.
        stalled_us: For how long in all.
    """

    TAKES: ClassVar = Library.TAKES | {Feed, Flush, Play, Hold, Fail}
    """The messages that it takes in; others say nothing of what is shown."""

    def __init__(self) -> None:
        self.shown = Shown()
        self.stalls = 0
        self.stalled_us = 0
        self._library = Library()
        self._ahead: deque[_Stretch] = deque()
        self._last: RungOf | None = None
        self._played: list[Played] = []
        self._position_us = 0
        self._moving_since_us: int | None = None
        self._rate = Fraction(1)
        self._stalled_since_us: int | None = None
        self._stall_to_tell_us = 0

    def take(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        self._library.take(message)
        match message:
            case Feed():
                self._feed(message)
            case Flush(track=track) if track == self._library.lane:
                self._flush(message, now_us)
            case Play():
                self._play(message, now_us)
            case Hold():
                self._hold(message, now_us)
            case Fail():
                self._advance(now_us)
                self._moving_since_us = None
                self._stall_ended(now_us)

    def collect(self) -> list[Played]:
        """Return, and forget, what was shown to its end since the last call."""
        collected, self._played = self._played, []
        return collected

    def now(self, now_us: int) -> None:
        """Take in that time has passed."""
        self._advance(now_us)
        if self._stalled_since_us is not None:
            self._count_stall(now_us)
            self._stalled_since_us = now_us

    def close(self, now_us: int) -> None:
        """Nothing more is shown: what was shown in part is to be collected too."""
        self.now(now_us)
        while self._ahead:
            self._end(self._ahead.popleft())

    def _feed(self, action: Feed) -> None:
        """A segment is in line to be shown."""
        found = self._library.of_fetch(action.fetch_id)
        if found is None:
            return  # of a lane that nobody watches
        rung, segment = found
        start_us = max(segment.start_us, action.from_us)
        end_us = segment.end_us
        if action.until_us is not None:
            end_us = min(end_us, action.until_us)
        if end_us > start_us:
            self._ahead.append(_Stretch(start_us, end_us, rung))

    def _flush(self, action: Flush, now_us: int) -> None:
        """What begins after a position is not shown after all."""
        self._advance(now_us)
        from_us = action.from_us
        while self._ahead and (from_us is None or self._ahead[-1].end_us > from_us):
            last = self._ahead[-1]
            if from_us is not None and last.start_us < from_us:
                last.end_us = from_us
                break
            self._end(self._ahead.pop())

    def _play(self, action: Play, now_us: int) -> None:
        """The playhead moves on from a position."""
        self._advance(max(now_us, action.at_us))
        self._stall_ended(action.at_us)
        self._jump(action.position_us)
        self._rate = action.rate
        self._moving_since_us = action.at_us

    def _hold(self, action: Hold, now_us: int) -> None:
        """The playhead rests at a position."""
        if action.why != "seek" and self._moving_since_us is not None:
            # The Session follows the sink's clock; where it rests is where it truly is.
            self._show_until(action.position_us)
            self._moving_since_us = None
        self._advance(now_us)
        self._moving_since_us = None
        if action.why != "stall":
            self._stall_ended(now_us)
        elif self._stalled_since_us is None:
            self.stalls += 1
            self._stalled_since_us = now_us
        self._jump(action.position_us)

    def _advance(self, now_us: int) -> None:
        """Move on to where the playhead is by now."""
        since_us = self._moving_since_us
        if since_us is None or now_us <= since_us:
            return
        moved_us = (now_us - since_us) * self._rate.numerator // self._rate.denominator
        self._show_until(self._position_us + moved_us)

    def _show_until(self, position_us: int) -> None:
        while self._ahead and self._ahead[0].start_us < position_us:
            stretch = self._ahead[0]
            fresh_us = min(stretch.end_us, position_us) - stretch.start_us - stretch.shown_us
            if fresh_us > 0:
                self._count(stretch, fresh_us)
            if position_us < stretch.end_us:
                return
            self._end(self._ahead.popleft())

    def _count(self, stretch: _Stretch, media_us: int) -> None:
        shown, rung = self.shown, stretch.rung
        if stretch.shown_us == 0:
            if self._last is not None and rung.bitrate_bps != self._last.bitrate_bps:
                if rung.bitrate_bps > self._last.bitrate_bps:
                    shown.switches_up += 1
                else:
                    shown.switches_down += 1
            self._last = rung
        stretch.shown_us += media_us
        shown.media_us += media_us
        shown.bits += rung.bitrate_bps * media_us
        if rung.height is not None:
            shown.height_us += rung.height * media_us
            shown.height_weight_us += media_us
        if rung.quality is not None:
            shown.quality_us += rung.quality * media_us
            shown.quality_weight_us += media_us

    def _jump(self, position_us: int) -> None:
        """Be at a position; what lies before it in line is never shown."""
        self._position_us = position_us
        while self._ahead and self._ahead[0].end_us <= position_us:
            self._end(self._ahead.popleft())
        if self._ahead:
            stretch = self._ahead[0]
            # What was skipped inside it counts as neither shown nor to be shown.
            passed_us = position_us - stretch.start_us - stretch.shown_us
            if passed_us > 0:
                stretch.start_us += passed_us

    def _end(self, stretch: _Stretch) -> None:
        if stretch.shown_us == 0:
            return
        rung = stretch.rung
        self._played.append(
            Played(
                rung=rung.place,
                bitrate_bps=rung.bitrate_bps,
                duration_s=stretch.shown_us / 1e6,
                stall_s=self._stall_to_tell_us / 1e6,
                quality=rung.quality,
                height=rung.height,
            )
        )
        self._stall_to_tell_us = 0

    def _stall_ended(self, at_us: int) -> None:
        if self._stalled_since_us is not None:
            self._count_stall(at_us)
            self._stalled_since_us = None

    def _count_stall(self, until_us: int) -> None:
        assert self._stalled_since_us is not None
        stalled_us = max(0, until_us - self._stalled_since_us)
        self.stalled_us += stalled_us
        self._stall_to_tell_us += stalled_us
