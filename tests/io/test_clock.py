"""Clocks wake whoever waits: at the moment, at a change, or when time is moved."""

from __future__ import annotations

import anyio
import pytest

from netplay.io.clock import Clock, MonotonicClock, SkippingClock, SteppedClock

pytestmark = pytest.mark.anyio

HOUR_US = 3_600_000_000


@pytest.mark.parametrize("clock", [MonotonicClock(), SkippingClock(), SteppedClock()])
async def test_a_change_wakes_before_the_moment(clock: Clock) -> None:
    changed = anyio.Event()
    changed.set()

    with anyio.fail_after(5):
        await clock.wait(changed, clock.now_us() + HOUR_US)

    assert changed.is_set()


@pytest.mark.parametrize("clock", [MonotonicClock(), SkippingClock(), SteppedClock()])
async def test_a_moment_that_has_passed_is_not_waited_for(clock: Clock) -> None:
    with anyio.fail_after(5):
        await clock.wait(anyio.Event(), clock.now_us())


async def test_a_real_clock_wakes_at_the_moment() -> None:
    clock = MonotonicClock()
    until_us = clock.now_us() + 2_000

    while clock.now_us() < until_us:
        await clock.wait(anyio.Event(), until_us)

    assert clock.now_us() < until_us + 1_000_000


async def test_a_skip_wakes_whoever_waits_for_what_it_passes() -> None:
    clock = SkippingClock()
    began_us = clock.now_us()
    woken: list[str] = []

    async def sleeper(name: str, until_us: int) -> None:
        await clock.wait(anyio.Event(), until_us)
        woken.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper, "soon", began_us + HOUR_US)
        tasks.start_soon(sleeper, "later", began_us + 3 * HOUR_US)
        await anyio.wait_all_tasks_blocked()
        clock.skip_to(began_us + 2 * HOUR_US)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert woken == ["soon"]
    assert clock.now_us() >= began_us + 2 * HOUR_US


async def test_what_is_left_to_wait_shrinks_by_what_was_skipped() -> None:
    clock = SkippingClock()
    until_us = clock.now_us() + HOUR_US

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.wait, anyio.Event(), until_us)
            await anyio.wait_all_tasks_blocked()
            clock.skip_to(until_us - 1_000)

    assert clock.now_us() >= until_us - 1_000


def test_a_skip_to_the_past_changes_nothing() -> None:
    clock = SkippingClock()
    before_us = clock.now_us()

    clock.skip_to(before_us - HOUR_US)

    assert before_us <= clock.now_us() < before_us + HOUR_US


def test_a_stepped_clock_never_goes_back() -> None:
    clock = SteppedClock(1_000)

    with pytest.raises(ValueError, match="never goes back"):
        clock.step_to(999)


async def test_a_stepped_clock_knows_the_next_moment_that_is_waited_for() -> None:
    clock = SteppedClock()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.wait, anyio.Event(), 500)
        tasks.start_soon(clock.wait, anyio.Event(), 200)
        await anyio.wait_all_tasks_blocked()
        next_us = clock.next_us()
        tasks.cancel_scope.cancel()

    assert next_us == 200
