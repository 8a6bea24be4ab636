"""The best QoE_lin that could have been had on a trace, had its future been known."""

from __future__ import annotations

import json
from pathlib import Path

from abr.optimal import Link, Room, Worth, best_plan
from netplay.lab.traces import NetworkTrace

__all__ = ["best_lin"]

STALL_COST = 4.3
"""QoE_lin: of a second, in Mb/s of a segment."""


def best_lin(movie: Path, trace: NetworkTrace, *, segments: int) -> float:
    """Return the best QoE_lin found in Pensieve's environment, its first segment at rung 1."""
    said = json.loads(movie.read_text(encoding="utf-8"))
    quality = tuple(kbps / 1000 for kbps in said["bitrates_kbps"])
    plan = best_plan(
        [[bits / 8 for bits in row] for row in said["segment_sizes_bits"][:segments]],
        Link(
            tuple((us / 1e6, float(bps)) for us, bps, _ in trace.pieces),
            latency_s=trace.pieces[0][2] / 1e6,
            payload=0.95,
            latency_on_clock=False,
        ),
        segment_s=said["segment_duration_ms"] / 1000,
        worth=Worth((quality,) * segments, stall_cost=STALL_COST),
        room=Room(60.0, drain_step_s=0.5),
        first_rung=1,
    )
    return plan.score
