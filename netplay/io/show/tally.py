"""What was shown and what came too late, told to the Session rarely.

A Session wants to know that a lane runs, where the playhead is and whether the decoder
keeps up; it does not want to be called for every frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netplay.core.messages import DecodeLagged, Event, Rendered
from netplay.io.show.motion import Motion
from netplay.io.show.ready import Ready

__all__ = ["Tally"]

_RARELY_US = 250_000
_LAG_WINDOW_US = 1_000_000
"""Long enough that one hiccup is a small share, short enough to leave a rung in time."""


class Tally:
    """Counts one stream's frames, and emits Rendered and DecodeLagged for them."""

    def __init__(self, ready: Ready[Any], emit: Callable[[Event], None]) -> None:
        self._ready = ready
        self._emit = emit
        self._reported_us: int | None = None
        self._frames = 0
        self._dropped = 0
        self._emptied = False
        self._frame_us = 0
        self._av_offset_us: int | None = None
        self._window_from_us: int | None = None
        self._window_shown = 0
        self._window_dropped = 0

    @property
    def due_us(self) -> int | None:
        """When there is something to report; None: nothing is unreported."""
        if not self._frames or self._emptied:
            return None
        return 0 if self._reported_us is None else self._reported_us + _RARELY_US

    def show(self, frame_us: int, now_us: int, *, av_offset_us: int | None = None) -> None:
        """Count a frame that is shown now."""
        self._frames += 1
        self._emptied = False
        self._frame_us = frame_us
        self._av_offset_us = av_offset_us
        if self._window_from_us is None:
            self._window_from_us = now_us
        self._window_shown += 1

    def drop(self, now_us: int) -> None:
        """Count a frame that came too late."""
        self._dropped += 1
        if self._window_from_us is None:
            self._window_from_us = now_us
        self._window_dropped += 1

    def pass_over(self) -> None:
        """Count a frame that came when playback rested beyond it: no decoder is to blame."""
        self._dropped += 1

    def restart(self) -> None:
        """The lane was emptied: the next frame shown is its first.

        What was shown before and not told is counted with that one: told on its own it
        would pass for a frame of the new generation.
        """
        self._emptied = True
        self._reported_us = None
        self.interrupt()

    def tell_soon(self) -> None:
        """The playhead sets off or rests: what was shown, or is shown next, is told at once."""
        self._reported_us = None

    def interrupt(self) -> None:
        """The playhead stopped or jumped: what was late until now says nothing more."""
        self._window_from_us = None
        self._window_shown = self._window_dropped = 0

    def report(self, motion: Motion, now_us: int) -> None:
        """Emit what is due, if anything."""
        due_us = self.due_us
        if due_us is not None and now_us >= due_us:
            self._render(motion, now_us)
        from_us = self._window_from_us
        if from_us is not None and now_us - from_us >= _LAG_WINDOW_US:
            if self._window_dropped and self._ready.leads:
                self._emit(
                    DecodeLagged(
                        self._ready.track,
                        self._ready.generation,
                        self._window_dropped,
                        self._window_shown,
                        now_us - from_us,
                    )
                )
            self.interrupt()

    def _render(self, motion: Motion, now_us: int) -> None:
        if self._ready.leads:
            self._emit(
                Rendered(
                    self._ready.track,
                    self._ready.generation,
                    motion.position(now_us),
                    now_us,
                    self._frame_us,
                    frames=self._frames,
                    dropped=self._dropped,
                    av_offset_us=self._av_offset_us,
                )
            )
        self._frames = self._dropped = 0
        self._reported_us = now_us
