"""The best plan with the future known, against every plan walked one by one."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abr.optimal import Link, Room, Worth, best_plan

KBPS = (300.0, 1200.0, 4300.0)
SIZES = tuple(tuple(kbps * 1000 * 4 / 8 for kbps in KBPS) for _ in range(5))
WORTH = Worth(tuple(tuple(kbps / 1000 for kbps in KBPS) for _ in SIZES), stall_cost=4.3)
ROOM = Room(full_s=60.0)


def arrival_s(link: Link, start_s: float, bits: float) -> float:
    """When so many bits are in, walking the stretches."""
    into_s = start_s % sum(duration_s for duration_s, _ in link.stretches)
    now_s, left = start_s, bits
    for duration_s, bps in itertools.cycle(link.stretches):
        if into_s >= duration_s:
            into_s -= duration_s
            continue
        room_s, rate, into_s = duration_s - into_s, bps * link.payload, 0.0
        if rate * room_s >= left:
            return now_s + left / rate
        left -= rate * room_s
        now_s += room_s
    raise AssertionError("a cycle comes to no end")


def walked(plan: tuple[int, ...], link: Link, worth: Worth, room: Room) -> float:
    """What a plan is worth, segment after segment."""
    now_s = level_s = total = 0.0
    for number, rung in enumerate(plan):
        start_s = now_s + (link.latency_s if link.latency_on_clock else 0.0)
        until_s = arrival_s(link, start_s, SIZES[number][rung] * 8)
        took_s = until_s - start_s + link.latency_s
        value = worth.quality[number][rung]
        if number:
            change = value - worth.quality[number - 1][plan[number - 1]]
            total += value - worth.stall_cost * max(took_s - level_s, 0.0)
            total -= worth.rise_cost * max(change, 0) + worth.fall_cost * max(-change, 0)
        elif not worth.drop_first:
            total += value
        level_s = max(level_s - took_s, 0.0) + 4.0
        now_s = until_s
        over_s = max(level_s - room.full_s, 0.0)
        now_s, level_s = now_s + over_s, level_s - over_s
    return total


stretches = st.lists(
    st.tuples(st.floats(0.5, 8), st.sampled_from((0.0, 2e5, 1e6, 3e6, 8e6))),
    min_size=1,
    max_size=6,
).filter(lambda s: any(bps for _, bps in s))


@pytest.mark.slow
@settings(max_examples=40)
@given(
    stretches=stretches,
    latency_s=st.sampled_from((0.0, 0.1)),
    on_clock=st.booleans(),
    full_s=st.sampled_from((6.0, 60.0)),
)
def test_it_finds_the_best_of_all_plans(
    stretches: list[tuple[float, float]], latency_s: float, on_clock: bool, full_s: float
) -> None:
    link = Link(tuple(stretches), latency_s, 0.95, latency_on_clock=on_clock)
    room = Room(full_s)

    found = best_plan(SIZES, link, segment_s=4.0, worth=WORTH, room=room, grain_s=1e-6)

    plans = itertools.product(range(3), repeat=5)
    best = max(walked(plan, link, WORTH, room) for plan in plans)
    assert found.score == pytest.approx(walked(found.rungs, link, WORTH, room), abs=1e-6)
    assert found.score == pytest.approx(best, abs=1e-6)


def test_a_constant_link_is_used_up() -> None:
    link = Link(((10.0, 4.3e6),))

    plan = best_plan(SIZES, link, segment_s=4.0, worth=WORTH, room=ROOM)

    assert plan.rungs == (2,) * 5
    assert plan.score == pytest.approx(4 * 4.3)


def test_the_first_rung_may_be_fixed_and_counted() -> None:
    link = Link(((10.0, 100e6),))

    fixed = best_plan(SIZES, link, segment_s=4.0, worth=WORTH, room=ROOM, first_rung=1)
    counted = best_plan(
        SIZES, link, segment_s=4.0, worth=replace(WORTH, drop_first=False), room=ROOM
    )

    assert [fixed.rungs, counted.rungs] == [(1, 2, 2, 2, 2), (2,) * 5]
    assert [fixed.score, counted.score] == pytest.approx([4 * 4.3 - 3.1, 5 * 4.3])


def test_rises_and_falls_may_cost_differently() -> None:
    # A rise is rewarded, as in Comyco's model, so going down and up again is worth it.
    worth = replace(WORTH, rise_cost=-2.0, fall_cost=0.5)
    link = Link(((10.0, 100e6),))

    plan = best_plan(SIZES, link, segment_s=4.0, worth=worth, room=ROOM)

    assert 0 in plan.rungs[1:]
    assert plan.score == pytest.approx(walked(plan.rungs, link, worth, ROOM))


def test_a_buffer_drained_in_steps_waits_longer() -> None:
    link = Link(((1.0, 100e6), (1.0, 2e6)))

    exact = best_plan(SIZES, link, segment_s=4.0, worth=WORTH, room=Room(6.0))
    steps = best_plan(SIZES, link, segment_s=4.0, worth=WORTH, room=Room(6.0, 3.0))

    assert exact.score >= steps.score


def test_a_narrow_search_still_gives_a_plan_that_can_be_carried_out() -> None:
    link = Link(((3.0, 1e6), (2.0, 5e6), (4.0, 0.5e6)))

    narrow = best_plan(SIZES, link, segment_s=4.0, worth=WORTH, room=ROOM, width=2)
    wide = best_plan(SIZES, link, segment_s=4.0, worth=WORTH, room=ROOM)

    assert narrow.score == pytest.approx(walked(narrow.rungs, link, WORTH, ROOM))
    assert narrow.score <= wide.score


def test_a_width_of_less_than_a_ladder_comes_to_an_end() -> None:
    plan = best_plan(SIZES, Link(((1.0, 1e6),)), segment_s=4.0, worth=WORTH, room=ROOM, width=0)

    assert len(plan.rungs) == 5


@pytest.mark.parametrize(
    ("stretches", "payload", "match"),
    [
        (((1.0, 0.0),), 1.0, "nothing ever comes"),
        ((), 1.0, "nothing ever comes"),
        (((-1.0, 5.0),), 1.0, "negative"),
        (((1.0, 5.0),), 1.5, "payload"),
    ],
)
def test_a_link_that_is_none_is_refused(
    stretches: tuple[tuple[float, float], ...], payload: float, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        Link(stretches, payload=payload)


def test_sizes_and_qualities_must_be_of_one_movie() -> None:
    link = Link(((1.0, 1e6),))

    for sizes in ((), SIZES[:3]):
        with pytest.raises(ValueError, match="no movie"):
            best_plan(sizes, link, segment_s=4.0, worth=WORTH, room=ROOM)
