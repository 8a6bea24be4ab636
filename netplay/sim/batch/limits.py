"""What a profile may be like for sessions to be played in step; anything else is refused."""

from __future__ import annotations

from typing import Final

import numpy as np

from netplay.core.rules import SessionRules
from netplay.sim.batch.refusal import LockstepRefused
from netplay.sim.batch.title import Film
from netplay.sim.batch.traces import Traces
from netplay.sim.profiles import Profile

__all__ = ["FOR_EVER_US", "check"]

FOR_EVER_US: Final = 1 << 59
"""Rules from here on have no effect: 18,000 years."""


def check(film: Film, profile: Profile, bandwidth: Traces) -> None:
    """Refuse a profile, or links, under which more happens than sessions in step can do.

    Args:
        bandwidth: What the links carry of what is asked for.

    Raises:
        LockstepRefused: It says what that is.
    """
    rules = profile.rules
    if rules.abandons:
        raise LockstepRefused("downloads may be left; Profile.keeping_downloads() keeps them")
    # The playhead begins, and goes on, with one segment: nothing is foreseen or added up.
    least_us = max(rules.start_us, rules.rebuffer_us)
    shortest_us = min((step.duration_us for step in film.steps[:-1]), default=least_us)
    if shortest_us < least_us:
        raise LockstepRefused(
            f"segments of {shortest_us / 1e6:g} s are too short for a player that goes on with"
            f" {least_us / 1e6:g} s"
        )
    if rules.nap_us and (rules.max_buffer_us < FOR_EVER_US or profile.decoding.first_frame_us):
        raise LockstepRefused("naps and a maximum buffer, or a slow first frame, at once")
    if rules.nap_us >= rules.target_us:
        raise LockstepRefused("the player may sleep until it has nothing left")
    if _fills_memory(film, rules):
        raise LockstepRefused("its segments may fill the player's memory")
    bytes_at_most = sum(float(step.size_bytes.max()) for step in film.steps)
    if bandwidth.lasts_us(bytes_at_most * 8e6).max() >= FOR_EVER_US:
        raise LockstepRefused("on one of the links the title would take some thousand years")


def _fills_memory(film: Film, rules: SessionRules) -> bool:
    """Whether the largest segments together may be more bytes than may be held."""
    if rules.max_buffer_bytes >= FOR_EVER_US:
        return False
    largest = np.array([step.size_bytes.max() for step in film.steps])
    shortest_us = min(step.duration_us for step in film.steps)
    most = min(len(largest), rules.max_buffer_us // shortest_us + 3)
    held = np.convolve(largest, np.ones(most, dtype=np.int64), mode="valid")
    return bool(held.max() > rules.max_buffer_bytes)
