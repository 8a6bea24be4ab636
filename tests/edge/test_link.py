"""The arithmetic of a link: exact, because time is an argument."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.link import Bottleneck, Capacity, LinkSpec

spans = st.tuples(st.floats(0.01, 10), st.one_of(st.just(0.0), st.floats(10, 1e6)))
traces = st.lists(spans, min_size=1, max_size=6).map(tuple)
living_traces = traces.filter(lambda trace: any(kbps for _, kbps in trace))


def crossing(link: LinkSpec, sizes: dict[str, int]) -> list[tuple[str, int, float]]:
    """Return (flow, bytes, left) when flows offer all they have at time zero."""
    bottleneck: Bottleneck[str] = Bottleneck(link, 0)
    for flow, size in sizes.items():
        bottleneck.offer(flow, bytes(size), 0)
    return [(d.flow, len(d.data), d.left_s) for d in bottleneck.departures(1e6)]


def test_a_constant_rate_takes_size_over_rate() -> None:
    left = crossing(LinkSpec.constant(5000), {"a": 625_000})

    assert left[-1][2] == pytest.approx(1.0)


def test_a_trace_is_followed_and_begins_anew() -> None:
    capacity = Capacity(((1.0, 800), (1.0, 0), (2.0, 1600)))

    moments_s = [
        capacity.finish_s(0, size) for size in (50_000, 100_000, 100_001, 500_000, 600_000)
    ]

    assert moments_s == pytest.approx([0.5, 1.0, 2.0, 4.0, 5.0], abs=1e-4)


@given(trace=living_traces, start_s=st.floats(0, 100), size=st.integers(1, 10**7))
def test_exactly_the_bytes_pass_between_a_start_and_its_finish(
    trace: tuple[tuple[float, float], ...], start_s: float, size: int
) -> None:
    capacity = Capacity(trace)

    finish_s = capacity.finish_s(start_s, size)

    passed = capacity.passed_by(finish_s) - capacity.passed_by(start_s)
    assert finish_s >= start_s
    assert passed == pytest.approx(size, rel=1e-6, abs=0.1)


def test_nothing_ever_leaves_a_dead_link() -> None:
    bottleneck: Bottleneck[str] = Bottleneck(LinkSpec.constant(0), 0)
    bottleneck.offer("a", b"x", 0)

    assert list(bottleneck.departures(1e9)) == []
    assert bottleneck.next_s is None
    assert Capacity(((1.0, 0.0),)).finish_s(0, 1) == math.inf


@given(
    trace=living_traces,
    sizes=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 200_000), min_size=1),
)
def test_every_byte_crosses_once_in_order_and_never_faster_than_the_link(
    trace: tuple[tuple[float, float], ...], sizes: dict[str, int]
) -> None:
    bottleneck: Bottleneck[str] = Bottleneck(LinkSpec(trace=trace), 0)
    sent = {flow: bytes(i % 251 for i in range(size)) for flow, size in sizes.items()}
    for flow, data in sent.items():
        bottleneck.offer(flow, data, 0)

    departures = list(bottleneck.departures(math.inf))

    for flow, data in sent.items():
        assert b"".join(d.data for d in departures if d.flow == flow) == data
    moments_s = [d.left_s for d in departures]
    assert moments_s == sorted(moments_s)
    capacity, total = Capacity(trace), 0
    for departure in departures:
        total += len(departure.data)
        assert capacity.passed_by(departure.left_s) >= total * (1 - 1e-6) - 1


def test_flows_share_the_link_alike() -> None:
    left = crossing(LinkSpec.constant(100_000), {"a": 10**6, "b": 10**6, "c": 10**5})

    first_half = left[: len(left) // 2]
    shares = {flow: sum(size for f, size, _ in first_half if f == flow) for flow in "ab"}
    finished_s = max(s for flow, _, s in left if flow == "c")

    assert shares["a"] == pytest.approx(shares["b"], rel=0.05)
    assert finished_s == pytest.approx(3 * 10**5 * 8 / 100e6, rel=0.05)


def test_looking_late_changes_no_moment() -> None:
    prompt: Bottleneck[str] = Bottleneck(LinkSpec.constant(8000), 0)
    late: Bottleneck[str] = Bottleneck(LinkSpec.constant(8000), 0)
    for bottleneck in (prompt, late):
        bottleneck.offer("a", bytes(100_000), 0)

    seen = [d.left_s for tick in range(2000) for d in prompt.departures(tick / 10_000)]
    seen_late = [d.left_s for d in late.departures(0.2)]

    assert seen == seen_late
    assert seen[-1] == pytest.approx(0.1)


def test_bytes_that_come_to_an_idle_link_start_at_once() -> None:
    bottleneck: Bottleneck[str] = Bottleneck(LinkSpec.constant(8000), 0)
    bottleneck.offer("a", bytes(1000), 7.0)

    departures = list(bottleneck.departures(7.0))

    assert [d.left_s for d in departures] == pytest.approx([7.001])


def test_a_dropped_flow_leaves_the_link_to_the_others() -> None:
    bottleneck: Bottleneck[str] = Bottleneck(LinkSpec.constant(8000), 0)
    for flow in "ab":
        bottleneck.offer(flow, bytes(50_000), 0)

    bottleneck.drop("a")

    assert {d.flow for d in bottleneck.departures(1)} == {"b"}


def test_another_shape_holds_for_what_has_not_started() -> None:
    bottleneck: Bottleneck[str] = Bottleneck(LinkSpec.constant(8), 0)
    bottleneck.offer("a", bytes(10_000), 0)
    list(bottleneck.departures(0))

    bottleneck.shape(LinkSpec.constant(8000), 1.0)

    assert [d.left_s for d in bottleneck.departures(2.0)][-1] == pytest.approx(
        1.0 + (10_000 - 1448) / 1e6
    )


def test_nothing_starts_while_the_rate_is_zero() -> None:
    bottleneck: Bottleneck[str] = Bottleneck(LinkSpec(trace=((1, 8), (60, 0), (1, 8))), 0)
    bottleneck.offer("a", bytes(100), 2.0)

    waiting = list(bottleneck.departures(5.0))
    resumes_s = bottleneck.next_s
    bottleneck.shape(LinkSpec.constant(8), 6.0)
    helped = [d.left_s for d in bottleneck.departures(6.0)]

    assert waiting == []
    assert resumes_s == 61.0
    assert helped == pytest.approx([6.1])


@given(trace=living_traces, moment_s=st.floats(0, 100))
def test_a_link_resumes_where_it_has_a_rate_and_had_none_before(
    trace: tuple[tuple[float, float], ...], moment_s: float
) -> None:
    capacity = Capacity(trace)

    resumes_s = capacity.resumes_s(moment_s)

    assert resumes_s >= moment_s
    assert capacity.passed_by(resumes_s) == pytest.approx(capacity.passed_by(moment_s), abs=1)
    assert capacity.passed_by(resumes_s + 0.01) > capacity.passed_by(resumes_s)


@pytest.mark.parametrize(
    ("trace", "rtt_s"),
    [((), 0.1), (((0, 100),), 0.1), (((1, -1),), 0.1), (((1, math.nan),), 0.1), (((1, 1),), -1)],
)
def test_a_link_that_cannot_be_is_refused(
    trace: tuple[tuple[float, float], ...], rtt_s: float
) -> None:
    with pytest.raises(ValueError):
        LinkSpec(trace=trace, rtt_s=rtt_s)


@given(trace=living_traces)
def test_a_link_survives_json(trace: tuple[tuple[float, float], ...]) -> None:
    link = LinkSpec(trace=trace)

    assert LinkSpec.from_json(link.to_json()) == link
    with pytest.raises(ValueError):
        LinkSpec.from_json({"trace": trace, "colour": "red"})
