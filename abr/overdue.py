"""Sabre's rule for leaving a download: it will take far longer than the segment plays.

It looks at the download alone and not at the buffer, so it leaves a late segment even when
there is plenty to play; `LateRule` is the one for players. The answer is computed, not
polled: whatever arrives only puts the moment off, so the first moment at which the answer
could turn is known.
"""

from __future__ import annotations

from typing import Final

from abr.bola import STEP_S, ask_in
from abr.contract import Abandonment, Keep, Progress, Switch, View
from abr.segment_link import SegmentLink, share_bps

__all__ = ["overdue"]

TIMES: Final = 1.8
GRACE_S: Final = 0.5
"""Sabre and dash.js (AbandonRequestsRule): 1.8 times the duration, not in the first 500 ms."""


def overdue(
    view: View, progress: Progress, link: SegmentLink, *, safety_margin: float, cap: int
) -> Abandonment:
    """Return whether to leave a download for what its own rate sustains, or when to ask again.

    Args:
        view: What the controller sees, of the segment on its way.
        progress: How far it has come.
        link: What is known of the time to first byte.
        safety_margin: Share of the rate seen that is safe to use.
        cap: The highest rung that may be asked for.

    Source:
        Sabre's ThroughputRule.check_abandon.
    """
    current = min(progress.rung, len(view.rungs) - 1)
    left_bytes = progress.size_bytes - progress.bytes
    bitrate_bps = max(view.rungs[current].bitrate_bps, 1)
    costs_bytes = [
        progress.size_bytes * view.rungs[rung].bitrate_bps / bitrate_bps for rung in range(current)
    ]
    # What is left only shrinks: what costs more than it now will do so for good.
    cheaper = [r for r, cost in enumerate(costs_bytes) if cost < left_bytes and r <= cap]
    if not cheaper:
        return Keep()
    if progress.ttfb_s is None:
        return ask_in(view, max(GRACE_S - progress.elapsed_s, STEP_S))
    flowed_s = progress.elapsed_s - progress.ttfb_s
    got_bytes = max(progress.bytes, 1)
    longest_s = TIMES * progress.duration_s / (abs(view.rate) or 1.0)
    if progress.elapsed_s >= GRACE_S and flowed_s > 0:
        rate_bps = 8 * got_bytes / flowed_s
        finish_s = 8 * left_bytes / rate_bps
        if progress.elapsed_s + finish_s > longest_s:
            safe_bps = safety_margin * share_bps(view, rate_bps)
            target = min(link.sustainable(view, safe_bps), cap)
            if target < current and costs_bytes[target] < left_bytes:
                reason = f"{finish_s:.1f} s to go at {rate_bps / 1e6:.2f} Mb/s"
                return Switch(target, reason)

    # If not one byte more came: when would it be late, and when would its rate have fallen
    # so far that it sustains no more than the dearest rung that is still a saving?
    share_left = left_bytes / got_bytes
    late_at_s = (longest_s + share_left * progress.ttfb_s) / (1 + share_left)
    low_at_s = progress.ttfb_s
    body_s = view.segment_s - link.ttfb_s
    if body_s > 0 and cheaper[-1] + 1 <= cap:
        bits = view.segment_s * max(view.rungs[cheaper[-1] + 1].bitrate_bps, 1)
        needs_bps = bits / body_s / safety_margin + view.other_bps
        rate = abs(view.rate) or 1.0
        low_at_s += 8 * got_bytes / (needs_bps * rate)
    at_s = max(GRACE_S, late_at_s, low_at_s)
    return ask_in(view, at_s - progress.elapsed_s)
