"""One Feed's work, and the visits to the worker thread in which it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import anyio

from netplay.core.messages import Feed, Flush
from netplay.errors import DecodeError, LicenseError, MediaError
from netplay.io.show.decode import Decoder
from netplay.io.show.frames import AudioBlock, Entry, clipped
from netplay.io.source import Packet

__all__ = ["Job", "Visit", "cut", "stays"]

_HOP_S = 0.02
"""How long one visit to the worker thread decodes before it looks up again.

Well under the 50 ms that a Flush may wait, and so long that the hop itself (some 0.1 ms)
is lost in it.
"""


@dataclass(slots=True, eq=False)
class Job:
    """One Feed being decoded.

    Attributes:
        until_us: As the Feed's, but a Flush may bring it nearer.
        taken: Packets of its Source that were taken.
        passed: A frame came that begins at `until_us` or later: no wanted one follows.
        scope: Cancelled by a Flush that leaves nothing of it.
    """

    feed: Feed
    until_us: int | None
    taken: int = 0
    passed: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def ends_before(self, entry: Entry) -> bool:
        """Return whether an entry begins too late to be shown."""
        return self.until_us is not None and entry.position_us >= self.until_us

    def wanted(self, entry: Entry) -> Entry | None:
        """Return what of an entry is to be shown; sound is cut to the sample."""
        from_us, until_us = self.feed.from_us, self.until_us
        if entry.until_us <= from_us or self.ends_before(entry):
            return None
        if isinstance(entry, AudioBlock):
            return clipped(entry, from_us, until_us)
        return entry


class Visit:
    """One visit to the worker thread: some packets decoded, until there is enough.

    Attributes:
        entries: What came.
        taken: How many packets it took.
        error: What stopped it short.
    """

    def __init__(
        self,
        decoder: Decoder,
        soon: Sequence[tuple[Packet, int]],
        job: Job,
        enough: int,
        opened: Callable[[Packet], Packet],
    ) -> None:
        self._decoder = decoder
        self._soon = soon
        self._job = job
        self._enough = enough
        self._opened = opened
        self.entries: list[Entry] = []
        self.taken = 0
        self.error: MediaError | DecodeError | LicenseError | None = None

    def make(self) -> None:
        """Decode; on the worker thread."""
        began = time.perf_counter()
        wanted = 0
        for packet, fetch_id in self._soon:
            try:
                came = self._decoder.decode(self._opened(packet), fetch_id)
            except (MediaError, DecodeError, LicenseError) as error:
                self.error = error
                return
            self.taken += 1
            self.entries += came
            wanted += sum(self._job.wanted(entry) is not None for entry in came)
            if wanted >= self._enough or time.perf_counter() - began > _HOP_S:
                return


def stays(feed: Feed, flush: Flush) -> bool:
    """Return whether a Feed that is not begun stays in line."""
    return flush.from_us is not None and feed.fetch_id in flush.keeps


def cut(feed: Feed, flush: Flush) -> Feed:
    """Return a Feed that stays in line: it ends where the lane was emptied from, if before."""
    ends_us = [moment for moment in (feed.until_us, flush.from_us) if moment is not None]
    return replace(feed, generation=flush.generation, until_us=min(ends_us), last=False)
