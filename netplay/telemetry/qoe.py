"""Quality of experience: one session summed up, as it goes or from its log.

A summary is a fold over the events and actions, so a simulation, a playback and a log of
either are summed up by the same code. Only totals are kept, so an hour costs what a
minute does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from abr.contract import Played
from netplay.core.messages import (
    DecodeFailed,
    Fail,
    Finish,
    Hold,
    Play,
    Removed,
    Rendered,
    Sought,
)
from netplay.telemetry.shown import Screen
from netplay.telemetry.startup import StartupClock
from netplay.telemetry.summary import Summary
from netplay.telemetry.traffic import Traffic
from netplay.telemetry.wire import Message

__all__ = ["Qoe", "played", "summarise"]


_TAKES = frozenset((Rendered, Play, Hold, Sought, DecodeFailed, Removed, Fail, Finish))


class Qoe:
    """A tap that sums up a session; ask for the summary whenever you like."""

    def __init__(self) -> None:
        self._startup = StartupClock()
        self._screen = Screen()
        self._traffic = Traffic()
        self._now_us = 0
        self._moving_since_us: int | None = None
        self._played_us = 0
        self._seeks = 0
        self._sought_us: int | None = None
        self._seek_wait_us = 0
        self._frames_shown = 0
        self._frames_dropped = 0
        self._offsets = 0
        self._offset_sum_us = 0
        self._offset_max_us = 0
        self._removed = 0
        self._decode_failures = 0
        self._errors: tuple[str, ...] = ()
        self._finished = False

    def __call__(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        self._now_us = now_us
        if not self._startup.done:
            self._startup.take(now_us, message)
        kind = type(message)
        if kind in Traffic.TAKES:
            self._traffic.take(message)
        if kind in Screen.TAKES:
            self._screen.take(now_us, message)
        if kind in _TAKES:
            self._take(now_us, message)

    def summary(self) -> Summary:
        """Return the summary up to the last message."""
        self._screen.now(self._now_us)
        shown = self._screen.shown
        played_us = self._played_us
        if self._moving_since_us is not None:
            played_us += max(0, self._now_us - self._moving_since_us)
        failures = self._traffic.failures
        return Summary(
            startup=self._startup.startup(),
            played_us=played_us,
            shown_us=shown.media_us,
            stalls=self._screen.stalls,
            stalled_us=self._screen.stalled_us,
            seeks=self._seeks,
            seek_wait_us=self._seek_wait_us,
            bitrate_bps=_mean(shown.bits, shown.media_us),
            height=_mean(shown.height_us, shown.height_weight_us),
            quality=_mean(shown.quality_us, shown.quality_weight_us),
            switches_up=shown.switches_up,
            switches_down=shown.switches_down,
            bytes_by_host=self._traffic.bytes_by_host(),
            requests_by_host=dict(self._traffic.requests),
            failures={host: dict(kinds) for host, kinds in failures.items()},
            cancelled=self._traffic.cancelled,
            frames_shown=self._frames_shown,
            frames_dropped=self._frames_dropped,
            av_offset_mean_us=_mean(self._offset_sum_us, self._offsets),
            av_offset_max_us=self._offset_max_us if self._offsets else None,
            removed=self._removed,
            decode_failures=self._decode_failures,
            errors=self._errors,
            finished=self._finished,
        )

    def played(self) -> list[Played]:
        """Return, and forget, what was shown to its end since the last call."""
        return self._screen.collect()

    def close(self) -> list[Played]:
        """Return the rest of what was shown, what was shown in part included."""
        self._screen.close(self._now_us)
        return self._screen.collect()

    def _take(self, now_us: int, message: Message) -> None:
        match message:
            case Rendered():
                self._rendered(message)
            case Play(at_us=at_us):
                self._rested(at_us)
                self._moving_since_us = at_us
                if self._sought_us is not None:
                    self._seek_wait_us += max(0, at_us - self._sought_us)
                    self._sought_us = None
            case Hold(why=why):
                self._rested(now_us)
                if why in ("pause", "end"):
                    self._sought_us = None
            case Sought():
                self._seeks += 1
                self._sought_us = now_us
                self._finished = False
            case DecodeFailed():
                self._decode_failures += 1
            case Removed():
                self._removed += 1
            case Fail():
                self._rested(now_us)
                tried = "; ".join(f"{who}: {what}" for who, what in message.attempts)
                told = f"{message.error}: {message.what}" + (f" ({tried})" if tried else "")
                self._errors = (*self._errors, told)
            case Finish():
                self._rested(now_us)
                self._finished = True

    def _rendered(self, event: Rendered) -> None:
        if event.track == "video":
            self._frames_shown += event.frames
            self._frames_dropped += event.dropped
        if event.av_offset_us is not None:
            self._offsets += 1
            self._offset_sum_us += abs(event.av_offset_us)
            self._offset_max_us = max(self._offset_max_us, abs(event.av_offset_us))

    def _rested(self, at_us: int) -> None:
        if self._moving_since_us is not None:
            self._played_us += max(0, at_us - self._moving_since_us)
            self._moving_since_us = None


def summarise(messages: Iterable[tuple[int, Message]]) -> Summary:
    """Return the summary of a session, from its (now, message) stream."""
    qoe = Qoe()
    for now_us, message in messages:
        qoe(now_us, message)
    return qoe.summary()


def played(messages: Iterable[tuple[int, Message]]) -> Iterator[Played]:
    """Yield what a session showed, segment by segment, from its (now, message) stream."""
    qoe = Qoe()
    for now_us, message in messages:
        qoe(now_us, message)
        yield from qoe.played()
    yield from qoe.close()


def _mean(total: float, weight: int) -> float | None:
    return total / weight if weight else None
