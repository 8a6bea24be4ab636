"""Where the time went before the first frame.

The way to the first frame is a row of milestones, each of which waits for the one
before: asked, manifest read, first segment asked for, first byte, init segment, first
decodable media, first frame. A phase is the time between two of them. Work that ran in
parallel counts in the phase that waited for it longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from netplay.core.messages import (
    Cancel,
    Fetch,
    Fetched,
    FetchFailed,
    Opened,
    Play,
    Progressed,
    Rendered,
    Resumed,
    Track,
)
from netplay.telemetry.wire import Message

__all__ = ["Startup", "StartupClock"]


@dataclass(frozen=True, slots=True)
class Startup:
    """How long each phase of starting took, and what the viewer waited.

    Attributes:
        manifest_us: From the app's asking to the manifest read.
        index_us: To the first request for media: playlists or sidx on the way; else 0.
        first_bytes_us: To the first byte of an answer: connecting and the server.
        init_us: To the whole init segment.
        first_segment_us: To the first media that can be decoded.
        decode_us: To the first frame shown.
        wait_us: From when the viewer wanted playback (asked for it, or resumed what was
            opened paused) until the first frame is shown and the playhead moves; None
            while it does not.
    """

    manifest_us: int
    index_us: int
    first_bytes_us: int
    init_us: int
    first_segment_us: int
    decode_us: int
    wait_us: int | None

    @property
    def first_frame_us(self) -> int:
        """From the app's asking to the first frame shown: the sum of the phases."""
        return (
            self.manifest_us
            + self.index_us
            + self.first_bytes_us
            + self.init_us
            + self.first_segment_us
            + self.decode_us
        )


@dataclass(slots=True)
class _Milestones:
    asked_us: int | None = None
    first_byte_us: int | None = None
    init_us: int | None = None
    media_us: int | None = None
    frame_us: int | None = None


class StartupClock:
    """Takes the time of every milestone, once."""

    def __init__(self) -> None:
        self.done = False
        self._asked_us = 0
        self._opened_us = 0
        self._wanted_us: int | None = None
        self._moved_us: int | None = None
        self._lanes: dict[Track, _Milestones] = {}
        self._fetches: dict[int, Fetch] = {}

    def take(self, now_us: int, message: Message) -> None:
        """Take in one event or action; nothing more once it is done."""
        match message:
            case Opened():
                self._asked_us, self._opened_us = message.asked_us, now_us
                self._wanted_us = None if message.paused else message.asked_us
            case Resumed() if self._wanted_us is None:
                self._wanted_us = now_us
            case Play() if self._moved_us is None:
                self._moved_us = message.at_us
            case Fetch():
                self._fetches[message.fetch_id] = message
                lane = self._lanes.setdefault(message.track, _Milestones())
                if lane.asked_us is None:
                    lane.asked_us = now_us
            case Progressed():
                self._received(message)
            case Fetched():
                self._received(message)
                self._fetches.pop(message.fetch_id, None)
            case FetchFailed(fetch_id=int(fetch_id)) | Cancel(fetch_id=int(fetch_id)):
                self._fetches.pop(fetch_id, None)
            case Rendered():
                lane = self._lanes.setdefault(message.track, _Milestones())
                if lane.frame_us is None:
                    lane.frame_us = message.at_us
        if self._moved_us is not None and self._first() is not None:
            self.done = True
            self._fetches.clear()

    def startup(self) -> Startup | None:
        """Return the phases; None before the first frame."""
        lane = self._first()
        if lane is None or lane.frame_us is None:
            return None
        milestones = [self._asked_us, self._opened_us]
        for one in (lane.asked_us, lane.first_byte_us, lane.init_us, lane.media_us, lane.frame_us):
            # A milestone that was missed (media without init) or came early takes no time.
            milestones.append(max(milestones[-1], one or 0))
        wait_us = None
        if self._moved_us is not None and self._wanted_us is not None:
            wait_us = max(0, max(lane.frame_us, self._moved_us) - self._wanted_us)
        phases = [later - before for before, later in pairwise(milestones)]
        manifest_us, index_us, first_bytes_us, init_us, first_segment_us, decode_us = phases
        return Startup(
            manifest_us=manifest_us,
            index_us=index_us,
            first_bytes_us=first_bytes_us,
            init_us=init_us,
            first_segment_us=first_segment_us,
            decode_us=decode_us,
            wait_us=wait_us,
        )

    def _first(self) -> _Milestones | None:
        """Return the lane that shows the start: video where there is any, else audio."""
        lane = self._lanes.get("video") or self._lanes.get("audio")
        return lane if lane is not None and lane.frame_us is not None else None

    def _received(self, event: Progressed | Fetched) -> None:
        fetch = self._fetches.get(event.fetch_id)
        if fetch is None:
            return
        lane = self._lanes[fetch.track]
        if lane.first_byte_us is None:
            lane.first_byte_us = event.first_byte_at_us
        if fetch.init:
            if lane.init_us is None and isinstance(event, Fetched):
                lane.init_us = event.received_us
        elif lane.media_us is None and (
            isinstance(event, Fetched) or event.media_until_us is not None
        ):
            lane.media_us = event.received_us
