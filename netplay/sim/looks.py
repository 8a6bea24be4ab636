"""A controller that is asked about a download only when another player would look at it.

Sabre looks at a download after at least so many bits and at least so long since its last
look, and a rule that could have said yes in between says it at the next look. Which moments
those are follows from the trace alone, so nothing is polled: the controller names the
moment from which on it could say yes, and is asked at the first look from there on.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from abr.contract import Abandonment, Choice, Controller, Keep, Progress, Sample, View
from netplay.sim.link import Link

__all__ = ["Looks", "OnLooks"]


@dataclass(frozen=True, slots=True)
class Looks:
    """How often a download is looked at: after so long and so many bits since the last look."""

    every_us: int
    every_bits: int

    def __post_init__(self) -> None:
        """Refuse looks that would never come to an end."""
        if self.every_us <= 0 or self.every_bits < 0:
            raise ValueError("looks are some time apart, and no negative number of bits")


class OnLooks:
    """A controller, asked about downloads at looks only.

    Args:
        link: What downloads come over: one at a time, on all of it. Where a sender's window
            or a host holds one back, looks are as if they did not.
    """

    def __init__(self, controller: Controller, looks: Looks, link: Link) -> None:
        self._controller = controller
        self._looks = looks
        self._link = link
        self._trace = link.goodput()
        self._asked_us = -1
        # The next look, and in truth within the microsecond before it.
        self._look_us = 0
        self._exact_us = 0.0
        # While the link goes on at one rate, and whether that brings enough for the next look
        # before it is due.
        self._steady_from_us, self._steady_until_us = 0, 0.0
        self._is_in_step = False

    def choose(self, view: View) -> Choice:
        """Return what the controller chooses."""
        return self._controller.choose(view)

    def observe(self, sample: Sample) -> None:
        """Let the controller take in what the link did."""
        self._controller.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return what the controller says at a look; between looks, to ask at the next one."""
        now_us = view.now_us
        asked_us = now_us - round(progress.elapsed_s * 1e6)
        if asked_us != self._asked_us:
            self._begin(asked_us)
        if not self._reach(now_us):
            return Keep()
        if self._look_us > now_us:
            return Keep(self._look_us)
        answer = self._controller.abandon(view, progress)
        if not isinstance(answer, Keep) or answer.ask_again_us is None:
            return answer
        if not self._reach(max(now_us + 1, answer.ask_again_us)):
            return Keep()
        return Keep(self._look_us)

    def _begin(self, asked_us: int) -> None:
        """Find the first look at a download."""
        self._asked_us = asked_us
        flows_us = asked_us + self._link.rtt_at("", asked_us)
        first_us = self._after_bits(self._bits(flows_us))
        # A link that is dead for good is never looked at: nothing more is said of it.
        self._exact_us = max(asked_us + self._looks.every_us, first_us or flows_us)
        self._look_us = ceil(self._exact_us)

    def _reach(self, at_us: int) -> bool:
        """Go on to the first look from a moment on; whether there is one."""
        every_us = self._looks.every_us
        while self._look_us < at_us:
            steps = self._steps_in_step(at_us)
            if steps:
                self._exact_us += steps * every_us
            else:
                there_us = self._after_bits(self._bits(self._exact_us))
                if there_us is None:
                    return False
                self._exact_us = max(self._exact_us + every_us, there_us)
            self._look_us = ceil(self._exact_us)
        return True

    def _bits(self, moment_us: float) -> float:
        """Return the microbits that the link carried up to a moment."""
        whole_us = int(moment_us)
        trace = self._trace
        return trace.total(whole_us) + (moment_us - whole_us) * trace.at(whole_us)

    def _after_bits(self, microbits: float) -> float | None:
        """Return when enough has come on top of so many microbits; None: never.

        In fractions: looks follow one another, and rounding would add up.
        """
        trace, needed = self._trace, microbits + self._looks.every_bits * 1_000_000
        there_us = trace.when(ceil(needed))
        if there_us is None:
            return None
        rate = trace.at(there_us - 1)
        return there_us - (trace.total(there_us) - needed) / rate if rate else there_us

    def _steps_in_step(self, at_us: int) -> int:
        """Return how many looks follow at the least distance, up to a moment or a change."""
        every_us, look_us = self._looks.every_us, int(self._exact_us)
        if not self._steady_from_us <= look_us < self._steady_until_us:
            change_us = self._trace.next_change_us(look_us)
            self._steady_from_us = look_us
            self._steady_until_us = inf if change_us is None else change_us
            least = self._looks.every_bits * 1_000_000
            self._is_in_step = self._trace.at(look_us) * every_us >= least
        if not self._is_in_step:
            return 0
        steps = ceil((at_us - self._exact_us) / every_us)
        if self._steady_until_us == inf:
            return steps
        return min(steps, int((self._steady_until_us - self._exact_us) / every_us))
