"""Whether a player's patience may have ended: what `Patience` does then is not played in step."""

from __future__ import annotations

import numpy as np

from netplay.sim.batch.limits import FOR_EVER_US
from netplay.sim.batch.traces import Bools, Ints, Traces

__all__ = ["Patience"]

_SILENT_BPS = 8
"""Of a slower link some seconds may pass without a byte."""


class Patience:
    """Finds the downloads that may have been left as silent, or as too slow to wait for.

    Args:
        patience_us: `SessionRules.patience_us`.
    """

    def __init__(self, bandwidth: Traces, patience_us: int) -> None:
        self._patience_us = patience_us
        self._is_endless = patience_us >= FOR_EVER_US
        self._quiet = bandwidth.quiet_us(_SILENT_BPS) >= patience_us

    def ends(self, asked_us: Ints, first_us: Ints, done_us: Ints, stall_us: Ints) -> Bools:
        """Return in which sessions it may have, with this download.

        Args:
            stall_us: For how long the viewer waited for it.
        """
        if self._is_endless:
            return np.zeros(len(done_us), dtype=np.bool_)
        most_us = self._patience_us
        long = done_us - asked_us > most_us
        if not long.any():
            return long
        late = first_us - asked_us > most_us
        dripped = np.minimum(done_us - asked_us, stall_us) > most_us
        found: Bools = late | dripped | (long & self._quiet)
        return found
