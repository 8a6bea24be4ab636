"""Decoded media waiting for its moment: in order, and never much of it.

Encoded media is small and waits by the minute; decoded media is large, so a lane stops
decoding when it is a little ahead of the viewer, and goes on when something was shown.

Source: the bounds are a fraction of a second for scheduling jitter, and the four frames
that a display pipeline wants; 128 MiB holds four 10-bit 2160p frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

from netplay.core.messages import Track
from netplay.io.show.frames import AudioBlock, Cue, VideoFrame, clipped

__all__ = ["Ready", "Room"]

EntryT = TypeVar("EntryT", VideoFrame, AudioBlock, Cue)

_ENOUGH_FRAMES = 4
_ENOUGH_US = 250_000
_MOST_CUES = 4096
"""A whole title's subtitles in one document are two or three thousand."""


class Room:
    """How many bytes all lanes together may hold."""

    def __init__(self, limit_bytes: int = 128 * 1024 * 1024) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0
        self._freed = anyio.Event()

    @property
    def held_bytes(self) -> int:
        """What all lanes hold now."""
        return self._held_bytes

    def has(self, wanted_bytes: int) -> bool:
        """Return whether so many bytes more are within the limit."""
        return self._held_bytes + wanted_bytes <= self._limit_bytes

    @property
    def spare_bytes(self) -> int:
        """What there is room for."""
        return max(0, self._limit_bytes - self._held_bytes)

    def take(self, taken_bytes: int) -> None:
        """Count bytes in; negative: count them out and wake who waits."""
        self._held_bytes += taken_bytes
        if taken_bytes < 0:
            self._freed.set()
            self._freed = anyio.Event()

    async def freed(self) -> None:
        """Return after some bytes were counted out."""
        await self._freed.wait()


class Ready(Generic[EntryT]):
    """One stream's decoded entries, in order of position.

    Attributes:
        track: The lane it belongs to.
        generation: How often that lane was emptied, as the last Feed or Flush said.
        leads: It speaks for its lane: it is not the sound beside a multiplex's picture.
        feeding: The lane was fed since it was last emptied, so more may be expected.
        finished: The lane has added its last entry.
    """

    def __init__(self, track: Track, room: Room, changed: Callable[[], None]) -> None:
        self.track: Track = track
        self._room = room
        self._changed = changed
        self._entries: deque[EntryT] = deque()
        self._usual: tuple[int, int, int] | None = None
        self.generation = 0
        self.leads = True
        self.feeding = False
        self.finished = False

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def head(self) -> EntryT | None:
        """The next entry to be shown."""
        return self._entries[0] if self._entries else None

    @property
    def second(self) -> EntryT | None:
        """The one after the head."""
        return self._entries[1] if len(self._entries) > 1 else None

    def is_full(self, entry: EntryT) -> bool:
        """Return whether this entry must wait until another was shown.

        An empty stream always takes one, or a picture larger than the whole room would
        wait for ever.
        """
        if not self._entries:
            return False
        if isinstance(entry, Cue):
            return len(self._entries) >= _MOST_CUES
        held_us = entry.until_us - self._entries[0].position_us
        enough = len(self._entries) >= _ENOUGH_FRAMES and held_us > _ENOUGH_US
        return enough or not self._room.has(entry.bytes)

    def places(self) -> int:
        """Return how many entries like the last one added there is room for."""
        if self._usual is None:
            return _ENOUGH_FRAMES
        entry_us, entry_bytes, most = self._usual
        spare_us = _ENOUGH_US
        if self._entries:
            spare_us -= self._entries[-1].until_us - self._entries[0].position_us
        by_time = max(_ENOUGH_FRAMES - len(self._entries), spare_us // entry_us)
        # An empty stream always takes one.
        by_bytes = max(0 if self._entries else 1, self._room.spare_bytes // entry_bytes)
        return max(0, min(max(by_time, most - len(self._entries)), by_bytes))

    async def place(self) -> int:
        """Wait until there is room for an entry like the last one; return for how many."""
        while not (places := self.places()):
            await self._room.freed()
        return places

    async def room_for(self, entry: EntryT) -> None:
        """Return as soon as the entry need not wait; it may never."""
        while self.is_full(entry):
            await self._room.freed()

    def add(self, entry: EntryT) -> None:
        """Add an entry behind those that begin no later."""
        # Only cues ever come out of order: a document may tell of an early one late.
        later = self._take_after(entry.position_us)
        self._entries.append(entry)
        self._entries.extend(later)
        most = _MOST_CUES if isinstance(entry, Cue) else 0
        self._usual = (max(1, entry.duration_us), max(1, entry.bytes), most)
        self._room.take(entry.bytes)
        self._changed()

    def _take_after(self, position_us: int) -> deque[EntryT]:
        later: deque[EntryT] = deque()
        while self._entries and self._entries[-1].position_us > position_us:
            later.appendleft(self._entries.pop())
        return later

    def pop(self) -> EntryT:
        """Take the head away."""
        entry = self._entries.popleft()
        self._room.take(-entry.bytes)
        return entry

    def cut_from(self, from_us: int | None) -> None:
        """Drop entries that begin at `from_us` or later; None: all of them."""
        self.finished = False
        while self._entries and (from_us is None or self._entries[-1].position_us >= from_us):
            self._room.take(-self._entries.pop().bytes)
        self._cut_last(from_us)
        self._changed()

    def _cut_last(self, from_us: int | None) -> None:
        """End sound that straddles a position there: what comes next begins at that sample."""
        last = self._entries[-1] if self._entries else None
        if from_us is None or not isinstance(last, AudioBlock) or last.until_us <= from_us:
            return
        part = clipped(last, last.position_us, from_us)
        assert part is not None, "it begins before the position"
        self._room.take(part.bytes - last.bytes)
        self._entries[-1] = part

    def finish(self) -> None:
        """No entry will come behind these, unless the lane is emptied and fed again."""
        self.finished = True
        self._changed()
