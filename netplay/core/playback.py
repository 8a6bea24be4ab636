"""Whether the playhead moves: it starts, stalls, jumps a gap, and reaches the end.

The playhead moves unless the viewer paused it or it waits for media. It begins to move
when each lane that matters has a frame ready and either enough media is held, or what
is on its way is foreseen to arrive in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from netplay.core.lane import Lane
from netplay.core.messages import Action, Finish, Hold, Play, Track, Why
from netplay.core.playhead import Playhead
from netplay.core.rules import SessionRules
from netplay.core.title import Title
from netplay.core.transfers import Transfers

__all__ = ["Playback"]

# How long the last frame may take to be reported: what is shown is told four times a second.
_LAST_FRAME_US = 250_000
# A clock that differs from ours by less than this is ours.
_SAME_CLOCK_US = 1_000


class Playback:
    """The playhead, and the reasons for which it rests.

    Attributes:
        paused: The viewer wants it to rest.
        waiting: What it waits for media for; None: it need not wait.
        started: It has moved at least once.
        underway: It has moved since the start or the last seek out of what was held.
        finished: It reached the end.
    """

    def __init__(
        self,
        rules: SessionRules,
        title: Title,
        lanes: Mapping[Track, Lane],
        transfers: Transfers,
        *,
        position_us: int,
        paused: bool,
        now_us: int,
    ) -> None:
        self._rules = rules
        self._title = title
        self._lanes = lanes
        self._transfers = transfers
        self.playhead = Playhead(position_us)
        self.paused = paused
        self.waiting: Why | None = "start"
        self.waiting_since_us = now_us
        self.started = False
        self.underway = False
        self.finished = False
        self.stalls = 0
        # Between the end of the timeline and word that its last frame was shown.
        self._ends_at_us: int | None = None
        self._ended_since_us = 0
        # How far the screen is known to have come since the last seek.
        self._reported_us = position_us
        self._moved_from_us = position_us
        # When it last set off, jumped or changed its rate.
        self._moving_since_us = now_us

    def position_us(self, now_us: int) -> int:
        """Return where the playhead is."""
        return self.playhead.position_us(now_us)

    @property
    def rate(self) -> Fraction:
        """The speed the viewer wants."""
        return self.playhead.rate

    # What the viewer wants.

    def pause(self, now_us: int) -> list[Action]:
        """Rest."""
        self.paused = True
        if not self.playhead.moving:
            return []
        self.playhead.stop(now_us)
        return [Hold(self.position_us(now_us), "pause", "the viewer paused")]

    def resume(self, now_us: int) -> list[Action]:
        """Move, as soon as nothing else forbids it."""
        self.paused = False
        return self._move(now_us, "the viewer resumed")

    def set_rate(self, rate: Fraction, now_us: int) -> list[Action]:
        """Go at another speed."""
        self.playhead.set_rate(rate, now_us)
        self._moving_since_us = now_us
        if not self.playhead.moving:
            return []
        return [Play(self.position_us(now_us), now_us, rate, "the viewer set the rate")]

    def seek(self, position_us: int, now_us: int) -> list[Action]:
        """Be elsewhere, and wait there for media."""
        self.playhead.stop(now_us)
        self.playhead.place(position_us, now_us)
        self.finished = False
        self._ends_at_us = None
        self._reported_us = position_us
        self._wait("seek" if self.started else "start", now_us)
        held = all(lane.edge_us(position_us) > position_us for lane in self._gates())
        self.underway = self.underway and held
        return [Hold(position_us, "seek", "the viewer sought")]

    def rendered(self, position_us: int, at_us: int, now_us: int) -> None:
        """Follow the master clock, as long as both move."""
        self._reported_us = max(self._reported_us, position_us)
        if self._ends_at_us is not None:
            there = position_us >= self.playhead.position_us(now_us)
            if there or at_us >= self._ended_since_us:
                self._ends_at_us = now_us
        # A report of a moment before it set off, jumped or changed its rate is of another way.
        if self.playhead.moving and self._moving_since_us <= at_us <= now_us:
            drift_us = position_us - self.playhead.position_us(at_us)
            if abs(drift_us) > _SAME_CLOCK_US:
                # A device that has not made its first sound yet is behind where it was told
                # to begin; nothing is held there.
                there_us = self.playhead.position_us(now_us) + drift_us
                self.playhead.place(max(there_us, self._moved_from_us), now_us)

    # What media allows.

    def check(self, now_us: int, *, ticked: bool) -> list[Action]:
        """Return what follows from what is held: start, stall, jump, or the end.

        Args:
            ticked: Everything that has arrived by now was reported. Only then is a playhead
                at the edge known to have nothing more: other events may be ahead of news of
                the media that it needs.
        """
        if self.finished:
            return []
        if self._ends_at_us is not None:
            return self._finish() if now_us >= self._ends_at_us else []
        position_us = self.position_us(now_us)
        end_us = self.end_us()
        if end_us is not None and position_us >= end_us and self.waiting != "start":
            return self._end(end_us, now_us)
        target_us = self._beyond_gap(position_us)
        if target_us is not None:
            return self._jump(target_us, now_us)
        if self.playhead.moving:
            edge_us = self.edge_us(position_us)
            if ticked and edge_us is not None and position_us >= edge_us:
                return self._stall(edge_us, now_us)
            return []
        if self.waiting is not None and self._ready(position_us, now_us):
            self.waiting = None
            return self._move(now_us, "media is ready")
        return []

    def end_us(self) -> int | None:
        """Return where playback ends; None until every lane knows its end."""
        latest_us: int | None = None
        for lane in self._lanes.values():
            if not lane.gates:
                continue
            if lane.ended_us is None:
                return None
            latest_us = lane.ended_us if latest_us is None else max(latest_us, lane.ended_us)
        return latest_us

    def edge_us(self, position_us: int) -> int | None:
        """Return where the playhead must stop unless more arrives; None if it need not."""
        least_us: int | None = None
        for lane in self._lanes.values():
            if not lane.gates:
                continue
            edge_us = lane.edge_us(position_us)
            if lane.ended_us is not None and edge_us >= lane.ended_us:
                continue
            least_us = edge_us if least_us is None else min(least_us, edge_us)
        return least_us

    def ahead_us(self, position_us: int) -> int:
        """Return how much media is held ahead in the lane that has least."""
        least_us: int | None = None
        for lane in self._lanes.values():
            if lane.gates:
                ahead_us = lane.edge_us(position_us) - position_us
                least_us = ahead_us if least_us is None else min(least_us, ahead_us)
        return least_us or 0

    def wakeup_us(self, now_us: int) -> int | None:
        """Return when the playhead will next meet something by itself; None: never."""
        if self._ends_at_us is not None:
            return self._ends_at_us
        if not self.playhead.moving or self.finished:
            return None
        position_us = self.position_us(now_us)
        nearest_us = self.edge_us(position_us)
        if nearest_us is None:
            nearest_us = self.end_us()
        for lane in self._lanes.values():
            gap_us = lane.buffer.next_gap_us(position_us) if lane.gates else None
            if gap_us is not None and (nearest_us is None or gap_us < nearest_us):
                nearest_us = gap_us
        return None if nearest_us is None else self.playhead.arrives_at(nearest_us)

    # How it comes about.

    def _gates(self) -> list[Lane]:
        return [lane for lane in self._lanes.values() if lane.gates]

    def _wait(self, why: Why, now_us: int) -> None:
        self.waiting = why
        self.waiting_since_us = now_us

    def _move(self, now_us: int, reason: str) -> list[Action]:
        at_end = self.finished or self._ends_at_us is not None
        if self.paused or self.waiting is not None or at_end or self.playhead.moving:
            return []
        self.started = self.underway = True
        self._moved_from_us = self.position_us(now_us)
        self._moving_since_us = now_us
        self.playhead.start(now_us)
        return [Play(self.position_us(now_us), now_us, self.playhead.rate, reason)]

    def _stall(self, edge_us: int, now_us: int) -> list[Action]:
        self.playhead.stop(now_us)
        self.playhead.place(edge_us, now_us)
        self.stalls += 1
        self._wait("stall", now_us)
        late = ", ".join(
            lane.track
            for lane in self._gates()
            if not lane.reaches_end(edge_us) and lane.edge_us(edge_us) <= edge_us
        )
        return [Hold(edge_us, "stall", f"{late} ran out")]

    def _end(self, end_us: int, now_us: int) -> list[Action]:
        """Rest at the end, until the last frame is known to be shown."""
        self.playhead.stop(now_us)
        self.playhead.place(end_us, now_us)
        self._ended_since_us = now_us
        told = self._reported_us >= end_us
        self._ends_at_us = now_us if told else now_us + _LAST_FRAME_US
        return [Hold(end_us, "end", "the end")]

    def _finish(self) -> list[Action]:
        self.finished = True
        self._ends_at_us = None
        return [Finish("everything was played")]

    def _jump(self, target_us: int, now_us: int) -> list[Action]:
        self.playhead.place(target_us, now_us)
        self._moved_from_us = target_us
        self._moving_since_us = now_us
        reason = "nothing to play up to here"
        if self.playhead.moving:
            return [Play(target_us, now_us, self.playhead.rate, reason)]
        return [Hold(target_us, self.waiting or "pause", reason)]

    def _beyond_gap(self, position_us: int) -> int | None:
        """Return where the first lane goes on if every lane is in a gap here; else None."""
        ends = []
        for lane in self._lanes.values():
            if not lane.gates:
                continue
            span = lane.buffer.at(position_us)
            if span is None or not span.is_gap or span.start_us > position_us:
                if lane.ended_us is not None and position_us >= lane.ended_us:
                    continue
                return None
            ends.append(span.end_us)
        return min(ends, default=None)

    def _ready(self, position_us: int, now_us: int) -> bool:
        gates = self._gates()
        if not all(self._shows(lane, position_us) for lane in gates):
            return False
        edge_us = self.edge_us(position_us)
        if edge_us is not None and edge_us <= position_us:
            return False  # it would stall at once
        # At the first start and after a seek a second will do; after a stall the link has
        # shown that it cannot be trusted with so little.
        need_us = self._rules.rebuffer_us if self.waiting == "stall" else self._rules.start_us
        short = [
            lane
            for lane in gates
            # Sound is cut where its frames end: a segment of it may be a little short of another.
            if lane.edge_us(position_us) - position_us + self._rules.edge_us < need_us
            and not lane.reaches_end(position_us)
            and not self._is_full(lane, position_us)
            and lane.missing is None
        ]
        return not short or (self.waiting != "stall" and self._foreseen(position_us, now_us))

    def _is_full(self, lane: Lane, position_us: int) -> bool:
        """Whether a lane holds all that it has room for: no more comes before something plays."""
        all_held = lane.planned_us(position_us) <= lane.edge_us(position_us)
        return all_held and lane.full_since_us is not None

    def _shows(self, lane: Lane, position_us: int) -> bool:
        """Whether a lane has something to show at a position, or rightly nothing."""
        if lane.decoded_from_us is not None:
            return True
        if lane.ended_us is not None and position_us >= lane.ended_us - self._rules.edge_us:
            return True
        span = lane.buffer.at(position_us)
        return span is not None and span.is_gap

    def _foreseen(self, position_us: int, now_us: int) -> bool:
        """Whether what is on its way arrives before the playhead would need it."""
        rate_bps = self._transfers.rate_bps(now_us)
        if rate_bps is None:
            return False
        missing_bytes = 0
        needed_by_us: list[int] = []
        for lane in self._gates():
            if lane.reaches_end(position_us):
                continue
            transfer = self._transfers.segment_of(lane.track)
            planned_us = lane.planned_us(position_us)
            if transfer is None or not transfer.size_bytes:
                if planned_us - position_us < self._rules.start_us:
                    return False
                continue
            missing_bytes += max(0, transfer.size_bytes - transfer.bytes)
            needed_by_us.append(planned_us)
        arrive_us = missing_bytes * 8e6 / (rate_bps * self._rules.foresight)
        played_us = arrive_us * float(self.playhead.rate)
        return all(position_us + played_us <= by_us for by_us in needed_by_us)
