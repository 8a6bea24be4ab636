"""Which sound goes with the picture: the best that leaves the link to it."""

from __future__ import annotations

from netplay.core.offer import Offer

__all__ = ["sound_rung"]

# Sound may have this share of the link before a dearer rung of it is passed over. Media3
# gives audio about a tenth; subtitles and overheads are in the rest.
_SHARE = 0.15


def sound_rung(offer: Offer, estimate_bps: float | None) -> int:
    """Return the best sound that takes no more than its share of what the link carries."""
    share_bps = (estimate_bps or 0) * _SHARE
    reps = enumerate(offer.reps)
    affordable = [rung for rung, rep in reps if rep.bandwidth_bps <= share_bps]
    return max(affordable, default=0)
