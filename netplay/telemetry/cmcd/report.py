"""CMCD events to a URL of the app's: what happened, when it happened, in batches.

The reporter is a tap. It makes a line of each event and leaves it in a bounded queue; a
thread sends them. Interval reports are made when a message passes after the interval is
over, which while playing is at least four times a second.

Source: CTA-5004-B, event mode; CTA-5004, transmission as JSON.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Literal

from netplay.core.messages import (
    Cancel,
    Fail,
    Fetched,
    FetchFailed,
    Finish,
    Hold,
    Opened,
    Play,
    Progressed,
    Resumed,
)
from netplay.telemetry.bounded import Outbox
from netplay.telemetry.cmcd.keys import About, Value, to_json, written
from netplay.telemetry.cmcd.post import BACKOFF_S, Post, Sender, post_over_http
from netplay.telemetry.cmcd.request import Cmcd
from netplay.telemetry.cmcd.values import status_values
from netplay.telemetry.structured import Token
from netplay.telemetry.wire import Message

__all__ = ["CmcdReporter"]

CAPACITY = 1000
"""Reports that may wait: at some two a second, minutes of a server that does not answer."""

BATCH = 50
INTERVAL_S = 30.0
"""Between interval reports, as the specification recommends."""


class CmcdReporter:
    """Sends a session's events to a URL: the state of play, bitrates, errors, responses.

    A tap, to be called after the Cmcd that it is made with, whose session it reports:
    `Player(taps=[cmcd, reporter])`. Close it when the player is closed.

    Args:
        url: Where reports are posted; http or https.
        form: "cmcd": lines of CMCD version 2, as application/cmcd; "json": an array of
            objects, as application/json.
        interval_s: Between reports that nothing else causes; 0: none.
        linger_s: How long a report may wait for others to travel with.
        responses: Report every response (event "rr") as well, its URL without query.
        post: Sends a body; the default speaks HTTP with the standard library.
        wall_us: Tells Unix time in microseconds.

    Source:
        CTA-5004-B, event mode: events ps, bc, pr, e, t and rr.
    """

    def __init__(
        self,
        cmcd: Cmcd,
        url: str,
        *,
        form: Literal["cmcd", "json"] = "cmcd",
        interval_s: float = INTERVAL_S,
        linger_s: float = 1.0,
        responses: bool = False,
        capacity: int = CAPACITY,
        post: Post = post_over_http,
        backoff_s: float = BACKOFF_S,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        media_type = "application/cmcd" if form == "cmcd" else "application/json"
        self._send = Sender(url, media_type, post=post, backoff_s=backoff_s)
        self._outbox: Outbox[str] = Outbox(
            self._deliver, capacity=capacity, batch=BATCH, linger_s=linger_s, name="netplay-cmcd"
        )
        self._cmcd = cmcd
        self._form = form
        self._name = f"event {url}"
        self._interval_us = round(interval_s * 1e6)
        self._responses = responses
        self._wall_us = wall_us
        self._epoch_us: int | None = None
        self._reported_us = 0
        self._state = ""
        self._rate = 1.0
        self._rungs: tuple[About, ...] = ()
        self._begun: dict[int, int] = {}

    @property
    def dropped(self) -> int:
        """Reports that found the queue full, or the server gone for good."""
        return self._outbox.dropped

    @property
    def lost(self) -> int:
        """Reports that were sent and not taken."""
        return self._outbox.failed

    @property
    def error(self) -> Exception | None:
        """Why the last of them was not taken; None if all were."""
        return self._outbox.error

    def __call__(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        if self._epoch_us is None or isinstance(message, Opened):
            self._epoch_us = self._wall_us() - now_us
        if isinstance(message, Opened):
            self._state, self._rungs, self._rate = "", (), 1.0
            self._begun.clear()
            self._reported_us = now_us
        for kind, extra in self._happened(now_us, message):
            self._report(now_us, kind, extra)
        if self._interval_us and now_us - self._reported_us >= self._interval_us:
            self._report(now_us, "t", {})
            self._reported_us = now_us

    def close(self, timeout_s: float = 2.0) -> bool:
        """Send what waits, for at most so long; whether all of it went out."""
        self._send.hurry()
        return self._outbox.close(timeout_s)

    def __enter__(self) -> CmcdReporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _happened(self, now_us: int, message: Message) -> Iterator[tuple[str, dict[str, Value]]]:
        """Yield the events that a message amounts to, and what each must carry."""
        facts = self._cmcd.facts
        if isinstance(message, Opened | Resumed | Play | Hold | Fail | Finish):
            if facts.state != self._state:
                self._state = facts.state
                yield "ps", {}
            if isinstance(message, Fail):
                yield "e", {"ec": (message.error,)}
            if isinstance(message, Play) and float(message.rate) != self._rate:
                self._rate = float(message.rate)
                yield "pr", {"pr": self._rate}
        elif isinstance(message, Progressed) and message.first_byte_at_us is not None:
            self._begun.setdefault(message.fetch_id, message.first_byte_at_us)
        elif isinstance(message, Fetched | FetchFailed):
            if self._responses:
                yield from self._responded(message)
            self._begun.pop(message.fetch_id, None)
        elif isinstance(message, Cancel) and message.fetch_id is not None:
            self._begun.pop(message.fetch_id, None)
        rungs = self._playing(now_us)
        if rungs and rungs != self._rungs:
            self._rungs = rungs
            yield "bc", {"br": rungs}

    def _playing(self, now_us: int) -> tuple[About, ...]:
        facts = self._cmcd.facts
        if not facts.moving:
            return ()
        shown = ((track, facts.shown(track, now_us)) for track in facts.tracks)
        found: list[About] = []
        for track, name in shown:
            rep = facts.media.representation(name)
            if rep is not None and track != "text":
                kind = "av" if len(rep.carries) > 1 else track[0]
                found.append(About((rep.bandwidth_bps + 500) // 1000, kind))
        return tuple(found)

    def _responded(self, message: Fetched | FetchFailed) -> Iterator[tuple[str, dict[str, Value]]]:
        sent = self._cmcd.sent.pop(message.fetch_id, None)
        if sent is None:
            return
        values: dict[str, Value] = {"url": sent.url}
        begun_us = self._begun.get(message.fetch_id)
        if isinstance(message, Fetched):
            begun_us = message.first_byte_at_us or begun_us
            values["ttlb"] = max(0, message.received_us - sent.at_us) // 1000
        elif message.failure == "status" and message.status is not None:
            values["rc"] = message.status
        elif begun_us is None:
            values["rc"] = 0  # nothing answered
        if begun_us is not None:
            values["ttfb"] = max(0, begun_us - sent.at_us) // 1000
        values["ts"] = self._unix_ms(sent.at_us)
        yield "rr", values

    def _report(self, now_us: int, kind: str, extra: dict[str, Value]) -> None:
        if self._send.gone:
            self._outbox.dropped += 1
            return
        cmcd = self._cmcd
        told = cmcd.destination(self._name)
        values = status_values(cmcd.facts, told, version=2, now_us=now_us)
        values |= {
            "sid": cmcd.sid,
            "cid": cmcd.content_id,
            "bg": cmcd.background,
            "ts": self._unix_ms(now_us),
        }
        values |= self._buffers(now_us)
        must = {"e": Token(kind), "v": 2, "ts": values["ts"], "sta": values["sta"], **extra}
        values = {**cmcd.selected(values), **must}
        text = written(values, 2) if self._form == "cmcd" else to_json(values, 2)
        self._outbox.put(text)

    def _buffers(self, now_us: int) -> dict[str, Value]:
        facts = self._cmcd.facts
        held = [
            About(facts.ahead_us(track, now_us) // 1000, "tt" if track == "text" else track[0])
            for track in facts.tracks
        ]
        return {"bl": tuple(held)} if held else {}

    def _unix_ms(self, now_us: int) -> int:
        assert self._epoch_us is not None
        return (self._epoch_us + now_us) // 1000

    def _deliver(self, lines: list[str]) -> None:
        body = "\n".join(lines) if self._form == "cmcd" else f"[{','.join(lines)}]"
        self._send(body.encode("ascii"))
