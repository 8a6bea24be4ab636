"""What a study consists of: every movie over every trace by every controller, and how.

A plan is data that a worker process can be sent. What is wrong with it is found before the
first session is played.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

import abr
from abr.contract import Controller
from abr.qoe import model
from netplay.lab.conditions import Conditions
from netplay.lab.movies import Movie
from netplay.lab.traces import NetworkTrace
from netplay.sim.profiles import Profile, profile

__all__ = ["Contender", "Job", "Plan", "Row", "contenders", "profile_for"]

Row = dict[str, object]
"""One session's results by column; every value a string, a number, a bool or None."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A controller that takes part.

    Attributes:
        make: Returns a new one; it must survive pickling where there are worker processes.
        settings: What it was made with, for the record.
    """

    name: str
    make: Callable[[], Controller]
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """One session: places in the plan's movies, traces and contenders."""

    movie: int
    trace: int
    contender: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A study.

    Attributes:
        traces: (name of the file or set it is from, trace).
        profile: As whom the Session plays, other buffers and the like already in it.
        buffer_s: What was asked for; None: the profile's own.
        conditions: Of every link, and who serves.
        log: A folder for a log of every session; None: none.
    """

    movies: tuple[Movie, ...]
    traces: tuple[tuple[str, NetworkTrace], ...]
    contenders: tuple[Contender, ...]
    profile: Profile
    qoe: tuple[str, ...] = ()
    seed: int = 0
    buffer_s: float | None = None
    conditions: Conditions = field(default_factory=Conditions)
    log: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a plan of which no session could be played or scored."""
        if not (self.movies and self.traces and self.contenders):
            raise ValueError("a study has a movie, a trace and a controller at least")
        names = [one.name for one in self.contenders]
        if len(set(names)) < len(names):
            raise ValueError(f"a controller is named twice: {', '.join(names)}")
        for name in self.qoe:
            model(name, lowest_bps=1.0)
        for movie in self.movies:
            if "v" in self.qoe and movie.vmaf is None:
                raise ValueError(f"QoE model 'v' needs VMAF, and {movie.name} has none")

    def jobs(self) -> Iterator[Job]:
        """Yield every session; those to be compared follow one another."""
        for movie in range(len(self.movies)):
            for trace in range(len(self.traces)):
                for one in range(len(self.contenders)):
                    yield Job(movie, trace, one)

    def heading(self, job: Job) -> Row:
        """Return what identifies a session's row, and what it came from."""
        source, trace = self.traces[job.trace]
        one = self.contenders[job.contender]
        return {
            "trace": trace.name,
            "traces": source,
            "movie": self.movies[job.movie].name,
            "abr": one.name,
            "profile": self.profile.name,
            "seed": self.seed,
            "settings": json.dumps(dict(one.settings), sort_keys=True, default=str),
            "buffer_s": self.buffer_s,
            "abandon": self.profile.rules.abandons,
            "link": self.conditions.told(),
            "netplay": version("netplay"),
            "python": platform.python_version(),
        }


def _contender(name: str, settings: Mapping[str, object]) -> tuple[Contender, frozenset[str]]:
    """Return a controller by name, and which settings it took: those that it knows.

    Args:
        settings: By name; "NAME.setting" is for the controller of that name alone.

    Raises:
        ValueError: There is no such controller, or a setting has a value it cannot have.
    """
    abr.controller(name)
    taken: dict[str, object] = {}
    used: set[str] = set()
    for key, value in settings.items():
        owner, _, setting = key.rpartition(".")
        if owner and owner != name:
            continue
        try:
            abr.controller(name, **{setting: value})
        except ValueError as error:
            if not owner and "keyword argument" in str(error.__cause__):
                continue  # another controller's, or nobody's, which the caller finds out
            raise
        taken[setting] = value
        used.add(key)
    made = partial(abr.controller, name, **taken)
    made()
    return Contender(name, made, taken), frozenset(used)


def profile_for(name: str, *, buffer_s: float | None, abandon: bool) -> Profile:
    """Return a profile with another buffer, or without leaving downloads.

    Raises:
        ValueError: There is no such profile, or the buffer is none.
    """
    chosen = profile(name)
    if buffer_s is not None:
        if not 0 < buffer_s < 1e6:
            raise ValueError(f"a buffer holds some seconds, not {buffer_s:g}")
        chosen = chosen.buffering(round(buffer_s * 1e6))
    return chosen if abandon else chosen.keeping_downloads()


def contenders(names: Sequence[str], settings: Mapping[str, object]) -> tuple[Contender, ...]:
    """Return controllers by name, with the settings that each of them knows.

    Raises:
        ValueError: There is no such controller, or none that knows a setting.
    """
    made = [_contender(name, settings) for name in names]
    unknown = set(settings).difference(*(used for _, used in made))
    if unknown:
        raise ValueError(f"no controller here has a setting {', '.join(sorted(unknown))}")
    return tuple(one for one, _ in made)
