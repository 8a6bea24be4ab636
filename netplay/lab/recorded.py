"""A playback that was recorded, in the figures of a simulation.

Figures and models of QoE are folds over the stream of events and actions, and a log of
`Player`, of `netplay play --log` or of `netplay simulate --log` is that stream. So what a
viewer had and what the simulator foretells are scored by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from abr.contract import Played
from netplay.core.messages import Opened, Resolve, Resolved
from netplay.lab.figures import figures_of, scores_of
from netplay.lab.movies import Movie
from netplay.segments import SegmentIndex
from netplay.telemetry import Message, Qoe, read_log
from netplay.timeline import Known, Presentation, Representation

__all__ = ["score_log", "score_session"]


def score_log(
    path: str | Path, qoe: Iterable[str] = (), *, movie: Movie | None = None
) -> dict[str, float]:
    """Return the figures of a recorded playback, and a qoe_ entry for each model.

    Args:
        path: A log, whole or cut off.
        qoe: Models: "lin", "log", "hd", "v", "sabre".
        movie: Says the VMAF of what was played from its beginning on; "v" needs it, unless the
            manifest gave one.

    Raises:
        LogError: It is no log.
        ValueError: Nothing was shown, or a model needs what is not there.
    """
    records = read_log(Path(path)).records
    return score_session(((one.now_us, one.message) for one in records), qoe, movie=movie)


def score_session(
    messages: Iterable[tuple[int, Message]], qoe: Iterable[str] = (), *, movie: Movie | None = None
) -> dict[str, float]:
    """Return the figures of a session from its (now, message) stream, as `score_log` does."""
    fold, ladder = Qoe(), _Ladder()
    played: list[Played] = []
    for now_us, message in messages:
        fold(now_us, message)
        ladder.take(message)
        played += fold.played()
    summary = fold.summary()
    played += fold.close()
    lowest_bps = ladder.lowest_bps
    got = figures_of(played, summary, lowest_bps=lowest_bps, segment_us=ladder.segment_us)
    judged = played if movie is None else movie.judged(played)
    scores = scores_of(judged, tuple(qoe), lowest_bps=lowest_bps, startup_s=got.startup_s)
    return asdict(got) | {f"qoe_{name}": score for name, score in scores.items()}


class _Ladder:
    """What is known of the ladder that is watched.

    Attributes:
        lowest_bps: Of its lowest rung; 1 of none.
        segment_us: Duration of its first segment; 0 until an index is known.
    """

    def __init__(self) -> None:
        self.lowest_bps = 1
        self.segment_us = 0
        self._ids: frozenset[str] = frozenset()
        self._resolves: dict[int, str] = {}

    def take(self, message: Message) -> None:
        match message:
            case Opened(presentation=presentation, preferences=preferences):
                self._open(_rungs(presentation, video=preferences.video))
            case Resolve(resolve_id=resolve_id, representation=representation):
                self._resolves[resolve_id] = representation
            case Resolved(resolve_id=resolve_id, index=index):
                if self._resolves.pop(resolve_id, None) in self._ids:
                    self._learn(index)

    def _open(self, rungs: tuple[Representation, ...]) -> None:
        self._ids = frozenset(rep.id for rep in rungs)
        self.lowest_bps = min((rep.average_bps or rep.bandwidth_bps for rep in rungs), default=1)
        for rep in rungs:
            if isinstance(rep.index, Known):
                self._learn(rep.index.index)

    def _learn(self, index: SegmentIndex) -> None:
        if not self.segment_us and index:
            self.segment_us = index[0].duration_us


def _rungs(presentation: Presentation, *, video: bool) -> tuple[Representation, ...]:
    """Return the ladder of the picture, or of the sound where nobody looks."""
    for kind in ("video", "audio") if video else ("audio",):
        for period in presentation.periods:
            for group in period.sets:
                if group.kind == kind and not group.trick:
                    return group.representations
    return ()
