"""Decoders and screen of a simulated device: what Feeds become, and when.

A lane decodes what it is fed in order, a little ahead of the playhead, as fast as the
media comes; only the first frame after a start takes time of its own. What a real device
tells rarely, this one tells at the same occasions: a lane's first frame, the end of a
Feed, the playhead crossing one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import assert_never

from netplay.core.messages import Decoded, Event, Feed, Flush, Hold, Play, Rendered, Track
from netplay.core.playhead import Playhead

__all__ = ["Decoding", "Media", "Output"]

_AUDIO_FRAME_US = 21_333
"""1,024 samples at 48 kHz, an AAC frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How a simulated device decodes.

    Attributes:
        first_frame_us: From the first decodable media to the first frame. Measured with
            PyAV: 3 to 7 ms a 1080p frame; opening the decoder and B-frames make it 20.
        held_us: Of the picture, how much a decoder takes in before the first frame comes out
            of it: B-frames are sent in another order than they are shown in.
        ahead_us: Frames are kept ready this far ahead of the playhead.
        tells_ends: It tells when it has decoded, and shown, each Feed to its end; else only
            of the first frame and of the last Feed. A Session decides the same either way,
            as the playhead is no other than it thinks, and has half as much to listen to.
    """

    first_frame_us: int = 20_000
    held_us: int = 0
    ahead_us: int = 250_000
    tells_ends: bool = True


@dataclass(frozen=True, slots=True)
class Media:
    """What a fetch has brought so far, in media time.

    Attributes:
        from_us: Its first timestamp.
        until_us: Decodable up to here; equal to from_us if nothing is.
        is_complete: There is no more.
        frame_us: How long one frame lasts.
    """

    from_us: int
    until_us: int
    is_complete: bool
    frame_us: int


@dataclass(slots=True)
class _Lane:
    track: Track
    generation: int = 0
    feeds: deque[Feed] = field(default_factory=deque)
    first_due_us: int | None = None
    ready_from_us: int | None = None
    ready_until_us: int = 0
    frame_us: int = 40_000
    is_shown: bool = False
    frames: int = 0
    ends_us: deque[int] = field(default_factory=deque)

    @property
    def is_quiet(self) -> bool:
        """Nothing will be ready, or shown, before it is fed."""
        return self.is_shown and not self.feeds and not self.ends_us


class Output:
    """The lanes of one device, and the playhead they follow.

    Args:
        media: What a fetch has brought, by its id; None if it was lost.
    """

    def __init__(self, decoding: Decoding, media: Callable[[int], Media | None]) -> None:
        self._decoding = decoding
        self._media = media
        self._lanes: dict[Track, _Lane] = {}
        self._playhead = Playhead()

    def perform(self, action: Feed | Flush | Play | Hold) -> None:
        """Do what the Session ordered."""
        match action:
            case Feed():
                self._feed(action)
            case Flush():
                self._flush(action)
            case Play():
                self._playhead = Playhead(action.position_us, action.rate)
                self._playhead.start(action.at_us)
            case Hold():
                self._playhead = Playhead(action.position_us, self._playhead.rate)
            case _:
                assert_never(action)

    def _feed(self, action: Feed) -> None:
        """Decode a segment behind those fed before."""
        lane = self._lanes.setdefault(action.track, _Lane(action.track))
        lane.generation = action.generation
        if not lane.feeds and self._goes_by(lane, action):
            return
        lane.feeds.append(action)

    def _goes_by(self, lane: _Lane, feed: Feed) -> bool:
        """Decode a Feed at once if it is whole and nobody is to hear of it; whether it was."""
        media = self._media(feed.fetch_id)
        if media is None or not media.is_complete or not self._is_untold(feed):
            return False
        if lane.ready_from_us is None:
            return False  # its first frame is told of
        lane.ready_until_us = max(lane.ready_until_us, _span(feed, media)[1])
        return True

    def _flush(self, action: Flush) -> None:
        """Forget what begins at a position or later; None: everything."""
        lane = self._lanes.setdefault(action.track, _Lane(action.track))
        lane.generation = action.generation
        lane.first_due_us = None
        from_us, ready_us = action.from_us, lane.ready_from_us
        feeds, lane.feeds = lane.feeds, deque()
        # What comes next is told of as the first again, whatever is still to be shown.
        lane.ready_from_us = None
        if from_us is None:
            lane.ends_us.clear()
            lane.is_shown = False
            return
        lane.ends_us = deque(end_us for end_us in lane.ends_us if end_us <= from_us)
        if feeds and ready_us is not None and ready_us < from_us:
            begun = feeds[0]
            lane.feeds.append(
                replace(
                    begun,
                    from_us=max(begun.from_us, min(lane.ready_until_us, from_us)),
                    until_us=min(from_us, begun.until_us or from_us),
                )
            )

    def next_us(self, now_us: int) -> int | None:
        """Return when something will be ready or shown; None: something else must come first."""
        soonest: int | None = None
        for lane in self._lanes.values():
            if lane.is_quiet:
                continue
            for due_us in (self._ready_at_us(lane, now_us), self._shows_at_us(lane, now_us)):
                if due_us is not None and (soonest is None or due_us < soonest):
                    soonest = due_us
        return soonest

    def advance(self, now_us: int) -> list[Event]:
        """Return what is ready and what is shown by now."""
        events: list[Event] = []
        for lane in self._lanes.values():
            if lane.is_quiet:
                continue
            while (due_us := self._ready_at_us(lane, now_us)) is not None and due_us <= now_us:
                events += self._decode(lane, now_us)
            while (due_us := self._shows_at_us(lane, now_us)) is not None and due_us <= now_us:
                events += self._show(lane, now_us)
        return events

    def _ready_at_us(self, lane: _Lane, now_us: int) -> int | None:
        """Return when the first frame is ready, or the last one of the Feed in hand."""
        feed, media = self._head(lane)
        if feed is None or media is None:
            return None
        start_us, end_us = _span(feed, media)
        if lane.ready_from_us is None and end_us > start_us:
            held_us = self._decoding.held_us if lane.track == "video" else 0
            if end_us - start_us <= held_us and not media.is_complete:
                return None
            if lane.first_due_us is None:
                lane.first_due_us = now_us + self._decoding.first_frame_us
            return lane.first_due_us
        if not media.is_complete:
            return None
        if self._is_untold(feed):
            return now_us
        return self._reaches_us(end_us - self._decoding.ahead_us, now_us)

    def _decode(self, lane: _Lane, now_us: int) -> list[Event]:
        """Return that the first frame is ready, or that the Feed in hand is at its end."""
        feed, media = self._head(lane)
        assert feed is not None
        assert media is not None
        start_us, end_us = _span(feed, media)
        if lane.ready_from_us is None and end_us > start_us:
            lane.frame_us = _AUDIO_FRAME_US if lane.track == "audio" else media.frame_us
            lane.ready_from_us = start_us
            lane.frames = 0
            ahead_us = self._playhead.position_us(now_us) + self._decoding.ahead_us
            until_us = min(end_us, max(ahead_us, start_us + lane.frame_us))
            lane.ready_until_us = until_us
            return [Decoded(lane.track, lane.generation, start_us, until_us)]
        lane.feeds.popleft()
        lane.ready_until_us = max(lane.ready_until_us, end_us)
        if self._is_untold(feed):
            return []
        from_us = start_us if lane.ready_from_us is None else lane.ready_from_us
        lane.ends_us.append(end_us)
        decoded = Decoded(
            lane.track, lane.generation, from_us, lane.ready_until_us, finished=feed.last
        )
        return [decoded]

    def _shows_at_us(self, lane: _Lane, now_us: int) -> int | None:
        """Return when there is something to tell of what is shown."""
        if lane.track == "text" or lane.ready_from_us is None:
            return None
        if not lane.is_shown:
            if lane.track == "video":
                return now_us  # a picture is shown also where the playhead rests
            return self._reaches_us(lane.ready_from_us, now_us) if self._playhead.moving else None
        if not lane.ends_us or not self._playhead.moving:
            return None
        return self._reaches_us(lane.ends_us[0], now_us)

    def _show(self, lane: _Lane, now_us: int) -> list[Event]:
        if lane.is_shown:
            lane.ends_us.popleft()
        lane.is_shown = True
        assert lane.ready_from_us is not None
        position_us = self._playhead.position_us(now_us)
        covered_us = min(position_us, lane.ready_until_us - 1) - lane.ready_from_us
        place = max(0, covered_us // lane.frame_us)
        frames, lane.frames = place + 1 - lane.frames, place + 1
        frame_us = lane.ready_from_us + place * lane.frame_us
        # At an end that was met exactly the next frame may not be there yet: nothing new.
        return [Rendered(lane.track, lane.generation, position_us, now_us, frame_us, frames=frames)]

    def _is_untold(self, feed: Feed) -> bool:
        """Whether nothing is said of a Feed's end."""
        return not (self._decoding.tells_ends or feed.last)

    def _head(self, lane: _Lane) -> tuple[Feed | None, Media | None]:
        if not lane.feeds:
            return None, None
        return lane.feeds[0], self._media(lane.feeds[0].fetch_id)

    def _reaches_us(self, position_us: int, now_us: int) -> int | None:
        """Return when the playhead is at a position; None if it rests before it."""
        if self._playhead.moving:
            return max(now_us, self._playhead.arrives_at(position_us))
        return now_us if self._playhead.position_us(now_us) >= position_us else None


def _span(feed: Feed, media: Media) -> tuple[int, int]:
    """Return where the frames of a Feed begin and end that are to be shown and have come."""
    start_us = media.from_us + feed.offset_us
    end_us = media.until_us + feed.offset_us
    if start_us < feed.from_us:
        # The frame that covers the position is the first one shown.
        start_us += (feed.from_us - start_us) // media.frame_us * media.frame_us
    if feed.until_us is not None:
        end_us = min(end_us, feed.until_us)
    return start_us, end_us
