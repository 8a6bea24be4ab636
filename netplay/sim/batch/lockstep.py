"""Plays a title over many links at once: every session at the same segment, at its own time.

What the Session does with one track, one host and no faults is little, and the same in all
sessions: a segment is asked for as soon as there is room for it, the playhead stops where
media runs out and goes on when it comes. That is arithmetic on arrays here, in the same
integer microseconds. It takes as many steps as the title has segments, so it always ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from abr.lockstep.contract import Choices, Samples, Twin, Views
from netplay.sim.batch.limits import check
from netplay.sim.batch.patience import Patience
from netplay.sim.batch.playheads import Playheads
from netplay.sim.batch.requests import Links, Requests
from netplay.sim.batch.title import Step, film
from netplay.sim.batch.traces import Bools, Ints
from netplay.sim.content import Content
from netplay.sim.profiles import Profile

__all__ = ["Batch", "play_in_step"]

SHORTEST_PAUSE_US: Final = 1_000
"""As the Scheduler has it: a controller is asked again no sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What came of many sessions: of every segment, shape (sessions, segments).

    Attributes:
        rungs: What was fetched and shown, 0 the lowest.
        asked_us, first_byte_us, done_us: When it was asked for, began to come and had come.
        buffered_us: Media held ahead when it was asked for.
        stall_us: For how long the playhead waited for it; not for the first.
        duration_us: Of each segment, shape (segments,).
        startup_us: When the first picture was shown, shape (sessions,).
        overdue: Sessions in which a download took longer than the player's patience, shape
            (sessions,): it may have been left for another try, which is not played in step,
            so what is said of these sessions does not hold.
    """

    rungs: Ints
    asked_us: Ints
    first_byte_us: Ints
    done_us: Ints
    buffered_us: Ints
    stall_us: Ints
    duration_us: Ints
    startup_us: Ints
    overdue: Bools


_OF_SEGMENTS: Final = (
    "rungs", "asked_us", "first_byte_us", "done_us", "buffered_us", "stall_us",
)  # fmt: skip


def play_in_step(content: Content, twin: Twin, links: Links, profile: Profile) -> Batch:
    """Play a title over every link at once and return how it went.

    Equal to `simulate_session` with the controller of which `twin` is the twin, over each
    of the links, under the rules, the link model and the device of the profile.

    Args:
        twin: Picks the rungs; fresh, as it learns.

    Raises:
        LockstepRefused: The title or the profile is beyond what sessions in step can do.
    """
    run = _Run(content, twin, links, profile)
    for number in range(len(run.film.steps)):
        run.play(number)
    return run.batch()


class _Run:
    """All sessions, at the same segment."""

    def __init__(self, content: Content, twin: Twin, links: Links, profile: Profile) -> None:
        self.film = film(content, edge_us=profile.rules.edge_us)
        count = len(links.bandwidth)
        self._twin = twin
        self._rules = profile.rules
        self._first_frame_us = profile.decoding.first_frame_us
        self._requests = Requests(links, profile)
        check(self.film, profile, self._requests.bandwidth)
        self._playheads = Playheads(count)
        self._patience = Patience(self._requests.bandwidth, profile.rules.patience_us)
        # When the last segment had come, and what it was.
        self._now_us: Ints = np.zeros(count, dtype=np.int64)
        self._rung: Ints | None = None
        steps = len(self.film.steps)
        self._rows = {name: np.empty((steps, count), dtype=np.int64) for name in _OF_SEGMENTS}
        self._startup_us = self._now_us
        self._overdue = np.zeros(count, dtype=np.bool_)

    def play(self, number: int) -> None:
        """Choose, fetch and show one segment in every session."""
        step = self.film.steps[number]
        ready_us = self._now_us if number == 0 else self._has_room_us(step)
        buffered_us = step.start_us - self._playheads.position_us(ready_us)
        choices = self._twin.choose(self._views(number, ready_us, buffered_us))
        asked_us, rung = self._asks(ready_us, choices)
        size_bytes = step.size_bytes[rung]
        first_us, done_us = self._requests.fetch(asked_us, size_bytes)
        if number == 0:
            self._startup_us = done_us + self._first_frame_us
            self._playheads.start(self._startup_us)
            stall_us = np.zeros_like(done_us)
            self._overdue |= self._patience.ends(asked_us, first_us, done_us, done_us)
        else:
            stall_us = self._playheads.meet(step.start_us, done_us)
        self._twin.observe(
            Samples(
                asked_us=asked_us,
                bytes=size_bytes,
                busy_s=(done_us - first_us) / 1e6,
                ttfb_s=(first_us - asked_us) / 1e6,
                duration_s=step.duration_us / 1e6,
            )
        )
        self._overdue |= self._patience.ends(asked_us, first_us, done_us, stall_us)
        self._now_us, self._rung = done_us, rung
        row = (rung, asked_us, first_us, done_us, buffered_us, stall_us)
        for name, values in zip(_OF_SEGMENTS, row, strict=True):
            self._rows[name][number] = values

    def batch(self) -> Batch:
        """Return what came of it."""
        durations_us = [step.duration_us for step in self.film.steps]
        return Batch(
            **{name: rows.T for name, rows in self._rows.items()},
            duration_us=np.array(durations_us, dtype=np.int64),
            startup_us=self._startup_us,
            overdue=self._overdue,
        )

    def _has_room_us(self, step: Step) -> Ints:
        """Return when there is room for a segment."""
        rules, now_us = self._rules, self._now_us
        # `Room`: less than what is aimed at, and the segment fits or there is nothing left.
        position_us = max(
            step.start_us - rules.target_us + 1,
            min(step.end_us - rules.max_buffer_us, step.start_us),
        )
        ready_us = self._playheads.reach_us(position_us, now_us)
        if rules.nap_us:
            naps = -((now_us - ready_us) // rules.nap_us)
            ready_us = now_us + naps * rules.nap_us
        return ready_us

    def _views(self, number: int, now_us: Ints, buffered_us: Ints) -> Views:
        step, rules = self.film.steps[number], self._rules
        return Views(
            now_us=now_us,
            ladder=self.film.ladder,
            rung=self._rung,
            segment_s=step.duration_us / 1e6,
            sizes_bytes=step.told_bytes,
            buffered_s=buffered_us / 1e6,
            target_s=rules.target_us / 1e6,
            max_buffer_s=rules.max_buffer_us / 1e6,
            rebuffers=self._playheads.stalls,
            remaining_segments=step.remaining,
            fetched_segments=number,
            waited_s=(now_us - self._now_us) / 1e6,
        )

    def _asks(self, ready_us: Ints, choices: Choices) -> tuple[Ints, Ints]:
        """Return when each session asks, and for which rung."""
        rung, top = choices.rung, self.film.ladder.top
        # A negative one is beyond all others when it is taken for unsigned.
        if rung.view(np.uint64).max() > top:
            raise ValueError(f"the twin chose rungs {rung.min()} to {rung.max()} of {top + 1}")
        first_rung = self._rules.first_rung
        if self._rung is None and first_rung is not None:
            return ready_us, np.full_like(rung, min(first_rung, top))
        wait_s = choices.wait_s
        if wait_s is None or not (waits := wait_s > 0).any():
            return ready_us, rung
        wait_us = np.maximum(SHORTEST_PAUSE_US, np.rint(wait_s * 1e6).astype(np.int64))
        return np.where(waits, ready_us + wait_us, ready_us), rung
