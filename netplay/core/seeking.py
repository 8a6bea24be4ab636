"""Elsewhere in the title, because the viewer wants to be there: what is kept, what is dropped."""

from __future__ import annotations

from collections.abc import Mapping

from netplay.core.lane import Lane
from netplay.core.messages import Action, Flush, Sought, Track
from netplay.core.playback import Playback
from netplay.core.requests import Requests
from netplay.core.title import Title

__all__ = ["Seeker"]


class Seeker:
    """Moves the playhead and starts every lane anew from there."""

    def __init__(
        self,
        title: Title,
        lanes: Mapping[Track, Lane],
        playback: Playback,
        requests: Requests,
    ) -> None:
        self._title = title
        self._lanes = lanes
        self._playback = playback
        self._requests = requests

    def seek(self, event: Sought, now_us: int) -> list[Action]:
        """Be elsewhere; what is held there, or on its way there, stays."""
        target_us = self._title.within(event.position_us)
        video = self._lanes.get("video")
        if event.keyframe and video is not None:
            target_us = self._keyframe_before(video, target_us)
        actions = self._playback.seek(target_us, now_us)
        for lane in self._lanes.values():
            lane.restart(target_us)
            actions.append(Flush(lane.track, lane.generation, None, reason="the viewer sought"))
            transfer = self._requests.transfers.segment_of(lane.track)
            span = lane.buffer.of_fetch(transfer.transfer_id) if transfer else None
            planned_us = lane.planned_us(target_us)
            if transfer and span and not target_us < span.end_us <= planned_us:
                actions += self._requests.cancel(transfer, "the viewer sought elsewhere")
            if planned_us <= target_us:
                lane.representation = ""
        return actions

    def _keyframe_before(self, video: Lane, position_us: int) -> int:
        span = video.buffer.at(position_us)
        if span is not None and not span.is_gap:
            return span.segment_start_us
        _, ladder = self._title.ladder("video", position_us)
        for rep in ladder.representations if ladder else ():
            index = self._title.index(rep)
            segment = index.at(position_us) if index else None
            if segment is not None:
                return segment.start_us
        return position_us
