"""A session is one trace and some metrics, with the times at which things were."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from scripted import SECOND, at, opened, play, segment

from netplay.core.messages import (
    Cancel,
    Fail,
    Fetch,
    Fetched,
    FetchFailed,
    Finish,
    Hold,
    Progressed,
    Rendered,
)
from netplay.errors import ExtraMissing
from netplay.telemetry import Message
from netplay.telemetry.otel import OtelTap

WALL_US = 1_700_000_000 * SECOND


class Rig:
    """A tap whose spans and metrics stay in memory."""

    def __init__(self, every: int = 1) -> None:
        self._spans = InMemorySpanExporter()
        self._metrics = InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._meters = MeterProvider([self._metrics], shutdown_on_exit=False)
        self.tap = OtelTap(
            tracer_provider=tracers,
            meter_provider=self._meters,
            every=every,
            attributes={"title": "heat"},
            wall_us=lambda: WALL_US,
        )

    def run(self, *streams: list[tuple[int, Message]]) -> Rig:
        for stream in streams:
            for now_us, message in stream:
                self.tap(now_us, message)
        self.tap.close()
        return self

    def spans(self, name: str) -> list[ReadableSpan]:
        return [one for one in self._spans.get_finished_spans() if one.name == name]

    def points(self, name: str) -> list[dict[str, object]]:
        return list(self._points(name))

    def _points(self, name: str) -> Iterator[dict[str, object]]:
        data = self._metrics.get_metrics_data()
        assert data is not None
        for resource in data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            total = getattr(point, "sum", getattr(point, "value", None))
                            yield {**(point.attributes or {}), "total": total}


def times_us(span: ReadableSpan) -> tuple[int, int]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time // 1000 - WALL_US, span.end_time // 1000 - WALL_US


START = [
    *at(100, opened(asked_us=0)),
    *at(200, Fetch(1, "video", "0/low", 0, "a", init=True), Fetch(2, "video", "0/low", 0, "a")),
    *at(300, Progressed(1, 0, 300, first_byte_at_us=250)),
    *at(400, Fetched(1, 10, 400, first_byte_at_us=250)),
    *at(600, Fetched(2, 1000, 600, first_byte_at_us=350)),
    *at(700, Rendered("video", 0, 0, 700, 0), play(0, 800)),
]


def test_a_session_is_a_span_and_everything_in_it_is_under_it() -> None:
    rig = Rig().run(START, at(SECOND, Finish()))

    (session,) = rig.spans("netplay.session")
    # The clock was compared with the wall at Opened, 100 us after time began.
    assert times_us(session) == (0 - 100, SECOND - 100)
    assert session.attributes is not None
    assert session.attributes["title"] == "heat"
    assert session.attributes["netplay.finished"] is True
    for name in ("netplay.startup.manifest", "netplay.fetch"):
        for span in rig.spans(name):
            assert span.parent is not None
            assert span.parent.span_id == session.context.span_id


def test_the_phases_of_the_start_lie_end_to_end() -> None:
    rig = Rig().run(START)

    phases = ("manifest", "index", "first_bytes", "init", "first_segment", "decode")
    spans = [times_us(one) for phase in phases for one in rig.spans(f"netplay.startup.{phase}")]
    assert spans == [(-100, 0), (0, 100), (100, 150), (150, 300), (300, 500), (500, 600)]
    assert rig.points("netplay.startup.duration") == [{"total": 0.0008}]


def test_each_stall_is_a_span_and_a_measurement() -> None:
    rig = Rig().run(
        START,
        at(2 * SECOND, Hold(SECOND, "stall"), Hold(SECOND, "stall")),
        at(3 * SECOND, play(SECOND, 3 * SECOND)),
        at(4 * SECOND, Hold(2 * SECOND, "stall")),
    )

    spans = [times_us(one) for one in rig.spans("netplay.stall")]
    assert spans == [(2 * SECOND - 100, 3 * SECOND - 100), (4 * SECOND - 100, 4 * SECOND - 100)]
    assert rig.points("netplay.stall.duration") == [{"total": 1.0}]


def test_fetches_are_sampled_but_measured_all() -> None:
    fetches = [one for number in range(10, 30) for one in at(SECOND, segment(number, "low", 0)[:2])]

    rig = Rig(every=10).run(at(0, opened()), fetches)

    told = [span.attributes for span in rig.spans("netplay.fetch")]
    assert len(told) == 2
    assert told[0] is not None
    assert told[0]["netplay.representation"] == "0/low"
    assert rig.points("netplay.fetch.size") == [
        {"netplay.host": "a", "netplay.track": "video", "total": 20_000}
    ]


def test_a_failed_fetch_always_has_a_span() -> None:
    rig = Rig(every=0).run(
        at(0, opened(), Fetch(7, "video", "0/low", 0, "a"), Fetch(8, "video", "0/low", 1, "a")),
        at(5, FetchFailed(7, "timeout", "nothing came"), Cancel(fetch_id=8)),
        at(6, Fetched(8, 5, 6)),
    )

    (span,) = rig.spans("netplay.fetch")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "timeout"
    assert [one["netplay.outcome"] for one in rig.points("netplay.fetch.duration")] == ["timeout"]


def test_what_ends_playback_is_an_error_without_secrets() -> None:
    rig = Rig().run(at(0, opened()), at(9, Fail("DeliveryError", "v.m3u8?token=abc", ())))

    (session,) = rig.spans("netplay.session")
    assert session.status.status_code is StatusCode.ERROR
    assert session.status.description == "DeliveryError: v.m3u8"
    assert rig.points("netplay.errors") == [{"netplay.error": "DeliveryError", "total": 1}]


def test_the_next_title_is_another_trace() -> None:
    rig = Rig().run(START, at(SECOND, opened(asked_us=SECOND)))

    first, second = rig.spans("netplay.session")
    assert first.context.trace_id != second.context.trace_id
    assert rig.points("netplay.sessions")[0]["total"] == 2


def test_before_a_title_is_opened_nothing_is_told() -> None:
    rig = Rig().run(at(0, Finish()))

    assert rig.spans("netplay.session") == []


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(ExtraMissing, match="'otel' extra"):
        OtelTap()


def test_a_sample_cannot_be_negative() -> None:
    with pytest.raises(ValueError, match="sampled"):
        OtelTap(every=-1)
