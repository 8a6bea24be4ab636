"""DYNAMIC: throughput while the buffer is low, BOLA once it is high enough to be read.

BOLA is good at using a buffer and poor without one; the throughput rule is the reverse.
Both are asked for every segment, so that each is up to date when its turn comes.
"""

from __future__ import annotations

from typing import Final

from abr.bola import Bola
from abr.bola_e import BolaE
from abr.contract import Abandonment, Choice, Progress, Sample, Switch, View
from abr.held import Held
from abr.segment_link import SegmentLink
from abr.throughput import Throughput

__all__ = ["Dynamic", "DynamicDash"]

SWITCH_S: Final = 10.0
"""Sabre's Dynamic: BOLA may take over above 10 s and gives way below."""

DASH_ON_S: Final = 10.0
DASH_OFF_S: Final = 5.0
"""Sabre's DynamicDash: 10 s and 5 s, whatever the buffer (its source means to compute them)."""


class Dynamic:
    """BOLA above a level of buffer where it asks for no less than the throughput rule.

    Downloads are left by the throughput rule always.

    Args:
        switch_s: The level of buffer.

    Source:
        Spiteri, Sitaraman, Sparacio, "From theory to practice: improving bitrate adaptation
        in the DASH reference player", MMSys 2018; the steps are Sabre's (`dynamic`).
    """

    def __init__(self, *, switch_s: float = SWITCH_S) -> None:
        self._switch_s = switch_s
        self._link = SegmentLink()
        self._bola = Bola(link=self._link)
        self._throughput = Throughput(link=self._link)
        self._by_bola = False

    def choose(self, view: View) -> Choice:
        """Return what the rule in charge says."""
        if view.rung is None:
            self._by_bola = False
        throughput = self._throughput.choose(view)
        bola = self._bola.decide(view)
        if self._by_bola:
            if view.buffered_s < self._switch_s and bola.rung < throughput.rung:
                self._by_bola = False
        elif view.buffered_s > self._switch_s and bola.rung >= throughput.rung:
            self._by_bola = True
        return bola if self._by_bola else throughput

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a download that takes far too long should be left for a lower rung."""
        return self._throughput.abandon(view, progress)


class DynamicDash:
    """BOLA-E from one level of buffer on until it falls below another, as dash.js does.

    Args:
        on_s: BOLA-E takes over above this level.
        off_s: The throughput rule takes over below this one.

    Source:
        Sabre's `dynamicdash`; dash.js has the same with 18 s and 9 s for its own buffer.
    """

    def __init__(self, *, on_s: float = DASH_ON_S, off_s: float = DASH_OFF_S) -> None:
        if off_s > on_s:
            raise ValueError(f"off_s {off_s} is above on_s {on_s}")
        self._on_s = on_s
        self._off_s = off_s
        self._link = SegmentLink()
        self._bola = BolaE(link=self._link)
        self._throughput = Throughput(link=self._link)
        self._by_bola = False
        self._held = Held()

    def choose(self, view: View) -> Choice:
        """Return what the rule in charge says."""
        self._link.on(view.device.network)
        self._bola.take_in(view)
        choice = self._held.due(view)
        if choice is None:
            if view.rung is None or view.buffered_s < self._off_s:
                self._by_bola = False
            elif view.buffered_s > self._on_s:
                self._by_bola = True
            rule = self._bola.decide if self._by_bola else self._throughput.choose
            choice = self._held.keep(view, rule(view))
        self._bola.asked(view, choice)
        return choice

    def observe(self, sample: Sample) -> None:
        """Take in what the link did."""
        self._link.observe(sample)

    def abandon(self, view: View, progress: Progress) -> Abandonment:
        """Return whether a download should be left, by the rule in charge."""
        if self._by_bola:
            return self._bola.abandon(view, progress)
        answer = self._throughput.abandon(view, progress)
        if isinstance(answer, Switch):
            self._bola.leave(view, progress, answer.rung)
        return answer
