"""Other tracks while playing: what is kept, what is dropped, and from where on.

What was buffered of the old track plays on for a moment, so that the new one can arrive
meanwhile; from there on the new one is fetched and fed.
"""

from __future__ import annotations

from netplay.core.buffer import Buffer
from netplay.core.device import Device, Preferences
from netplay.core.lane import Lane
from netplay.core.messages import Action, Evict, Flush, Track
from netplay.core.playback import Playback
from netplay.core.requests import Requests
from netplay.core.rules import SessionRules
from netplay.core.title import Title

__all__ = ["Switcher"]


class Switcher:
    """Opens, changes and closes lanes as other tracks are chosen."""

    def __init__(
        self,
        title: Title,
        lanes: dict[Track, Lane],
        playback: Playback,
        requests: Requests,
        rules: SessionRules,
    ) -> None:
        self._title = title
        self._lanes = lanes
        self._playback = playback
        self._requests = requests
        self._rules = rules
        # A lane that is closed and opened again goes on counting, so that what the old one
        # still has under way is known to be old.
        self._generations: dict[Track, int] = {}

    def open_lanes(self, position_us: int) -> None:
        """Open a lane for every track that is played and has none."""
        for track in self._title.tracks():
            if track not in self._lanes:
                lane = Lane(track, Buffer(self._rules.edge_us))
                lane.generation = self._generations.get(track, 0)
                lane.fed_us = lane.floor_us = position_us
                self._lanes[track] = lane

    def choose(self, device: Device, wants: Preferences, now_us: int) -> list[Action]:
        """Play what a device can and a viewer wants from now on."""
        position_us = self._playback.position_us(now_us)
        lead_us = self._rules.switch_lead_us if self._playback.waiting is None else 0
        cut_us = position_us + lead_us
        before = {track: self._set_at(track, cut_us) for track in self._lanes}
        self._title.choose(device, wants)
        actions: list[Action] = []
        for track, lane in tuple(self._lanes.items()):
            if track not in self._title.tracks():
                actions += self._close(lane)
            elif self._set_at(track, cut_us) != before[track]:
                actions += self._cut(lane, position_us, cut_us)
        self.open_lanes(position_us)
        return actions

    def _set_at(self, track: Track, position_us: int) -> str | None:
        _, ladder = self._title.ladder(track, position_us)
        return ladder.set_id if ladder is not None else None

    def _cut(self, lane: Lane, position_us: int, cut_us: int) -> list[Action]:
        actions = self._stop_fetching(lane)
        gone = lane.buffer.cut(cut_us)
        ids = tuple(span.fetch_id for span in gone if span.fetch_id is not None)
        lane.fed_ids.difference_update(ids)
        from_us = lane.planned_us(position_us)
        decoded_us = lane.decoded_from_us if from_us > position_us else None
        fed_ids, fed_us = lane.fed_ids.copy(), min(lane.fed_us, from_us)
        lane.restart(from_us)
        lane.fed_ids, lane.fed_us, lane.decoded_from_us = fed_ids, fed_us, decoded_us
        lane.representation = ""
        keeps, reason = lane.fed_before(from_us), "another track was chosen"
        actions.append(Flush(lane.track, lane.generation, from_us, keeps, reason))
        if ids:
            actions.append(Evict(ids, "another track was chosen"))
        return actions

    def _close(self, lane: Lane) -> list[Action]:
        actions = self._stop_fetching(lane)
        ids = tuple(s.fetch_id for s in lane.buffer.clear() if s.fetch_id is not None)
        del self._lanes[lane.track]
        self._generations[lane.track] = lane.generation + 1
        off = Flush(lane.track, lane.generation + 1, None, reason="the track was turned off")
        actions.append(off)
        if ids:
            actions.append(Evict(ids, "the track was turned off"))
        return actions

    def _stop_fetching(self, lane: Lane) -> list[Action]:
        return [
            action
            for transfer in self._requests.transfers
            if transfer.track == lane.track
            for action in self._requests.cancel(transfer, "another track was chosen")
        ]
