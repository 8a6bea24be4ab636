"""What goes to the decoders, and when.

A segment that is complete is fed at once; one that is still arriving only if it will
be needed within a moment, because leaving it half way then costs a flush.
"""

from __future__ import annotations

from collections.abc import Mapping

from netplay.core.buffer import Span
from netplay.core.lane import Lane
from netplay.core.messages import Action, Feed, Fetched, Progressed, Track
from netplay.core.rules import SessionRules
from netplay.core.title import Title

__all__ = ["Feeder"]


class Feeder:
    """Hands spans to the lanes' decoders in the order of the timeline."""

    def __init__(self, title: Title, lanes: Mapping[Track, Lane], rules: SessionRules) -> None:
        self._title = title
        self._lanes = lanes
        self._rules = rules
        # Where media does not know its place (HLS), the first segment seen of a stretch
        # with one timestamp origin tells it for every lane, so that they stay in step.
        self._offsets: dict[tuple[int, int], int] = {}
        self.restless = False
        """Something that is still arriving will be fed once the playhead comes near."""

    def received(self, lane: Lane, span: Span, event: Progressed | Fetched) -> bool:
        """Note what has come of a span, and learn where its media belongs.

        Returns:
            Whether that is more of the timeline than before, or changes where it belongs.
        """
        learnt = False
        if event.media_from_us is not None and self._offset(span) is None:
            learnt = self._leads(lane, span)
            if learnt:
                origin = (span.period, span.continuity)
                self._offsets[origin] = span.segment_start_us - event.media_from_us
        until_us = span.until_us
        if isinstance(event, Fetched):
            until_us = span.end_us
        elif event.media_until_us is not None:
            offset_us = self._offset(span)
            if offset_us is not None:
                reached_us = min(event.media_until_us + offset_us, span.end_us)
                until_us = max(until_us, reached_us)
        span.bytes = max(span.bytes, event.bytes)
        if until_us == span.until_us:
            return learnt
        lane.buffer.reach(span, until_us)
        return True

    def feed(self, position_us: int, *, waiting: bool) -> list[Action]:
        """Return everything that is to be fed now."""
        actions: list[Action] = []
        self.restless = False
        for lane in self._lanes.values():
            if lane.fed_us < position_us and lane.buffer.at(lane.fed_us) is None:
                # What was taken back when it had been played already is not fetched again.
                lane.fed_us = position_us
            while (span := lane.buffer.at(lane.fed_us)) is not None:
                if span.is_gap or span.fetch_id in lane.fed_ids:
                    lane.fed_us = span.end_us
                    continue
                feed = self._feed(lane, span, position_us, waiting=waiting)
                if feed is None:
                    if span.until_us > span.start_us:
                        self.restless = True
                    break
                actions.append(feed)
        return actions

    def _feed(self, lane: Lane, span: Span, position_us: int, *, waiting: bool) -> Feed | None:
        assert span.fetch_id is not None
        offset_us = self._offset(span)
        if offset_us is None:
            return None
        soon = waiting or span.start_us - position_us <= self._rules.progressive_us
        if not span.is_complete and not (soon and span.until_us > span.start_us):
            return None
        period_end_us = self._title.period_end_us(span.period)
        followed = self._title.later_period(span.period, lane.track) is not None
        cut = followed and period_end_us is not None and span.end_us >= period_end_us
        feed = Feed(
            track=lane.track,
            generation=lane.generation,
            fetch_id=span.fetch_id,
            offset_us=offset_us,
            from_us=self._from_us(lane, span, position_us),
            until_us=period_end_us if cut else None,
            last=span.last,
            reason="complete" if span.is_complete else "needed while it arrives",
        )
        lane.fed_ids.add(span.fetch_id)
        lane.fed_us = span.end_us
        return feed

    def _from_us(self, lane: Lane, span: Span, position_us: int) -> int:
        """Return the moment before which nothing of a span is to be shown.

        Ordinarily that is only where its Period begins: what an index says of an HLS segment
        may be off by frames, and no frame may be lost for that. A span that begins inside its
        segment shows only its own part, and one that is fed behind the playhead only the rest.
        """
        from_us = max(self._title.period_start_us(span.period), lane.floor_us)
        if span.start_us > span.segment_start_us + self._rules.edge_us:
            from_us = max(from_us, span.start_us)
        if span.start_us < position_us - self._rules.edge_us:
            from_us = max(from_us, position_us)
        return from_us

    def _offset(self, span: Span) -> int | None:
        if span.offset_us is not None:
            return span.offset_us
        return self._offsets.get((span.period, span.continuity))

    def _leads(self, lane: Lane, span: Span) -> bool:
        """Whether a lane's media says where everything else of its stretch belongs.

        The picture leads; sound leads where there is no picture.
        """
        video = self._lanes.get("video")
        if video is None or lane is video:
            return lane.gates
        beside = video.buffer.at(span.start_us)
        return lane.gates and beside is not None and beside.is_gap
