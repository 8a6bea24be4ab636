"""What the decoders say: frames are ready, a segment is broken, frames come too late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from netplay.core.lane import Lane
from netplay.core.licenses import Locked
from netplay.core.messages import (
    Action,
    Decoded,
    DecodeFailed,
    DecodeLagged,
    Evict,
    Removed,
    Rendered,
    Track,
)
from netplay.core.playback import Playback
from netplay.core.requests import Requests
from netplay.core.rules import SessionRules
from netplay.core.title import Title

__all__ = ["Decoding"]


class Decoding:
    """Follows the decoders of all lanes; what they said in an older generation is ignored."""

    def __init__(
        self,
        title: Title,
        lanes: Mapping[Track, Lane],
        playback: Playback,
        requests: Requests,
        rules: SessionRules,
    ) -> None:
        self._title = title
        self._lanes = lanes
        self._playback = playback
        self._requests = requests
        self._rules = rules

    def take(
        self, event: Decoded | Rendered | DecodeFailed | DecodeLagged, now_us: int
    ) -> list[Action]:
        """Take in what a decoder, or the presenter behind it, said."""
        lane = self._lanes.get(event.track)
        if lane is None or event.generation != lane.generation:
            return []
        match event:
            case Decoded():
                if lane.decoded_from_us is None:
                    lane.decoded_from_us = event.from_us
                lane.hardware = event.hardware
            case Rendered():
                if lane.track == ("video" if "video" in self._lanes else "audio"):
                    self._playback.rendered(event.position_us, event.at_us, now_us)
            case DecodeLagged():
                self._lagged(lane, event, now_us)
            case DecodeFailed():
                return self._failed(lane, event, now_us)
            case _:
                assert_never(event)
        return []

    def _failed(self, lane: Lane, event: DecodeFailed, now_us: int) -> list[Action]:
        span = lane.buffer.of_fetch(event.fetch_id)
        if span is None:
            return []
        if event.locked:
            return self._requests.locked(Locked(span.representation, event.detail, event.fetch_id))
        detail = f"cannot be decoded: {event.detail}"
        transfer = self._requests.transfers.get(event.fetch_id)
        if transfer is not None:
            actions = self._requests.cancel(transfer, detail)
        else:
            actions = self._requests.take_back(lane, event.fetch_id)
            actions.append(Evict((event.fetch_id,), detail))
        self._title.undecodable(span.representation)
        if event.media:
            # Another host may have the same segment unbroken.
            resource = (span.representation, span.number, False)
            self._requests.failover.failed(
                resource,
                span.host,
                failure="decode",
                detail=detail,
                status=None,
                retry_after_us=None,
                asked_us=now_us,
                now_us=now_us,
            )
            return actions
        said = ((lane.track, detail),)
        self._title.remove(span.representation, None, said)
        return [*actions, Removed(span.representation, None, detail)]

    def _lagged(self, lane: Lane, event: DecodeLagged, now_us: int) -> None:
        """Leave a rung that this machine cannot decode in time, and those above it."""
        late = event.dropped / max(1, event.dropped + event.shown)
        span = lane.buffer.at(self._playback.position_us(now_us))
        if lane.track != "video" or late < self._rules.lag_share or span is None or span.rung <= 0:
            return
        _, ladder = self._title.ladder("video", span.start_us)
        for rep in ladder.representations[span.rung :] if ladder else ():
            self._title.ban(rep.id, now_us + self._rules.lag_ban_us)
