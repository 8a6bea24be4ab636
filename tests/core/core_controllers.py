"""Controllers that do as a test tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View

T = TypeVar("T")


class Scripted:
    """Answers from lists, the last one for ever; remembers what it was asked.

    Args:
        rungs: What to choose, in order.
        answers: What to say of downloads, in order.
    """

    def __init__(
        self,
        rungs: Sequence[int] = (0,),
        answers: Sequence[Abandonment] = (Keep(),),
        *,
        waits_s: Sequence[float] = (0.0,),
        estimate_bps: float | None = None,
    ) -> None:
        self._rungs = list(rungs)
        self._answers = list(answers)
        self._waits_s = list(waits_s)
        self._estimate_bps = estimate_bps
        self.views: list[View] = []
        self.asked: list[tuple[View, Progress]] = []
        self.samples: list[Sample] = []

    def choose(self, view: View) -> Choice:
        self.views.append(view)
        rung = min(next_of(self._rungs), len(view.rungs) - 1)
        return Choice(rung, next_of(self._waits_s), "as told", estimate_bps=self._estimate_bps)

    def observe(self, sample: Sample) -> None:
        self.samples.append(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        self.asked.append((view, progress))
        return next_of(self._answers)


class Unruly(Scripted):
    """Chooses a rung that is not there."""

    def choose(self, view: View) -> Choice:
        return Choice(len(view.rungs))


def next_of(answers: list[T]) -> T:
    return answers.pop(0) if len(answers) > 1 else answers[0]
