"""Connections to a host: names looked up once, the one used last first, none kept too long."""

from __future__ import annotations

import pytest
from simulated import SECOND, play

from netplay.sim import Link, Trace, make_title
from netplay.sim.connections import Connections
from netplay.sim.network import Network


def test_a_name_is_looked_up_once_and_whoever_comes_meanwhile_waits_with_the_first() -> None:
    link = Link(
        trace=Trace.constant(8_000_000),
        rtt_us=20_000,
        connect_rtts=2,
        lookup_us=70_000,
        header_bytes=0,
    )
    network = Network(link)
    network.request("first", "a", "x", size_bytes=1)
    network.advance(50_000)
    network.request("second", "a", "x", size_bytes=1)
    begun: dict[object, int] = {}

    while (next_us := network.next_us()) is not None:
        for answer in network.advance(next_us):
            if answer.kind == "began":
                begun[answer.request] = next_us
        if next_us > SECOND // 2 and "third" not in begun:
            break
    network.advance(SECOND)
    network.request("third", "b", "x", size_bytes=1)
    third_us = network.next_us()

    assert begun == {"first": 130_000, "second": 130_000}
    assert third_us == SECOND + 130_000


def test_a_lookup_makes_the_start_later_by_just_so_much() -> None:
    title, rate = make_title(manifest_bytes=10_000), Trace.constant(8_000_000)

    plain = play(title, Link(trace=rate)).summary.startup
    looked_up = play(title, Link(trace=rate, lookup_us=35_000)).summary.startup

    assert plain is not None
    assert looked_up is not None
    assert looked_up.manifest_us - plain.manifest_us == 35_000
    assert looked_up.first_frame_us - plain.first_frame_us == 35_000


def test_a_lookup_takes_no_negative_time() -> None:
    with pytest.raises(ValueError, match="negative"):
        Link(trace=Trace.constant(1), lookup_us=-1)


def test_the_connection_used_last_is_taken_and_old_ones_are_closed() -> None:
    connections: Connections[str] = Connections(keep_us=100)
    first, second = connections.take(0, 10), connections.take(0, 10)
    connections.end(20, first)
    connections.end(30, second)

    assert connections.take(40, 50) is second
    assert connections.take(121, 131).ready_us == 131  # the first was idle for too long
    assert connections.free == []
    assert connections.busy == 2
