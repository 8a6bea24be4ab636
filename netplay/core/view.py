"""What a controller is shown: the lane, the ladder and the buffer in its own units."""

from __future__ import annotations

from abr.contract import Progress, View
from netplay.core.lane import Lane
from netplay.core.offer import Offer
from netplay.core.playback import Playback
from netplay.core.rules import SessionRules
from netplay.core.title import Title
from netplay.core.transfers import Transfer
from netplay.segments import Segment

__all__ = ["HORIZON", "make_progress", "make_view"]

# How many segments ahead a controller is told the sizes of: what MPC looks at, and one more
# for those that reproduce MPC's reference code, which looks one too far.
HORIZON = 6


def make_view(
    lane: Lane,
    playback: Playback,
    title: Title,
    rules: SessionRules,
    *,
    offer: Offer,
    segment: Segment | None,
    at_us: int,
    now_us: int,
    other_bps: int = 0,
    lasts_until_us: int | None = None,
) -> View:
    """Return what the controller is asked about: the segment of `lane` at `at_us`.

    Args:
        offer: What it may choose from.
        segment: The segment in question as the last rung has it; None if not known yet.
        other_bps: What the other lanes need of the link.
        lasts_until_us: How far playback gets before it needs the whole segment; None: to
            where the segment begins.
    """
    position_us = playback.position_us(now_us)
    segment_s = segment.duration_us / 1e6 if segment is not None else 4.0
    duration_us = title.duration_us()
    remaining = None
    if duration_us is not None and segment_s > 0:
        remaining = max(1, round((duration_us - at_us) / 1e6 / segment_s))
    return View(
        now_us=now_us,
        rungs=offer.rungs,
        rung=_last_rung(lane, title, offer),
        segment_s=segment_s,
        sizes_bytes=_sizes(offer, at_us + rules.edge_us, remaining or HORIZON),
        # What the decoder can go on with: a fetch asked for now comes on top of all of it.
        buffered_s=max(0, (lasts_until_us or at_us) - position_us) / 1e6,
        target_s=rules.target_us / 1e6,
        max_buffer_s=rules.max_buffer_us / 1e6,
        playing=playback.playhead.moving,
        started=playback.underway,
        rebuffers=playback.stalls,
        rate=playback.playhead.speed,
        position_s=position_us / 1e6,
        remaining_segments=remaining,
        device=title.spare,
        other_bps=float(other_bps),
        fetched_segments=lane.fetched,
        waited_s=lane.held_us / 1e6,
    )


def _last_rung(lane: Lane, title: Title, offer: Offer) -> int | None:
    """Return the rung of the segment before; of one since removed, the next lower that is left."""
    if not lane.representation:
        return None
    rung = offer.rung_of(lane.representation)
    if rung is not None:
        return rung
    most_bps = title.representation(lane.representation).bandwidth_bps
    below = [rung for rung, rep in enumerate(offer.reps) if rep.bandwidth_bps <= most_bps]
    return max(below, default=0)


def make_progress(transfer: Transfer, view: View, *, rung: int) -> Progress:
    """Return how far a segment on its way has come, which a controller is shown `view` of."""
    now_us, first_us = view.now_us, transfer.first_byte_us
    return Progress(
        rung=rung,
        bytes=transfer.bytes,
        # Of size 0 nothing would be left to save, and the controller not want to be asked again.
        size_bytes=transfer.size_bytes or view.size_bytes(rung),
        elapsed_s=max(0, now_us - transfer.asked_us) / 1e6,
        ttfb_s=None if first_us is None else max(0, first_us - transfer.asked_us) / 1e6,
        duration_s=transfer.duration_us / 1e6,
    )


def _sizes(offer: Offer, from_us: int, remaining: int) -> tuple[tuple[float | None, ...], ...]:
    # One more than are left to play: a file may hold more than its Period shows.
    rows = max(1, min(HORIZON, remaining + 1))
    sizes = offer.sizes_bytes(from_us, rows)
    if rows > max(1, remaining) and not any(sizes[-1]):
        return sizes[:-1]
    return sizes
