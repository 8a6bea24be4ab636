"""FESTIVE: steps, the deal between efficiency and stability, and waits at random."""

from dataclasses import replace

import pytest

from abr import Festive, Keep, Progress, Rung, Sample, View

LADDER = tuple(Rung(kbps * 1000) for kbps in (1000, 2000, 3000, 4000, 5000))

VIEW = View(
    now_us=0,
    rungs=LADDER,
    rung=0,
    segment_s=4.0,
    sizes_bytes=((None,) * 5,),
    buffered_s=10.0,
    target_s=30.0,
    max_buffer_s=36.0,
    playing=True,
    started=True,
)


def festive(*, bps: float, spread: float = 0.0, seed: int = 0) -> Festive:
    controller = Festive(spread=spread, seed=seed)
    controller.observe(Sample(bytes=round(bps / 8), busy_s=1.0, rung=0, duration_s=4.0))
    return controller


def rungs_of(
    controller: Festive, segments: int, *, rung: int = 0, every_s: float = 30
) -> list[int]:
    """The rungs of so many segments, one after another."""
    rungs = []
    for segment in range(segments):
        now_us = round(segment * every_s * 1e6)
        rung = controller.choose(
            replace(VIEW, rung=rung, now_us=now_us, fetched_segments=segment + 1)
        ).rung
        rungs.append(rung)
    return rungs


def test_it_starts_with_the_lowest_rung() -> None:
    fresh = festive(bps=10e6)

    assert Festive().choose(VIEW).rung == 0
    assert fresh.choose(replace(VIEW, rung=None)).rung == 0


def test_each_step_up_takes_as_many_wishes_as_the_rung_is_high() -> None:
    assert rungs_of(festive(bps=10e6), 11) == [1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4]


def test_a_step_down_is_taken_at_once_and_one_at_a_time() -> None:
    assert rungs_of(festive(bps=1e6), 5, rung=4) == [3, 2, 1, 0, 0]


def test_it_stays_within_its_share_of_the_link() -> None:
    assert rungs_of(festive(bps=2.3e6), 4) == [0, 0, 0, 0]
    assert rungs_of(festive(bps=2.4e6), 4) == [1, 1, 1, 1]


def test_after_many_switches_another_must_be_worth_more() -> None:
    controller = festive(bps=2.0e6)

    # Down from 2000 at 2.0 Mb/s: 12 |2000 / 1000 - 1| = 12 is lost, a switch costs 1.
    calm = controller.choose(replace(VIEW, rung=1, fetched_segments=1))
    assert calm.rung == 0
    assert calm.scores == pytest.approx((-1 - 1, -1 - 12, -2 - 24, -2 - 36, -2 - 48))


def test_a_step_that_is_not_worth_it_is_not_taken() -> None:
    # 2400 kb/s carries 2000, but from 1990 on that gains nothing.
    close = (Rung(1_990_000), Rung(2_000_000))
    controller = festive(bps=2.4e6)

    choice = controller.choose(replace(VIEW, rungs=close, sizes_bytes=((None,) * 2,)))

    assert choice.rung == 0
    assert choice.reason == "within 2.04 Mb/s, 1 is not worth the switch"


def test_switches_are_forgotten_after_twenty_seconds() -> None:
    controller = festive(bps=1e6)
    rungs_of(controller, 3, rung=3, every_s=4)

    recent = controller.choose(replace(VIEW, rung=0, now_us=9_000_000)).scores[0]
    later = controller.choose(replace(VIEW, rung=0, now_us=60_000_000)).scores[0]

    assert [recent, later] == [-8, -1]


def test_on_a_full_buffer_it_waits_until_a_random_level() -> None:
    full = replace(VIEW, buffered_s=30.0, rate=2.0)

    waits_s = [festive(bps=1e6, spread=1.0, seed=seed).choose(full).wait_s for seed in range(20)]
    again_s = festive(bps=1e6, spread=1.0, seed=3).choose(full).wait_s

    assert all(0 <= wait_s <= 2 for wait_s in waits_s)
    assert len(set(waits_s)) == 20
    assert again_s == waits_s[3]


def test_after_the_wait_it_fetches_what_it_waited_for() -> None:
    controller = festive(bps=1e6, spread=1.0)
    full = replace(VIEW, buffered_s=30.0)
    wait_s = controller.choose(full).wait_s

    due = controller.choose(replace(full, now_us=round(wait_s * 1e6)))

    assert wait_s > 0
    assert due.wait_s == 0


def test_it_leaves_no_download() -> None:
    assert Festive().abandon(VIEW, Progress(4, 1, 1e6, 60.0, 0.1, 4.0)) == Keep()


def test_shares_must_be_shares() -> None:
    with pytest.raises(ValueError, match="lies in"):
        Festive(share=0.0)
    with pytest.raises(ValueError, match="lies in"):
        Festive(spread=1.5)
