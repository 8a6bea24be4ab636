"""A session as OpenTelemetry sees it: one trace of spans, and metrics over all sessions.

Spans: the session; under it each phase of the start, each stall, and a sample of the
segments fetched (every failed one). They are made when they are over, with the times at
which they were, so a tap that hears of them late says the same.

Source: OpenTelemetry tracing and metrics API 1.30; times in Unix nanoseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from netplay.core.messages import (
    Cancel,
    Fail,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Hold,
    Opened,
    Play,
    Progressed,
)
from netplay.errors import ExtraMissing
from netplay.telemetry.startup import Startup, StartupClock
from netplay.telemetry.wire import Message

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

__all__ = ["OtelTap"]

Attributes = Mapping[str, str | int | bool]

EVERY = 10
"""One fetch in so many has a span: some ten thousand a day of watching otherwise."""

_OF_A_FETCH = frozenset((Fetch, Progressed, Fetched, FetchFailed, Cancel))


class OtelTap:
    """A tap that makes spans and metrics of a session.

    Exporters may wait for a network, and a span processor may export where a span ends: use
    a batching one, or put the tap into a `Bounded`.

    Args:
        tracer_provider: None is the one the app has set.
        meter_provider: None is the one the app has set.
        every: One segment fetch in so many gets a span; failed ones always do. 0: none.
        attributes: Put on the session's span.
        wall_us: Tells Unix time in microseconds, once a session.

    Raises:
        ExtraMissing: opentelemetry-api is not installed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        every: int = EVERY,
        attributes: Attributes | None = None,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError as error:
            raise ExtraMissing("OpenTelemetry", "otel") from error
        if every < 0:
            raise ValueError(f"every {every}th fetch cannot be sampled")
        self._trace = trace
        self._tracer = trace.get_tracer("netplay", tracer_provider=tracer_provider)
        meter = metrics.get_meter("netplay", meter_provider=meter_provider)
        self._sessions = meter.create_counter("netplay.sessions", "{session}", "Titles opened.")
        self._errors = meter.create_counter("netplay.errors", "{error}", "What ended playback.")
        self._stalls = meter.create_histogram("netplay.stall.duration", "s", "Each stall.")
        self._starts = meter.create_histogram(
            "netplay.startup.duration", "s", "What viewers waited for the first frame."
        )
        self._fetches = meter.create_histogram(
            "netplay.fetch.duration", "s", "Each fetch, from asking to its end."
        )
        self._first_bytes = meter.create_histogram(
            "netplay.fetch.first_byte", "s", "Each fetch, from asking to the first byte."
        )
        self._bytes = meter.create_counter("netplay.fetch.size", "By", "Payload received.")
        self._every = every
        self._attributes = dict(attributes or {})
        self._wall_us = wall_us
        self._epoch_us = 0
        self._now_us = 0
        self._session: Span | None = None
        self._clock = StartupClock()
        self._asked_us = 0
        self._stalled_since_us: int | None = None
        self._open: dict[int, tuple[Fetch, int]] = {}
        self._begun: dict[int, int] = {}

    def __call__(self, now_us: int, message: Message) -> None:
        """Take in one event or action."""
        self._now_us = now_us
        if isinstance(message, Opened):
            self._opened(now_us, message)
        if self._session is None:
            return
        if not self._clock.done:
            self._clock.take(now_us, message)
            if self._clock.done:
                self._started()
        if type(message) in _OF_A_FETCH:
            self._fetching(now_us, message)
        else:
            self._playing(now_us, message)

    def close(self) -> None:
        """End the session's span; do so when the player is closed."""
        if self._session is None:
            return
        self._stall_over(self._now_us)
        self._session.end(self._ns(self._now_us))
        self._session = None

    def _fetching(self, now_us: int, message: Message) -> None:
        match message:
            case Fetch(fetch_id=fetch_id):
                self._open[fetch_id] = (message, now_us)
            case Progressed(fetch_id=fetch_id, first_byte_at_us=int(first_us)):
                self._begun.setdefault(fetch_id, first_us)
            case Fetched() | FetchFailed():
                self._fetch_over(now_us, message)
            case Cancel(fetch_id=int(fetch_id)):
                self._open.pop(fetch_id, None)
                self._begun.pop(fetch_id, None)

    def _playing(self, now_us: int, message: Message) -> None:
        assert self._session is not None
        match message:
            case Hold(why="stall"):
                if self._stalled_since_us is None:
                    self._stalled_since_us = now_us
            case Hold():
                self._stall_over(now_us)
            case Play(at_us=at_us):
                self._stall_over(at_us)
            case Fail(error=error, what=what):
                self._failed(error, what)
            case Finish():
                self._session.set_attribute("netplay.finished", value=True)

    def _opened(self, now_us: int, event: Opened) -> None:
        self.close()
        self._epoch_us = self._wall_us() - now_us
        self._asked_us = event.asked_us
        self._clock = StartupClock()
        self._open.clear()
        self._begun.clear()
        attributes = {"netplay.format": event.presentation.format, **self._attributes}
        self._session = self._tracer.start_span(
            "netplay.session", attributes=attributes, start_time=self._ns(event.asked_us)
        )
        self._sessions.add(1, {"netplay.format": event.presentation.format})

    def _started(self) -> None:
        startup = self._clock.startup()
        if startup is None:
            return
        if startup.wait_us is not None:
            self._starts.record(startup.wait_us / 1e6)
        at_us = self._asked_us
        for phase, took_us in _phases(startup):
            if took_us:
                self._span(f"netplay.startup.{phase}", at_us, at_us + took_us, {})
            at_us += took_us

    def _fetch_over(self, now_us: int, event: Fetched | FetchFailed) -> None:
        fetch, asked_us = self._open.pop(event.fetch_id, (None, 0))
        begun_us = self._begun.pop(event.fetch_id, None)
        if fetch is None:
            return
        failure = event.failure if isinstance(event, FetchFailed) else ""
        until_us = now_us if isinstance(event, FetchFailed) else event.received_us
        if isinstance(event, Fetched):
            begun_us = begun_us if begun_us is not None else event.first_byte_at_us
        # Representations are many: they are told in spans, not in series of their own.
        series: Attributes = {
            "netplay.host": fetch.host,
            "netplay.track": fetch.track,
            "netplay.outcome": failure or "fetched",
        }
        self._fetches.record(max(0, until_us - asked_us) / 1e6, series)
        self._bytes.add(event.bytes, {"netplay.host": fetch.host, "netplay.track": fetch.track})
        if begun_us is not None:
            self._first_bytes.record(
                max(0, begun_us - asked_us) / 1e6, {"netplay.host": fetch.host}
            )
        if failure or (self._every and fetch.fetch_id % self._every == 0):
            told: Attributes = {
                **series,
                "netplay.representation": fetch.representation.partition("?")[0],
                "netplay.number": fetch.number,
                "netplay.init": fetch.init,
                "netplay.bytes": event.bytes,
            }
            self._span("netplay.fetch", asked_us, until_us, told, error=failure)

    def _stall_over(self, at_us: int) -> None:
        if self._stalled_since_us is None:
            return
        since_us, self._stalled_since_us = self._stalled_since_us, None
        self._stalls.record(max(0, at_us - since_us) / 1e6)
        self._span("netplay.stall", since_us, at_us, {})

    def _failed(self, error: str, what: str) -> None:
        assert self._session is not None
        self._stall_over(self._now_us)
        self._errors.add(1, {"netplay.error": error})
        self._session.set_attribute("netplay.error", error)
        shown = what.partition("?")[0]
        status = self._trace.Status(self._trace.StatusCode.ERROR, f"{error}: {shown}")
        self._session.set_status(status)

    def _span(
        self, name: str, from_us: int, until_us: int, told: Attributes, *, error: str = ""
    ) -> None:
        """Make a span under the session's that is over already."""
        assert self._session is not None
        span = self._tracer.start_span(
            name,
            context=self._trace.set_span_in_context(self._session),
            attributes=told,
            start_time=self._ns(from_us),
        )
        if error:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, error))
        span.end(self._ns(max(from_us, until_us)))

    def _ns(self, at_us: int) -> int:
        return (self._epoch_us + at_us) * 1000


def _phases(startup: Startup) -> tuple[tuple[str, int], ...]:
    return (
        ("manifest", startup.manifest_us),
        ("index", startup.index_us),
        ("first_bytes", startup.first_bytes_us),
        ("init", startup.init_us),
        ("first_segment", startup.first_segment_us),
        ("decode", startup.decode_us),
    )
