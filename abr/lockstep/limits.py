"""How high a twin may go: limits of the ladder, which are the same in every session."""

from __future__ import annotations

from abr.contract import View
from abr.guardrails import Guardrails
from abr.lockstep.contract import Views

__all__ = ["cap"]


def cap(guardrails: Guardrails, views: Views) -> int:
    """Return the highest rung that limits by height and quality allow.

    Nothing is known of the device, so no limit of its own is in force.
    """
    one = View(
        now_us=0,
        rungs=views.ladder.rungs,
        rung=None,
        segment_s=views.segment_s,
        sizes_bytes=views.sizes_bytes,
        buffered_s=0.0,
        target_s=views.target_s,
        max_buffer_s=views.max_buffer_s,
    )
    return guardrails.cap(one).rung
