"""Always the same rung: for harnesses that hold quality still, and as the simplest example."""

from __future__ import annotations

from abr.contract import Abandonment, Choice, Keep, Progress, Sample, View

__all__ = ["Fixed"]


class Fixed:
    """Picks one rung, the highest there is where the ladder is shorter, and stays with it."""

    def __init__(self, rung: int = 0) -> None:
        if rung < 0:
            raise ValueError(f"rungs count from 0, the lowest; there is no rung {rung}")
        self._rung = rung

    def choose(self, view: View) -> Choice:
        """Return the rung."""
        return Choice(min(self._rung, len(view.rungs) - 1), reason=f"fixed at {self._rung}")

    def observe(self, sample: Sample) -> None:
        """Do nothing: a link of any kind gets the same rung."""

    def abandon(self, view: View, progress: Progress) -> Abandonment:  # noqa: ARG002
        """Return that the download goes on, always."""
        return Keep()
