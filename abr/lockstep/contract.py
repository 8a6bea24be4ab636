"""What a twin is: a controller of many sessions at once, in step, with numpy.

The sessions play one title and are at the same segment of it, each at a moment of its own.
A twin is asked once a segment for all of them and answers for all of them; what differs
from session to session is an array with a place for each, everything else is as in
`abr.contract`. A twin computes what its controller does, in the same order and in float64,
so that both take the same rungs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from abr.contract import Rung

__all__ = ["Bools", "Choices", "Floats", "Ints", "Ladder", "Samples", "Twin", "Views"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Ladder:
    """The rungs of a title, and their bitrates as arrays.

    Attributes:
        rungs: Lowest first.
        top: The highest rung.
        bitrates_bps: Of every rung, shape (rungs,).

    Raises:
        ValueError: There is no rung, or the bitrates do not rise.
    """

    def __init__(self, rungs: tuple[Rung, ...]) -> None:
        bitrates_bps = [rung.bitrate_bps for rung in rungs]
        if not rungs or bitrates_bps != sorted(bitrates_bps):
            raise ValueError("a ladder has rungs, and their bitrates rise")
        self.rungs = rungs
        self.top = len(rungs) - 1
        self.bitrates_bps: Floats = np.array(bitrates_bps, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Views:
    """What a twin sees when it is asked: `abr.contract.View`, of every session.

    There is one track, played at its own speed on a device that tells nothing of itself;
    what follows from that is left out.

    Attributes:
        now_us: The moment of asking, shape (sessions,).
        ladder: What there is to choose from.
        rung: That of the segment before, shape (sessions,); None at the start.
        segment_s: Duration of the segment to be chosen.
        sizes_bytes: Expected size of the next segments, one row a segment, one column a
            rung; None where only duration times bitrate is known.
        buffered_s: Media held ahead of the playhead, shape (sessions,).
        target_s, max_buffer_s: How much the player aims to hold, and may hold.
        rebuffers: Stalls so far, shape (sessions,).
        remaining_segments: From this one to the end.
        fetched_segments: How many came before.
        waited_s: How long the question was held back for want of room, shape (sessions,).
    """

    now_us: Ints
    ladder: Ladder
    rung: Ints | None
    segment_s: float
    sizes_bytes: tuple[tuple[float | None, ...], ...]
    buffered_s: Floats
    target_s: float
    max_buffer_s: float
    rebuffers: Ints
    remaining_segments: int
    fetched_segments: int
    waited_s: Floats

    def size_bytes(self, rung: int, ahead: int = 0) -> float:
        """Return the expected size of a segment: as announced, else bitrate times duration."""
        announced = self.sizes_bytes[min(ahead, len(self.sizes_bytes) - 1)][rung]
        if announced is not None:
            return announced
        return self.ladder.rungs[rung].bitrate_bps * self.segment_s / 8


@dataclass(frozen=True, slots=True)
class Choices:
    """The answer: what each session fetches, shape (sessions,).

    Attributes:
        rung: What to fetch.
        wait_s: How long to wait before it is asked for, without being asked again; None:
            nobody waits.
    """

    rung: Ints
    wait_s: Floats | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """What the link did in each session for the segment that came, shape (sessions,).

    Attributes:
        asked_us: When it was asked for.
        bytes, busy_s, ttfb_s: As in `abr.contract.Sample`.
        duration_s: Media it brought, the same in all sessions.
    """

    asked_us: Ints
    bytes: Ints
    busy_s: Floats
    ttfb_s: Floats
    duration_s: float


class Twin(Protocol):
    """Picks the rung of every segment in every session."""

    def choose(self, views: Views) -> Choices:
        """Return what each session fetches next; asked once a segment."""

    def observe(self, samples: Samples) -> None:
        """Take in what the link did in each session."""
