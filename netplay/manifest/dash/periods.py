"""When each Period begins and ends (§5.3.2.1).

A Period begins where it says, or where the one before it ends; it ends where the next one
begins, else after its own duration, else with the presentation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netplay.manifest.dash.document import Node

__all__ = ["Span", "spans_of"]

MAX_PERIODS = 20_000
MAX_MOMENT_US = 1 << 60
"""36,000 years: a Period that begins later is not one."""


@dataclass(frozen=True, slots=True)
class Span:
    """A Period element and its place on the timeline of the MPD.

    Attributes:
        number: Its place among the Period elements.
    """

    node: Node
    number: int
    start_us: int
    end_us: int | None

    def moved(self, by_us: int) -> Span:
        """Return the span on a timeline whose origin is elsewhere."""
        end_us = None if self.end_us is None else self.end_us + by_us
        return replace(self, start_us=self.start_us + by_us, end_us=end_us)


def spans_of(mpd: Node) -> list[Span]:
    """Return the Periods whose beginning is known and that last; others are left out."""
    nodes = mpd.children("Period")
    if len(nodes) > MAX_PERIODS:
        raise mpd.error(f"has {len(nodes)} Periods; at most {MAX_PERIODS} are read")
    whole_us = mpd.duration_us("mediaPresentationDuration")
    spans: list[Span] = []
    before_us: int | None = 0
    for number, node in enumerate(nodes):
        start_us = node.duration_us("start")
        if start_us is None:
            start_us = before_us
        if start_us is None or not 0 <= start_us < MAX_MOMENT_US:
            # An early available Period (§5.3.2.1): it will be announced again with a start.
            node.warn("left out: when it begins is not known yet")
            before_us = None
            continue
        end_us = _end_us(nodes, number, start_us=start_us, whole_us=whole_us)
        if end_us is not None and end_us == whole_us and end_us <= start_us:
            # Counted from where the first Period begins, not from 0.
            end_us += spans[0].start_us if spans else start_us
        before_us = end_us
        if end_us is not None and end_us <= start_us:
            node.warn("left out: it lasts no time")
            continue
        spans.append(Span(node, number, start_us, end_us))
    return spans


def _end_us(nodes: list[Node], number: int, *, start_us: int, whole_us: int | None) -> int | None:
    own_us = nodes[number].duration_us("duration")
    last = number + 1 == len(nodes)
    next_us = None if last else nodes[number + 1].duration_us("start")
    if next_us is not None:
        if own_us is not None and start_us + own_us != next_us:
            nodes[number].warn("its duration is not that up to the next Period, which was taken")
        return next_us
    if own_us is not None:
        return start_us + own_us
    return whole_us if last else None
