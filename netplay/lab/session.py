"""One session of a study: a movie, over a trace, by a controller, under a profile."""

from __future__ import annotations

from collections.abc import Sequence

from abr.contract import Controller
from netplay.lab.conditions import Conditions
from netplay.lab.movies import Movie
from netplay.lab.traces import NetworkTrace
from netplay.sim.drive import Simulated, simulate_session
from netplay.sim.profiles import Profile
from netplay.telemetry import Tap

__all__ = ["play"]


def play(
    movie: Movie,
    trace: NetworkTrace,
    controller: Controller,
    profile: Profile,
    *,
    conditions: Conditions | None = None,
    seed: int = 0,
    taps: Sequence[Tap] = (),
) -> Simulated:
    """Play a movie to its end, or until the link is dead for good, and return how it went.

    Raises:
        StepLimitReached: It came to no end.
        ValueError: The controller answered what the contract forbids.
    """
    link = profile.link(trace.bandwidth(), trace.rtt_us())
    if conditions is not None:
        link = conditions.on(link)
    return simulate_session(
        movie.content,
        profile.controller(controller, link),
        link,
        rules=profile.rules,
        seed=seed,
        decoding=profile.decoding,
        taps=taps,
    )
