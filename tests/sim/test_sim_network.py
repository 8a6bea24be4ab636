"""Connections, round trips and faults, as a client meets them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netplay.sim import Fault, Host, Link, Trace
from netplay.sim.network import Answer, Network

BYTES = 10_000
TRACE = Trace.constant(8_000_000)  # a byte a microsecond
RTT = 1_000


def link_to(*faults: Fault, connections: int = 6, connect_rtts: int = 2) -> Link:
    return Link(
        trace=TRACE,
        rtt_us=RTT,
        hosts={"a": Host(faults=faults)},
        connections=connections,
        connect_rtts=connect_rtts,
        header_bytes=0,
    )


def listen(network: Network, until_us: int = 10**9) -> list[tuple[int, object, str]]:
    """Return (moment, request, what happened) until nothing more does."""
    heard: list[tuple[int, object, str]] = []
    while (next_us := network.next_us()) is not None and next_us <= until_us:
        heard += [(next_us, one.request, said(one)) for one in network.advance(next_us)]
    return heard


def said(answer: Answer) -> str:
    if answer.kind != "broken":
        return answer.kind
    return f"{answer.failure} {answer.status or ''}".strip()


def test_the_first_request_waits_for_a_connection_and_a_round_trip() -> None:
    network = Network(link_to())

    network.request("r", "a", "x", size_bytes=BYTES)

    assert listen(network) == [(3 * RTT, "r", "began"), (3 * RTT + BYTES, "r", "complete")]


def test_where_headers_are_not_told_of_media_is_the_first_that_is_heard() -> None:
    network = Network(replace(link_to(), tells_headers=False))

    network.request("r", "a", "x", size_bytes=BYTES, marks=[BYTES // 2])

    begun_us = 3 * RTT
    assert listen(network) == [
        (begun_us + BYTES // 2, "r", "reached"),
        (begun_us + BYTES, "r", "complete"),
    ]


def test_the_next_request_on_the_same_connection_waits_for_one_round_trip() -> None:
    network = Network(link_to())
    network.request("r", "a", "x", size_bytes=BYTES)
    listen(network)
    done_us = 3 * RTT + BYTES

    network.request("s", "a", "x", size_bytes=BYTES)

    assert listen(network)[0] == (done_us + RTT, "s", "began")


def test_a_connection_that_was_idle_for_too_long_is_gone() -> None:
    network = Network(Link(trace=TRACE, rtt_us=RTT, keep_us=50_000, header_bytes=0))
    network.request("r", "a", "x", size_bytes=BYTES)
    listen(network)

    network.advance(200_000)
    network.request("s", "a", "x", size_bytes=BYTES)

    assert listen(network)[0] == (200_000 + 3 * RTT, "s", "began")


def test_a_connection_made_ahead_saves_its_round_trips() -> None:
    network = Network(link_to())

    network.connect("a")
    network.advance(2 * RTT)
    network.request("r", "a", "x", size_bytes=BYTES)

    assert listen(network)[0] == (3 * RTT, "r", "began")


def test_a_connection_on_its_way_is_used_as_soon_as_it_is_there() -> None:
    network = Network(link_to())

    network.connect("a")
    network.advance(500)
    network.request("r", "a", "x", size_bytes=BYTES)

    assert listen(network)[0] == (3 * RTT, "r", "began")


def test_requests_beyond_the_connections_wait_their_turn() -> None:
    network = Network(link_to(connections=1))
    network.request("r", "a", "x", size_bytes=BYTES)
    network.request("s", "a", "x", size_bytes=BYTES)

    heard = listen(network)

    assert [one[1:] for one in heard] == [
        ("r", "began"),
        ("r", "complete"),
        ("s", "began"),
        ("s", "complete"),
    ]


def test_a_cancelled_request_frees_the_place_but_not_the_connection() -> None:
    network = Network(link_to(connections=1))
    network.request("r", "a", "x", size_bytes=BYTES)
    network.request("s", "a", "x", size_bytes=BYTES)
    network.request("t", "a", "x", size_bytes=BYTES)
    network.advance(4 * RTT)

    network.cancel("s")
    network.cancel("r")
    network.cancel("never asked")

    assert listen(network)[0] == (7 * RTT, "t", "began")


def test_the_server_thinks_before_it_answers() -> None:
    thinker = Host(think_us=77, rtt_us=500)
    network = Network(Link(trace=TRACE, rtt_us=RTT, hosts={"a": thinker}, header_bytes=0))

    network.request("r", "a", "x", size_bytes=1)

    assert listen(network)[0] == (3 * 500 + 77, "r", "began")


def test_a_header_comes_first_and_counts_for_the_link_alone() -> None:
    network = Network(Link(trace=TRACE, rtt_us=RTT, header_bytes=300))

    network.request("r", "a", "x", size_bytes=BYTES, marks=(1_000,))

    assert listen(network) == [
        (3 * RTT + 300, "r", "began"),
        (3 * RTT + 1_300, "r", "reached"),
        (3 * RTT + 300 + BYTES, "r", "complete"),
    ]


@pytest.mark.parametrize(("size_bytes", "began_bytes"), [(50_000, 900), (400, 400)])
def test_what_a_first_packet_holds_of_the_body_comes_with_the_header(
    size_bytes: int, began_bytes: int
) -> None:
    link = replace(link_to(), header_bytes=100, packet_bytes=1_000)
    network = Network(link)
    network.request("a", "h", "r", size_bytes=size_bytes)

    answers: list[tuple[int, Answer]] = []
    while (now_us := network.next_us()) is not None:
        answers += [(now_us, answer) for answer in network.advance(now_us)]

    (began_us, began), (ended_us, ended) = answers
    flows_us = 3 * RTT  # and then a byte a microsecond
    assert (began.kind, began.bytes) == ("began", began_bytes)
    assert began_us == flows_us + 100 + began_bytes
    assert (ended.kind, ended.bytes) == ("complete", size_bytes)
    assert ended_us == flows_us + 100 + size_bytes


def test_no_header_comes_over_a_link_that_carries_nothing() -> None:
    trace = Trace([(3 * RTT - 10, 8_000_000), (10**6, 0)])
    network = Network(Link(trace=trace, rtt_us=RTT))
    network.request("r", "a", "x", size_bytes=BYTES)

    heard = listen(network, until_us=10**6)

    assert heard == []
    assert network.received("r") == (0, None, 0)


def test_round_trips_may_change_over_time() -> None:
    network = Network(Link(trace=TRACE, rtt_us=Trace([(100, RTT), (10**6, 5)]), header_bytes=0))
    network.advance(200)

    network.request("r", "a", "x", size_bytes=1)

    assert listen(network)[0] == (215, "r", "began")


def test_marks_are_heard_of_on_the_way() -> None:
    network = Network(link_to(connect_rtts=0))

    network.request("r", "a", "x", size_bytes=BYTES, marks=(2_000, 5_000, BYTES, 10 * BYTES))

    assert listen(network) == [
        (RTT, "r", "began"),
        (RTT + 2_000, "r", "reached"),
        (RTT + 5_000, "r", "reached"),
        (RTT + BYTES, "r", "complete"),
    ]


def test_what_was_received_is_known_at_any_moment() -> None:
    network = Network(link_to(connect_rtts=0))
    network.request("r", "a", "x", size_bytes=BYTES)

    before = network.received("r")
    network.advance(RTT)
    network.advance(RTT + 1_234)

    assert before == (0, None, 0)
    assert network.received("r") == (1_234, RTT, RTT + 1_234)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(kind="refuse"), [(RTT, "refused")]),
        (Fault(kind="down"), [(RTT, "refused")]),
        (Fault(kind="status", status=404), [(3 * RTT, "status 404")]),
        (Fault(kind="hang"), []),
        (Fault(kind="hang", after_bytes=100), [(3 * RTT, "began")]),
        (Fault(kind="reset"), [(3 * RTT, "began"), (3 * RTT, "reset")]),
        (Fault(kind="reset", after_bytes=50), [(3 * RTT, "began"), (3 * RTT + 50, "reset")]),
        (
            Fault(kind="slow", rate_bps=800_000),
            [(3 * RTT, "began"), (3 * RTT + 10 * BYTES, "complete")],
        ),
        (
            Fault(kind="reset", after_bytes=9 * BYTES),
            [(3 * RTT, "began"), (3 * RTT + BYTES, "complete")],
        ),
    ],
)
def test_each_fault_does_what_its_name_says(fault: Fault, told: list[tuple[int, str]]) -> None:
    network = Network(link_to(fault))

    network.advance(0)
    network.request("r", "a", "x", size_bytes=BYTES)

    assert [(at_us, what) for at_us, _, what in listen(network)] == told


def test_a_silent_answer_keeps_what_came() -> None:
    network = Network(link_to(Fault(kind="hang", after_bytes=100)))
    network.request("r", "a", "x", size_bytes=BYTES)
    listen(network)

    network.advance(10**6)

    assert network.received("r") == (100, 3 * RTT, 3 * RTT + 100)


def test_a_silent_answer_takes_nothing_of_the_link() -> None:
    network = Network(link_to(Fault(kind="hang", after_bytes=1, match="x"), connect_rtts=0))
    network.request("r", "a", "x", size_bytes=BYTES)
    network.request("s", "a", "y", size_bytes=BYTES)

    assert listen(network)[-1] == (RTT + BYTES + 1, "s", "complete")


def test_a_host_that_goes_down_breaks_off_what_is_under_way() -> None:
    fault = Fault(kind="down", from_us=5_000, until_us=50_000)
    network = Network(link_to(fault, connections=1))
    network.request("r", "a", "x", size_bytes=BYTES)
    network.request("queued", "a", "x", size_bytes=BYTES)

    heard = listen(network, until_us=5_000)
    network.request("s", "a", "x", size_bytes=BYTES)
    heard += listen(network, until_us=49_999)
    network.advance(50_000)
    network.request("t", "a", "x", size_bytes=1)
    heard += listen(network)

    assert heard == [
        (3 * RTT, "r", "began"),
        (5_000, "r", "reset"),
        (5_000, "queued", "reset"),
        (6_000, "s", "refused"),
        (53_000, "t", "began"),
        (53_001, "t", "complete"),
    ]


def test_an_outage_spares_what_it_does_not_name() -> None:
    network = Network(link_to(Fault(kind="down", from_us=5_000, match="x*")))
    network.request("r", "a", "x1", size_bytes=BYTES)
    network.request("s", "a", "y1", size_bytes=BYTES)

    assert [one[1:] for one in listen(network)][2:] == [("r", "reset"), ("s", "complete")]


def test_a_fault_strikes_only_what_it_names_when_it_says_and_as_often_as_it_says() -> None:
    fault = Fault(kind="refuse", match="*/init", from_us=0, until_us=50_000, times=1)
    network = Network(link_to(fault))

    network.request("other", "a", "0/v/1", size_bytes=1)
    network.request("struck", "a", "0/v/init", size_bytes=1)
    network.request("spared", "a", "0/v/init", size_bytes=1)
    heard = listen(network)
    network.advance(60_000)
    network.request("late", "a", "0/v/init", size_bytes=1)
    heard += listen(network)

    assert {(name, what) for _, name, what in heard if what != "began"} == {
        ("struck", "refused"),
        ("other", "complete"),
        ("spared", "complete"),
        ("late", "complete"),
    }


def test_what_a_host_does_not_have_is_a_404_and_says_how_long_to_wait_where_it_does() -> None:
    busy = Fault(kind="status", status=503, retry_after_us=9_000, times=1)
    network = Network(link_to(busy))
    network.request("r", "a", "x", size_bytes=BYTES)
    network.request("s", "a", "x", size_bytes=0, missing=True)

    answers = []
    while (next_us := network.next_us()) is not None:
        answers += network.advance(next_us)

    assert [(one.status, one.retry_after_us) for one in answers] == [(503, 9_000), (404, None)]


def test_a_link_without_connections_is_refused() -> None:
    with pytest.raises(ValueError, match="connections"):
        Link(trace=TRACE, connections=0)
