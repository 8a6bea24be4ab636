"""The Status of a session, put together from its organs."""

from __future__ import annotations

from collections.abc import Mapping

from abr.contract import Choice
from netplay.core.lane import Lane
from netplay.core.messages import Track
from netplay.core.playback import Playback
from netplay.core.status import Bookmark, LaneStatus, State, Status
from netplay.core.title import Title
from netplay.core.transfers import Transfers

__all__ = ["blank_status", "make_status"]


def blank_status() -> Status:
    """Return the Status of a session that nothing was opened in."""
    return Status("opening", 0, None, 0, 1.0, None, "", 0, (), Bookmark(0))


def make_status(
    title: Title,
    lanes: Mapping[Track, Lane],
    playback: Playback,
    transfers: Transfers,
    *,
    choice: Choice | None,
    failed: bool,
    now_us: int,
) -> Status:
    """Return what a session is doing at a moment."""
    position_us = playback.position_us(now_us)
    tracks = tuple(_lane(title, lane, transfers, position_us) for lane in lanes.values())
    ladders = [title.ladder(track, position_us)[1] for track in lanes]
    sets = tuple(ladder.set_id for ladder in ladders if ladder is not None)
    return Status(
        state="failed" if failed else _state(playback),
        position_us=position_us,
        duration_us=title.duration_us(),
        ahead_us=playback.ahead_us(position_us),
        rate=float(playback.rate),
        throughput_bps=choice.estimate_bps if choice is not None else None,
        reason=choice.reason if choice is not None else "",
        stalls=playback.stalls,
        lanes=tracks,
        bookmark=Bookmark(
            position_us, sets, title.wants.audio_languages, title.wants.text_languages
        ),
    )


def _state(playback: Playback) -> State:
    if playback.finished:
        return "ended"
    match playback.waiting:
        case None:
            return "paused" if playback.paused else "playing"
        case "stall":
            return "stalled"
        case "seek":
            return "seeking"
        case _:
            return "starting"


def _lane(title: Title, lane: Lane, transfers: Transfers, position_us: int) -> LaneStatus:
    _, ladder = title.ladder(lane.track, position_us)
    span = lane.buffer.at(position_us)
    held = span is not None and not span.is_gap
    rep = title.representation(span.representation) if span is not None and held else None
    transfer = transfers.segment_of(lane.track)
    return LaneStatus(
        track=lane.track,
        representation=rep.id if rep is not None else "",
        rung=span.rung if span is not None else -1,
        rungs=len(ladder.representations) if ladder is not None else 0,
        bitrate_bps=rep.bandwidth_bps if rep is not None else 0,
        height=rep.height if rep is not None else None,
        buffered_us=lane.buffer.ranges_us(),
        ahead_us=max(0, lane.edge_us(position_us) - position_us),
        generation=lane.generation,
        fetching=transfer.resource[0] if transfer is not None else "",
        host=transfer.host if transfer is not None else "",
        hardware=lane.hardware,
        language=title.language(ladder.set_id) if ladder is not None else "",
    )
