"""What a controller is: it is asked, and it answers; it never acts.

A controller picks the rung of every segment. Whoever plays (the netplay Session, in
real time or in virtual time, or a harness of yours) asks `choose` before each segment,
tells `observe` what the link did, and asks `abandon` while a segment is on its way. A
controller does no I/O, never sleeps, and may keep only what it was told. The same
questions in the same order get the same answers.

Durations and buffer levels are float seconds, rates bits per second, rungs indices in
the ladder, 0 the lowest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = [
    "Abandonment",
    "Choice",
    "Controller",
    "Device",
    "Keep",
    "Played",
    "Progress",
    "Rung",
    "Sample",
    "Switch",
    "View",
]

NetworkType = Literal["unknown", "wired", "wifi", "cellular"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder.

    Attributes:
        bitrate_bps: What it takes to sustain: the declared peak, or the average where the
            manifest declares one.
        quality: A figure of merit (VMAF 0 to 100 where known); None if unknown.
        resolve_requests: How many more requests it takes before its first segment can be
            asked for (an unfetched playlist, sidx or init segment).
    """

    bitrate_bps: int
    width: int | None = None
    height: int | None = None
    quality: float | None = None
    resolve_requests: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """What the device has to spare, for controllers that care.

    Attributes:
        memory_bytes: Memory free for media; None if unknown.
        cpu_headroom: Share of the processor that is idle, 0 to 1; None if unknown.
        battery: Charge, 0 to 1; None if on mains or unknown.
        network: What kind of link it is on.
    """

    memory_bytes: int | None = None
    cpu_headroom: float | None = None
    battery: float | None = None
    network: NetworkType = "unknown"


@dataclass(frozen=True, slots=True)
class View:
    """What a controller sees when it is asked.

    Attributes:
        now_us: The moment of asking, on the player's monotonic clock.
        rungs: The ladder, lowest first; never empty.
        rung: The rung of the segment before this one; None at the start and after a seek.
        segment_s: Duration of the segment to be chosen.
        sizes_bytes: Expected size of the next segments, one row a segment, one column a
            rung: sizes_bytes[0][rung] is the segment to be chosen. At least one row, five
            where so many are left; None where only duration times bitrate is known.
        buffered_s: Media held ahead of the playhead.
        target_s: How much the player aims to hold.
        max_buffer_s: How much it may hold.
        playing: The playhead moves.
        started: It has moved since the start or the last seek.
        rebuffers: Stalls so far.
        rate: Playback speed; the buffer drains at this many seconds a second.
        position_s: Where the playhead is.
        remaining_segments: Segments from this one to the end; None if live.
        live_latency_s: How far behind the live edge the playhead is; None if not live.
        device: What the device can spare.
        other_bps: What the tracks beside this one (audio, text) need of the link.
        fetched_segments: How many segments came since the start or the last seek: 0 when the
            first is to be chosen, and the same number for as long as the question is about
            the same segment.
        waited_s: How long this question was held back for want of room, since the segment
            before came or was left. A wait that the controller asked for is not counted.
    """

    now_us: int
    rungs: tuple[Rung, ...]
    rung: int | None
    segment_s: float
    sizes_bytes: tuple[tuple[float | None, ...], ...]
    buffered_s: float
    target_s: float
    max_buffer_s: float
    playing: bool = False
    started: bool = False
    rebuffers: int = 0
    rate: float = 1.0
    position_s: float = 0.0
    remaining_segments: int | None = None
    live_latency_s: float | None = None
    device: Device = Device()
    other_bps: float = 0.0
    fetched_segments: int = 0
    waited_s: float = 0.0

    def size_bytes(self, rung: int, ahead: int = 0) -> float:
        """Return the expected size of a segment: as announced, else bitrate times duration."""
        row = self.sizes_bytes[min(ahead, len(self.sizes_bytes) - 1)]
        announced = row[rung]
        if announced is not None:
            return announced
        return self.rungs[rung].bitrate_bps * self.segment_s / 8


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer to `choose`.

    Attributes:
        rung: What to fetch.
        wait_s: Ask again after this long instead of fetching now; 0 fetches now.
        reason: Why, in a few words for a person who reads a log.
        scores: What each rung was worth to the controller, if it scores them; else empty.
        estimate_bps: The throughput it believed in; None if it believes in none yet.
    """

    rung: int
    wait_s: float = 0.0
    reason: str = ""
    scores: tuple[float, ...] = ()
    estimate_bps: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What the link did over one stretch of being busy.

    Transfers that overlap are merged, so that audio beside video does not halve it.

    Attributes:
        bytes: Payload received.
        busy_s: How long at least one transfer was receiving, its time to first byte left out.
        ttfb_s: Time from request to first byte; the mean where several were merged.
        requests: How many requests were merged.
        cached: It came from a cache on the way, or from this machine: says nothing of the link.
        rung: The rung it was, if it was one video segment; None otherwise.
        duration_s: Media it brought; 0 if it brought none.
    """

    bytes: int
    busy_s: float
    ttfb_s: float = 0.0
    requests: int = 1
    cached: bool = False
    rung: int | None = None
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a segment on its way has come.

    Attributes:
        rung: What is being fetched.
        bytes: Received so far.
        size_bytes: Announced or expected size of the whole.
        elapsed_s: Since the request.
        ttfb_s: From the request to the first byte; None if none has come.
        duration_s: Media the whole segment holds.
    """

    rung: int
    bytes: int
    size_bytes: float
    elapsed_s: float
    ttfb_s: float | None
    duration_s: float


@dataclass(frozen=True, slots=True)
class Keep:
    """Go on with the download; do not ask again before a moment (None: at all).

    The moment holds for as long as playback neither starts, stops, jumps nor changes its
    rate; after that, ask at once.
    """

    ask_again_us: int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """Leave the download and fetch the segment at another rung.

    A player that asks `choose` anew instead, as Sabre does, asks with the same
    `fetched_segments`, and controllers understand it.
    """

    rung: int
    reason: str = ""


Abandonment = Keep | Switch


class Controller(Protocol):
    """Picks the rung of every segment."""

    def choose(self, view: View) -> Choice:
        """Return which rung to fetch next, or how long to wait; never a rung outside the view."""

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a segment on its way should be left for another rung.

        The view is that of choosing this segment anew: its first row of sizes is this
        segment's, its rung that of the segment before.
        """


@dataclass(frozen=True, slots=True)
class Played:
    """One segment as it was shown, or the stall before it: what QoE models are folds over.

    Attributes:
        rung: What was shown.
        bitrate_bps: Its rung's bitrate.
        duration_s: Media time shown.
        stall_s: Rebuffering right before it (start-up is not counted).
        quality: VMAF where known.
        height: Of the picture.
    """

    rung: int
    bitrate_bps: int
    duration_s: float
    stall_s: float = 0.0
    quality: float | None = None
    height: int | None = None
