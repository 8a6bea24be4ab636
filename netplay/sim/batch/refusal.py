"""Why sessions cannot be played in step."""

from __future__ import annotations

__all__ = ["LockstepRefused"]


class LockstepRefused(ValueError):
    """What was asked for is beyond what sessions in step can do; `simulate` can.

    Attributes:
        why: What stands against it.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"not in step: {why}")
