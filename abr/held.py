"""An answer that says "wait", kept until the wait is over.

BOLA-O and BOLA-E decide on a rung and on how long to wait for it in one breath. A player
asks again when the wait is over, and the answer is then the one it waited for: the buffer
has drained to where that rung belongs, and to decide anew would count the question twice.
"""

from __future__ import annotations

from dataclasses import replace

from abr.contract import Choice, View

__all__ = ["Held"]

_CLOSE_ENOUGH_S = 1e-3
"""What is left of a wait that is not worth another question."""


class Held:
    """Keeps the last answer that had a wait, for as long as the question is the same."""

    def __init__(self) -> None:
        self._choice: Choice | None = None
        self._until_us = 0
        self._segment = 0
        self._rungs = 0

    def keep(self, view: View, choice: Choice) -> Choice:
        """Return an answer, and remember it if it is a wait."""
        self._choice = choice if choice.wait_s > 0 else None
        self._until_us = view.now_us + round(choice.wait_s * 1e6)
        self._segment, self._rungs = view.fetched_segments, len(view.rungs)
        return choice

    def due(self, view: View) -> Choice | None:
        """Return what was waited for, with the wait that is left; None if nothing was."""
        choice, self._choice = self._choice, None
        same = (view.fetched_segments, len(view.rungs)) == (self._segment, self._rungs)
        if choice is None or not same or view.rung is None:
            return None
        left_s = (self._until_us - view.now_us) / 1e6
        if left_s <= _CLOSE_ENOUGH_S:
            return replace(choice, wait_s=0.0)
        self._choice = choice
        return replace(choice, wait_s=left_s)
