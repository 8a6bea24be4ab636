"""Shows each frame at its moment: what the viewer sees and hears is decided here.

The playhead is a function of the clock, so the moment of everything ready is known and
the presenter sleeps until the next one; new frames, a Play or a Hold wake it. With an
audio device its clock is master: the playhead follows what is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

import anyio

from netplay.core.messages import Event
from netplay.io.clock import Clock, SkippingClock
from netplay.io.show.courier import Courier
from netplay.io.show.frames import AudioBlock, Cue, VideoFrame
from netplay.io.show.motion import Motion
from netplay.io.show.ready import Ready
from netplay.io.show.sink import Sink
from netplay.io.show.tally import Tally
from netplay.io.show.tempo import Tempo
from netplay.io.source import Stream

__all__ = ["Presenter"]

_SLEW_WITHIN_US = 20_000
"""Sound and playhead further apart than this are brought together at once.

Closer, an eighth of the way at each frame: a jump of one frame time would be seen, and
under 20 ms of offset nobody notices (ITU-R BT.1359 puts detection at 45 ms).
"""

_SLEW_OVER_US = 500
"""Closer than this the device's own granularity is all there is to see."""

_LATE_SOUND_US = 100_000
"""Sound that is over for longer than this is dropped.

A block lasts some 20 ms, less than an event loop may once be busy. Played a little late
it is heard without a gap, and a device's clock then holds the playhead back; a guess at
how much of that is better than a gap.
"""


class Presenter:
    """Gives a sink what the playhead has reached.

    Args:
        video: What to show; `multiplexed`, `audio` and `text` likewise. Sound comes from
            the audio lane while that is fed, else from beside the picture.
        emit: Hears Rendered and DecodeLagged; called on the loop, never from `play`,
            `hold`, `flush` or `finish`.
    """

    def __init__(
        self,
        sink: Sink,
        clock: Clock,
        emit: Callable[[Event], None],
        *,
        video: Ready[VideoFrame],
        multiplexed: Ready[AudioBlock],
        audio: Ready[AudioBlock],
        text: Ready[Cue],
    ) -> None:
        self._sink = sink
        self._clock = clock
        self._courier = Courier(sink)
        # Nothing is late where time waits for the decoder.
        self._lossless = isinstance(clock, SkippingClock)
        self._video, self._text = video, text
        self._multiplexed, self._separate = multiplexed, audio
        self._tallies = {
            id(ready): Tally(ready, emit) for ready in (video, multiplexed, audio, text)
        }
        self._motion = Motion(0, 0, Fraction(0))
        self._set_off_us = 0
        self._changed = anyio.Event()
        self._shown: VideoFrame | None = None
        self._spares_next = True
        self._sounded_until_us: int | None = None
        self._tempo: Tempo | None = None
        self._cues: list[Cue] = []
        self._cues_changed = False

    # ── Orders ───────────────────────────────────────────────────────────────────────

    def play(self, position_us: int, at_us: int, rate: Fraction) -> None:
        """Move the playhead: at `at_us` it is at `position_us`, and goes on at `rate`."""
        now_us = self._clock.now_us()
        motion = Motion(position_us, at_us, rate)
        if abs(motion.position(now_us) - self._motion.position(now_us)) > _SLEW_WITHIN_US:
            self._interrupt()
        if not self._motion.rate:
            self._tell_soon()
        if rate != self._motion.rate:
            self._courier.call(partial(self._sink.move, rate))
            self._tempo = None
        self._motion = motion
        self._set_off_us = position_us
        self.wake()

    def hold(self, position_us: int) -> None:
        """Keep the playhead still, and show the frame that covers it."""
        if self._motion.rate:
            self._courier.call(partial(self._sink.move, Fraction(0)))
        self._motion = Motion(position_us, self._clock.now_us(), Fraction(0))
        self._spares_next = True
        self._interrupt()
        self._tell_soon()
        self.wake()

    def flush(
        self,
        stream: Stream,
        ready: Ready[VideoFrame] | Ready[AudioBlock] | Ready[Cue],
        from_us: int | None,
    ) -> None:
        """Forget what was given of a stream and not shown yet; its lane does the rest."""
        if from_us is None:
            self._tallies[id(ready)].restart()
        if stream == "video" and from_us is None:
            self._shown = None
            self._spares_next = True
        elif stream == "audio" and ready is self._sound:
            self._tempo = None
            self._sounded_until_us = None
        elif stream == "text":
            kept = [cue for cue in self._cues if from_us is not None and cue.position_us < from_us]
            self._cues_changed = self._cues_changed or kept != self._cues
            self._cues = kept
        self._courier.call(partial(self._sink.flush, stream, from_us))
        self.wake()

    def finish(self) -> None:
        """Playback is at its end: rest, with the last picture and without subtitles."""
        self.hold(self._motion.position(self._clock.now_us()))
        self._cues_changed = self._cues_changed or bool(self._cues)
        self._cues = []

    def wake(self) -> None:
        """Look again: something is ready, or was taken away."""
        self._changed.set()

    @property
    def motion(self) -> Motion:
        """Where the playhead is, by the master clock."""
        return self._motion

    # ── The loop ─────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Show what is due, until cancelled.

        Raises:
            SinkError: The sink raised.
        """
        async with self._courier:
            while True:
                self._changed = anyio.Event()
                # What was ordered comes before what is due: a sink that still played what
                # a Flush took away would say so, and the playhead would follow.
                await self._courier.deliver()
                due_us = self._step(self._clock.now_us())
                await self._courier.deliver()
                for tally in self._tallies.values():
                    tally.report(self._motion, self._clock.now_us())
                if not self._skips_to(due_us):
                    await self._clock.wait(self._changed, due_us)

    def _step(self, now_us: int) -> int | None:
        """Hand out what is due and return the next moment at which something will be."""
        self._follow(now_us)
        position_us = self._motion.position(now_us)
        if self._motion.moves(now_us):
            self._sound_until(position_us, now_us)
            self._show_moving(position_us, now_us)
        else:
            self._show_still(position_us, now_us)
        self._put_up(position_us, now_us)
        return self._next_us(now_us)

    def _next_us(self, now_us: int) -> int | None:
        """Return the next moment at which something is due; None if a change must come first."""
        positions: list[int] = []
        picture, sound, cue = self._video.head, self._sound.head, self._text.head
        if picture is not None:
            positions.append(picture.position_us)
        if sound is not None:
            positions.append(sound.position_us - self._ahead_us)
        if cue is not None:
            positions.append(cue.position_us)
        positions += [held.until_us for held in self._cues]
        # What is due already and was left where it is waits for something else to change.
        moments = [self._motion.arrives_at(position) for position in positions]
        moments += [tally.due_us for tally in self._tallies.values()]
        ahead = [moment for moment in moments if moment is not None and moment > now_us]
        if not self._motion.moves(now_us) and self._motion.rate:
            ahead.append(self._motion.at_us)
        return min(ahead, default=None)

    def _skips_to(self, due_us: int | None) -> bool:
        """Leave out the time until the next moment, if nothing but time is waited for."""
        clock = self._clock
        if not isinstance(clock, SkippingClock) or due_us is None or self._changed.is_set():
            return False
        if not self._motion.rate or not self._nothing_is_missing():
            return False
        clock.skip_to(due_us)
        return True

    def _nothing_is_missing(self) -> bool:
        """Return whether every lane that plays has its next frame ready."""
        lanes = (self._video, self._sound)
        return all(len(lane) or lane.finished or not lane.feeding for lane in lanes)

    def _tell_soon(self) -> None:
        for tally in self._tallies.values():
            tally.tell_soon()

    def _interrupt(self) -> None:
        for tally in self._tallies.values():
            tally.interrupt()

    # ── Sound ────────────────────────────────────────────────────────────────────────

    @property
    def _sound(self) -> Ready[AudioBlock]:
        return self._separate if self._separate.feeding else self._multiplexed

    @property
    def _ahead_us(self) -> int:
        """How much of the title the sink wants ahead, at the present rate."""
        rate = self._motion.rate
        return self._sink.audio_ahead_us * rate.numerator // rate.denominator

    def _follow(self, now_us: int) -> None:
        """Let the playhead follow what is heard."""
        if not self._motion.moves(now_us) or not self._courier.is_idle:
            return
        heard_us = self._sink.heard_us()
        if heard_us is None:
            return
        position_us = self._motion.position(now_us)
        apart_us = heard_us - position_us
        if abs(apart_us) > _SLEW_WITHIN_US:
            self._motion = Motion(heard_us, now_us, self._motion.rate)
        elif abs(apart_us) > _SLEW_OVER_US:
            self._motion = Motion(position_us + apart_us // 8, now_us, self._motion.rate)

    def _sound_until(self, position_us: int, now_us: int) -> None:
        sound, rate = self._sound, self._motion.rate
        tally = self._tallies[id(sound)]
        until_us = position_us + self._ahead_us
        while (block := sound.head) is not None and block.position_us <= until_us:
            sound.pop()
            if not Tempo.SLOWEST <= rate <= Tempo.FASTEST:
                # Muted: stretched any further it could not be understood.
                continue
            if block.until_us + _LATE_SOUND_US <= position_us and not self._lossless:
                tally.drop(now_us)
                continue
            for part in self._at_rate(block, rate):
                self._courier.call(partial(self._sink.audio, part))
            self._sounded_until_us = block.until_us
            tally.show(block.position_us, now_us)

    def _at_rate(self, block: AudioBlock, rate: Fraction) -> list[AudioBlock]:
        if rate == 1:
            return [block]
        if self._tempo is None:
            self._tempo = Tempo(rate)
        return self._tempo.stretch(block)

    # ── Pictures ─────────────────────────────────────────────────────────────────────

    def _show_moving(self, position_us: int, now_us: int) -> None:
        """Show the frame that is due; those whose successor is due too are late."""
        video = self._video
        while (frame := video.head) is not None and frame.position_us <= position_us:
            video.pop()
            if self._shown is not None and frame.position_us <= self._shown.position_us:
                # Its segment was taken back and comes again, from elsewhere: it was seen.
                continue
            if frame.until_us <= self._set_off_us:
                # The playhead went past it in a jump; it was never due.
                continue
            late = frame.until_us <= position_us
            if late and not self._lossless and not self._spares_next:
                self._tallies[id(video)].drop(now_us)
                continue
            self._show(frame, now_us, self._sound_ahead_us(frame, position_us))

    def _show_still(self, position_us: int, now_us: int) -> None:
        """Show the frame that covers the position, if it is not the one that is shown."""
        video, shown = self._video, self._shown
        if shown is not None and shown.position_us <= position_us < shown.until_us:
            return
        while (frame := video.head) is not None and frame.until_us <= position_us:
            if len(video) == 1:
                if video.finished:
                    # Past the end of the title: its last frame is as near as can be.
                    self._show(video.pop(), now_us, None)
                return
            self._pass_over(video.pop(), now_us)
        if frame is None:
            return
        # With nothing on the screen the next frame there is must do, as where media begins
        # a little after the position; else what is shown stays until the playhead moves.
        if frame.position_us <= position_us or shown is None:
            self._show(video.pop(), now_us, None)

    def _pass_over(self, frame: VideoFrame, now_us: int) -> None:
        """Leave out a frame that playback rests beyond, unless no frame may be lost."""
        if self._shown is None or frame.position_us <= self._shown.position_us:
            return  # on the way to where the viewer sought, or seen before
        if self._lossless:
            self._show(frame, now_us, None)
        else:
            self._tallies[id(self._video)].pass_over()

    def _show(self, frame: VideoFrame, now_us: int, av_offset_us: int | None) -> None:
        self._courier.call(partial(self._sink.video, frame))
        self._shown = frame
        self._spares_next = False
        self._tallies[id(self._video)].show(frame.position_us, now_us, av_offset_us=av_offset_us)

    def _sound_ahead_us(self, frame: VideoFrame, position_us: int) -> int | None:
        """Return how far what is heard now is ahead of a picture shown now.

        Without a device's clock, sound is taken to be heard at its moment as long as it
        was handed over by then.
        """
        heard_us = self._sink.heard_us()
        if heard_us is not None:
            return heard_us - frame.position_us
        until_us = self._sounded_until_us
        if until_us is None or until_us < position_us:
            return None
        return position_us - frame.position_us

    # ── Subtitles ────────────────────────────────────────────────────────────────────

    def _put_up(self, position_us: int, now_us: int) -> None:
        held = len(self._cues)
        self._cues = [cue for cue in self._cues if cue.until_us > position_us]
        changed = self._cues_changed or len(self._cues) != held
        while (cue := self._text.head) is not None and cue.position_us <= position_us:
            self._text.pop()
            # The next segment tells again of a cue that lasts into it.
            if cue.until_us > position_us and not any(_same(cue, up) for up in self._cues):
                self._cues.append(cue)
                self._tallies[id(self._text)].show(cue.position_us, now_us)
                changed = True
        if changed:
            self._courier.call(partial(self._sink.text, tuple(self._cues)))
        self._cues_changed = False


def _same(cue: Cue, other: Cue) -> bool:
    """Return whether two segments tell of one cue."""
    mine = (cue.position_us, cue.until_us, cue.text)
    return mine == (other.position_us, other.until_us, other.text)
