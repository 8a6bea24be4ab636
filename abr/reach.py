"""How far up the ladder the link and the buffer reach: what a rule tells `Hybrid`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reach"]


@dataclass(frozen=True, slots=True)
class Reach:
    """The highest rung to climb to, the highest to stay at, and why.

    Where a rung would be climbed to, it would also be stayed at: `stay` counts only for a
    rung that `climb` does not lie above.

    Attributes:
        climb, stay: Rungs.
        reason: Why, in words.
        early: Why a climb had better wait where climbs are rationed; empty if it need not.
    """

    climb: int
    stay: int
    reason: str
    early: str = ""
