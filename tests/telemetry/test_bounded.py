"""A slow or broken sink costs playback nothing, and what it missed is counted."""

from __future__ import annotations

import threading
import time

import pytest
from scripted import at

from netplay.core.messages import Tick
from netplay.telemetry import Message
from netplay.telemetry.bounded import Bounded, Outbox

TICK = Tick()


def test_a_tap_sees_every_message_in_order() -> None:
    seen: list[int] = []

    with Bounded(lambda now_us, _: seen.append(now_us)) as bounded:
        for now_us in range(1000):
            bounded(now_us, TICK)

    assert seen == list(range(1000))
    assert (bounded.taken, bounded.dropped, bounded.failed) == (1000, 0, 0)


def test_a_tap_that_does_not_return_keeps_nobody_waiting() -> None:
    release = threading.Event()

    def hangs(now_us: int, message: Message) -> None:
        release.wait()

    bounded = Bounded(hangs, capacity=10)

    begun_s = time.perf_counter()
    for now_us in range(100_000):
        bounded(now_us, TICK)
    took_s = time.perf_counter() - begun_s
    closed = bounded.close(timeout_s=0.01)

    assert not closed
    assert took_s < 2.0  # a wait of the sink's would last for ever
    assert bounded.taken <= 11
    # Those that waited when it was closed are lost as well; one is in the tap's hands.
    assert bounded.dropped == 100_000 - 1
    release.set()


def test_what_a_tap_raises_is_counted_and_it_is_asked_again() -> None:
    seen: list[int] = []

    def breaks(now_us: int, message: Message) -> None:
        seen.append(now_us)
        if now_us % 2:
            raise KeyError(now_us)

    with Bounded(breaks) as bounded:
        for now_us, message in at(1, TICK) + at(2, TICK) + at(3, TICK):
            bounded(now_us, message)

    assert seen == [1, 2, 3]
    assert bounded.failed == 2
    assert isinstance(bounded.error, KeyError)


def test_what_comes_after_the_end_is_dropped() -> None:
    bounded = Bounded(lambda *_: None)
    bounded.close()

    bounded(0, TICK)

    assert (bounded.taken, bounded.dropped) == (0, 1)
    assert bounded.close()


def test_items_that_wait_travel_together() -> None:
    batches: list[list[int]] = []
    started, release = threading.Event(), threading.Event()

    def sink(items: list[int]) -> None:
        batches.append(items)
        started.set()
        release.wait()

    outbox = Outbox(sink, capacity=10, batch=3)
    outbox.put(0)
    started.wait()
    kept = [outbox.put(item) for item in range(1, 12)]
    release.set()
    outbox.close()

    assert batches == [[0], [1, 2, 3], [4, 5, 6], [7, 8, 9], [10]]
    assert kept == [True] * 10 + [False]
    assert outbox.dropped == 1


def test_lingering_ends_with_a_full_batch_or_with_the_outbox() -> None:
    batches: list[list[int]] = []
    outbox = Outbox(batches.append, capacity=10, batch=2, linger_s=60.0)

    for item in range(3):
        outbox.put(item)
    outbox.close()

    assert sorted(item for batch in batches for item in batch) == [0, 1, 2]
    assert batches[0] == [0, 1]


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"capacity": 1, "batch": 0}])
def test_an_outbox_without_room_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="has room"):
        Outbox(lambda _: None, **wrong)  # type: ignore[arg-type]
