"""The scripted title with bitrates that do not round to nothing."""

from __future__ import annotations

from dataclasses import replace

from scripted import MOVIE

from netplay.core.device import Device, Preferences
from netplay.core.messages import Opened

__all__ = ["OPENED"]

_PERIOD = MOVIE.periods[0]
_SET = _PERIOD.sets[0]
_RUNGS = tuple(
    replace(one, bandwidth_bps=one.bandwidth_bps * 10_000) for one in _SET.representations
)
_FAST = replace(MOVIE, periods=(replace(_PERIOD, sets=(replace(_SET, representations=_RUNGS),)),))

OPENED = Opened(_FAST, Device(), Preferences(), asked_us=0, paused=False)
"""Rungs of 1 and 3 Mb/s."""
