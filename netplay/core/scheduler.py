"""What to fetch next, for every lane, when there is room.

Each lane has at most one media segment under way. Its plan is the timeline from the
playhead on: what is held, what is arriving, and then a hole, which is where the next
segment goes. What no segment will ever fill becomes a gap in the plan.
"""

from __future__ import annotations

from collections.abc import Mapping

from abr.contract import Choice, Controller, Switch
from netplay.core.buffer import Span
from netplay.core.lane import Lane, Missing
from netplay.core.licenses import Licenses
from netplay.core.messages import Action, Track
from netplay.core.offer import Offer
from netplay.core.patience import Patience
from netplay.core.playback import Playback
from netplay.core.requests import Blocked, Requests
from netplay.core.room import Room
from netplay.core.rules import SessionRules
from netplay.core.sound import sound_rung
from netplay.core.title import Title
from netplay.core.transfers import Transfer
from netplay.core.view import make_progress, make_view
from netplay.segments import Segment, SegmentIndex
from netplay.timeline import Representation

__all__ = ["Scheduler"]

# With less than this ahead a request is marked urgent.
_URGENT_US = 5_000_000
# A lane's plan is a few steps (a gap, a lost rung, another); more than this is a bug of ours.
_STEPS = 1_000
# A controller that names a past moment is asked again no sooner than this.
_SHORTEST_PAUSE_US = 1_000


class Scheduler:
    """Fills the lanes."""

    def __init__(
        self,
        title: Title,
        lanes: Mapping[Track, Lane],
        playback: Playback,
        requests: Requests,
        patience: Patience,
        licenses: Licenses,
        controller: Controller,
        rules: SessionRules,
    ) -> None:
        self._title = title
        self._lanes = lanes
        self._playback = playback
        self._requests = requests
        self._patience = patience
        self._licenses = licenses
        self._controller = controller
        self._rules = rules
        self._inits_wait_until_us: int | None = None
        self._room = Room(lanes, playback, rules)
        self.choice: Choice | None = None
        self.restless = False
        """A lane lacks something, and nobody can tell when it may be had."""

    # Planning.

    def plan(self, position_us: int, now_us: int) -> list[Action]:
        """Return every request that is due now."""
        if self._playback.finished:
            return []
        for sample in self._requests.transfers.drain():
            self._controller.observe(sample)
        failover = self._requests.failover
        failover.urgent = self._playback.waiting is not None
        failover.comfortable = self._playback.ahead_us(position_us) >= self._rules.probe_us
        actions, self._inits_wait_until_us = self._requests.inits(now_us)
        self._room.look_anew()
        self.restless = False
        lanes = [*self._lanes.values()]
        if len(lanes) > 1:
            lanes.sort(key=lambda lane: lane.planned_us(position_us))
        for lane in lanes:
            actions += self._plan_lane(lane, position_us, now_us)
        return actions

    def _plan_lane(self, lane: Lane, position_us: int, now_us: int) -> list[Action]:
        actions: list[Action] = []
        steps = 0
        while self._wants_more(
            lane, planned_us := lane.planned_us(position_us), position_us, now_us
        ):
            steps += 1
            assert steps < _STEPS, f"planning {lane.track} came to no end"
            step = self._step(lane, planned_us, position_us, now_us)
            if step is None:
                if lane.choose_at_us <= now_us and not self._room.holds(lane):
                    self.restless = True
                break
            actions += step
        return actions

    def _wants_more(self, lane: Lane, planned_us: int, position_us: int, now_us: int) -> bool:
        if lane.missing is not None:
            self.restless = True
            return False
        if now_us < lane.choose_at_us:
            return False
        if self._requests.transfers.segment_of(lane.track) is not None:
            return False
        if lane.ended_us is not None and planned_us >= lane.ended_us:
            return False
        if not lane.gates and not self._playback.started:
            return False  # the first frame waits for nothing that it does not need
        if self._room.has_enough(lane, planned_us, position_us, now_us):
            return False
        for other in self._lanes.values():
            if other is lane or not other.gates or other.ended_us is not None or other.missing:
                continue
            limit_us, moves = other.edge_us(position_us), True
            # A lane that has little is about to be missed by the viewer: what this one does not
            # need yet would only take the link from it.
            if limit_us - position_us >= _URGENT_US:
                limit_us, moves = other.planned_us(position_us) + self._rules.lane_lead_us, False
            if planned_us > limit_us:
                self.restless = self.restless or moves
                return False
        return True

    def _step(self, lane: Lane, at_us: int, position_us: int, now_us: int) -> list[Action] | None:
        """Take one step at the hole in a lane's plan; None: nothing more can be done now."""
        aim_us = lane.buffer.aim_us(at_us)
        period, offer = self._title.offer(lane.track, aim_us, now_us)
        if offer is None:
            return self._nothing_until_later(lane, period, at_us)
        if not offer.reps:
            return self._no_rung(lane, period, at_us)
        known = _known_segment(lane, offer, aim_us)
        if known is None and offer.is_over(aim_us):
            return self._nothing_until_later(lane, period, at_us)
        if known is not None and not self._room.fits(lane, known, at_us, position_us, now_us):
            return None
        rung = self._choose(lane, offer, known, at_us, now_us)
        if rung is None:
            return None
        rep, index, place = offer.reps[rung], offer.indexes[rung], offer.places[rung]
        if index is None:
            # The choice stands until the index is here: nothing is asked twice.
            lane.pending = rep.id
            blocked = self._requests.index(rep, lane.track, now_us, lane.reason)
            return self._blocked(lane, blocked)
        return self._fetch_from(lane, rep, index, period, place, at_us, now_us)

    def _fetch_from(
        self,
        lane: Lane,
        rep: Representation,
        index: SegmentIndex,
        period: int,
        place: int,
        at_us: int,
        now_us: int,
    ) -> list[Action] | None:
        segment = index.at(lane.buffer.aim_us(at_us))
        end_us = self._title.period_end_us(period)
        if segment is None and not index.ended:
            return None  # it will be there after a refresh
        if segment is None or (end_us is not None and segment.start_us >= end_us):
            return self._nothing_until_later(lane, period, at_us)
        for locked in self._licenses.need(rep, segment.entry.keys, now_us):
            return self._requests.locked(locked)
        if asked_for_keys := self._licenses.plan(now_us):
            # Before the media that they open, and the choice of that stands.
            lane.pending = rep.id
            return asked_for_keys
        if segment.start_us > at_us + self._rules.edge_us:
            lane.buffer.add(Span(at_us, segment.start_us, segment.start_us, period=period))
            return []
        assert not segment.entry.gap, "a rung with a gap here is not usable"
        if end_us is None or self._title.later_period(period, lane.track) is None:
            end_us = segment.end_us  # else what runs past its Period gives way to the next
        end_us = min(end_us, segment.end_us)
        start_us, end_us = lane.buffer.free_around(segment.start_us, end_us, at_us)
        span = Span(
            start_us=start_us,
            end_us=end_us,
            until_us=start_us,
            representation=rep.id,
            number=segment.number,
            rung=place,
            size_bytes=segment.size_bytes or 0,
            offset_us=segment.offset_us,
            continuity=segment.entry.continuity,
            period=period,
            segment_start_us=segment.start_us,
            last=self._title.is_last(segment, index, period, lane.track),
        )
        urgent = self._playback.waiting is not None or (
            at_us - self._playback.position_us(now_us) < _URGENT_US
        )
        asked = self._requests.segment(
            lane, rep, segment, span, now_us=now_us, urgent=urgent, reason=lane.reason
        )
        if isinstance(asked, Blocked):
            return self._blocked(lane, asked)
        lane.pending, lane.held_us = "", 0
        return asked

    def _blocked(self, lane: Lane, blocked: Blocked) -> list[Action] | None:
        if blocked.until_us is not None:
            lane.choose_at_us = blocked.until_us
            return None
        if blocked.lost:
            return list(blocked.actions)  # and choose among what is left
        return list(blocked.actions) or None

    def _nothing_until_later(self, lane: Lane, period: int, at_us: int) -> list[Action]:
        """Leave a gap up to the next Period that has something for a lane, or end it here."""
        later = self._title.later_period(period, lane.track)
        if later is None:
            lane.ended_us = at_us
            return []
        start_us = self._title.period_start_us(later)
        assert start_us > at_us, "a Period that has begun is the one in question"
        lane.buffer.add(Span(at_us, start_us, start_us, period=period))
        return []

    def _no_rung(self, lane: Lane, period: int, at_us: int) -> list[Action]:
        """No rung has the segment at a place: a hole in subtitles, the end of anything else."""
        gap_ends_us = self._title.gap_ends_us(lane.track, lane.buffer.aim_us(at_us))
        if gap_ends_us is not None:
            lane.buffer.add(Span(at_us, gap_ends_us, gap_ends_us, period=period))
            return []
        attempts = self._title.why_not(lane.track, period)
        if lane.gates and self._title.ends_at(lane.track, lane.buffer.aim_us(at_us)):
            # Packagers announce a last segment that they never wrote; Media3 ends here too.
            lane.ended_us = at_us
            return []
        if lane.gates:
            what = f"{lane.track} at {at_us / 1e6:.3f} s"
            lane.missing = Missing(at_us, what, attempts, self._title.blame(lane.track, period))
            return []
        end_us = self._title.period_end_us(period) or self._title.duration_us()
        if end_us is None or end_us <= at_us + self._rules.edge_us:
            return self._nothing_until_later(lane, period, at_us)
        lane.buffer.add(Span(at_us, end_us, end_us, period=period))
        return []

    # Choosing.

    def _choose(
        self,
        lane: Lane,
        offer: Offer,
        segment: Segment | None,
        at_us: int,
        now_us: int,
    ) -> int | None:
        """Return the rung to take; None to wait."""
        if lane.pending:
            pending = offer.rung_of(lane.pending)
            if pending is not None:
                return pending
        if lane.track != "video":
            lane.reason = "what its share of the link allows"
            estimate_bps = self.choice.estimate_bps if self.choice is not None else None
            return sound_rung(offer, estimate_bps) if lane.track == "audio" else 0
        view = make_view(
            lane,
            self._playback,
            self._title,
            self._rules,
            offer=offer,
            segment=segment,
            at_us=at_us,
            now_us=now_us,
            other_bps=self._other_bps(lane),
        )
        choice = self._controller.choose(view)
        rungs = len(offer.reps)
        if not 0 <= choice.rung < rungs:
            raise ValueError(f"the controller chose rung {choice.rung} of {rungs}")
        self.choice, lane.reason = choice, choice.reason
        if view.rung is None and self._rules.first_rung is not None:
            return min(self._rules.first_rung, rungs - 1)
        if choice.wait_s > 0:
            lane.choose_at_us = now_us + max(_SHORTEST_PAUSE_US, round(choice.wait_s * 1e6))
            return None
        return choice.rung

    def _other_bps(self, lane: Lane) -> int:
        needed_bps = 0
        for other in self._lanes.values():
            if other is not lane and other.representation:
                rep = self._title.representation(other.representation)
                needed_bps += rep.average_bps or rep.bandwidth_bps
        return needed_bps

    # Watching what is under way.

    def watch(self, transfer: Transfer, now_us: int) -> list[Action]:
        """Ask the controller whether a segment on its way should be left, if it is time."""
        if transfer.track != "video" or not transfer.is_segment or transfer.ask_again_us is None:
            return []
        lane = self._lanes["video"]
        span = lane.buffer.of_fetch(transfer.transfer_id)
        if now_us < transfer.ask_again_us or transfer.rung <= 0 or span is None:
            return []
        # Whatever comes of it, a moment that has passed must not be waited for again.
        transfer.ask_again_us = None
        aim_us = span.start_us + self._rules.edge_us
        _, offer = self._title.offer("video", aim_us, now_us)
        if offer is None or transfer.rung not in offer.places:
            return []
        rung = offer.places.index(transfer.rung)
        view = make_view(
            lane,
            self._playback,
            self._title,
            self._rules,
            offer=offer,
            segment=_known_segment(lane, offer, aim_us),
            at_us=span.start_us,
            now_us=now_us,
            other_bps=self._other_bps(lane),
            before=lane.buffer.before(span),
            # What is decoded as it arrives is late only if its end is.
            lasts_until_us=span.end_us if span.fetch_id in lane.fed_ids else None,
        )
        answer = self._controller.abandon(view, make_progress(transfer, view, rung=rung))
        if not isinstance(answer, Switch):
            again_us = answer.ask_again_us
            transfer.ask_again_us = again_us and max(again_us, now_us + _SHORTEST_PAUSE_US)
            return []
        if self._patience.suspects(transfer, now_us):
            # Not the rung is too high; another one of the same host would be as silent.
            return self._patience.leave([transfer], now_us)
        if not 0 <= answer.rung < rung:
            raise ValueError(f"the controller left rung {rung} for {answer.rung}")
        rep, index = offer.reps[answer.rung], offer.indexes[answer.rung]
        why = f"left for a lower rung: {answer.reason}"
        actions = self._requests.cancel(transfer, why, measured=self._rules.measures_left)
        if self._rules.asks_anew:
            return actions
        lane.reason = f"instead of rung {rung}: {answer.reason}"
        if index is None:
            lane.pending = rep.id
            return actions
        at_us = lane.planned_us(self._playback.position_us(now_us))
        place = offer.places[answer.rung]
        fetch = self._fetch_from(lane, rep, index, span.period, place, at_us, now_us)
        return actions + (fetch or [])

    def ask_again(self, now_us: int) -> None:
        """Let the controller be asked anew about what is under way: the playhead changed."""
        for transfer in self._requests.transfers:
            if transfer.ask_again_us:  # else it is asked when something comes, or never
                transfer.ask_again_us = now_us
        for lane in self._lanes.values():
            lane.choose_at_us = 0

    def watch_all(self, now_us: int) -> list[Action]:
        """Ask the controller about what is under way: silence is no event, so the clock asks."""
        return [
            action
            for transfer in self._requests.transfers
            for action in self.watch(transfer, now_us)
        ]

    def wakeup_us(self, now_us: int) -> int | None:
        """Return when more is to be asked for that no event will announce; None: never."""
        moments = self._room.wakeups_us()
        if self._inits_wait_until_us is not None:
            moments.append(self._inits_wait_until_us)
        for lane in self._lanes.values():
            if lane.choose_at_us > now_us:
                moments.append(lane.choose_at_us)
        return min(moments, default=None)

    def looks_at_us(self, now_us: int) -> int | None:
        """Return when something under way is to be looked at; None: never."""
        moments: list[int] = []
        for transfer in self._requests.transfers:
            moments.append(self._patience.ends_us(transfer, now_us))
            if transfer.ask_again_us and transfer.rung > 0:  # of a segment, that is
                moments.append(transfer.ask_again_us)
        return min(moments, default=None)


def _known_segment(lane: Lane, offer: Offer, aim_us: int) -> Segment | None:
    """Return the segment in question as the lane's last rung has it, or any other."""
    last = offer.rung_of(lane.representation)
    index = None if last is None else offer.indexes[last]
    if index is None:
        index = next((one for one in offer.indexes if one is not None), None)
    return None if index is None else index.at(aim_us)
