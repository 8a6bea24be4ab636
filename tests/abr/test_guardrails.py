"""Caps: what holds a controller down, and why."""

from dataclasses import replace

import pytest
from abr_views import LADDER, PLAYING, START

from abr import Device, Guardrails, Rung
from abr.guardrails import Cap, highest_within, lines

RATED = tuple(
    replace(rung, quality=quality)
    for rung, quality in zip(LADDER, (40, 52, 61, 70, 78, 85, 91, None, 94, 97), strict=True)
)


def test_without_a_limit_the_whole_ladder_is_open() -> None:
    assert Guardrails().cap(PLAYING) == Cap(9)


def test_a_maximum_height_holds() -> None:
    assert Guardrails(max_height=480).cap(PLAYING) == Cap(5, "max height")


def test_a_cellular_link_is_held_to_720p_unless_told_otherwise() -> None:
    cellular = replace(PLAYING, device=Device(network="cellular"))

    assert Guardrails().cap(cellular) == Cap(7, "cellular")
    assert Guardrails(cellular_max_height=None).cap(cellular) == Cap(9)


def test_a_low_battery_holds_the_height() -> None:
    low = replace(PLAYING, device=Device(battery=0.19))
    enough = replace(PLAYING, device=Device(battery=0.2))

    assert Guardrails().cap(low) == Cap(7, "low battery")
    assert Guardrails().cap(enough) == Cap(9)
    assert Guardrails(low_battery_max_height=None).cap(low) == Cap(9)


def test_a_full_buffer_fits_in_half_of_the_free_memory() -> None:
    room = replace(PLAYING, device=Device(memory_bytes=2 * 30 * 3_000_000 // 8))
    none = replace(PLAYING, device=Device(memory_bytes=0))

    assert Guardrails().cap(room) == Cap(7, "memory")
    assert Guardrails().cap(none) == Cap(0, "memory")


def test_a_busy_processor_does_not_climb() -> None:
    busy = Device(cpu_headroom=0.19)

    assert Guardrails().cap(replace(PLAYING, device=busy)) == Cap(4, "busy processor")
    assert Guardrails().cap(replace(START, device=busy)) == Cap(7, "busy processor")
    assert Guardrails().cap(replace(PLAYING, device=Device(cpu_headroom=0.2))) == Cap(9)


def test_a_starved_processor_goes_down_a_rung_at_a_time() -> None:
    starved = replace(PLAYING, device=Device(cpu_headroom=0.04))

    assert Guardrails().cap(starved) == Cap(3, "starved processor")
    assert Guardrails().cap(replace(starved, rung=0)) == Cap(0, "starved processor")


def test_good_enough_is_the_first_rung_that_is() -> None:
    rated = replace(PLAYING, rungs=RATED)

    assert Guardrails(quality_cap=93).cap(rated) == Cap(8, "good enough")
    assert Guardrails(quality_cap=99).cap(rated) == Cap(9)
    assert Guardrails(quality_cap=93).cap(PLAYING) == Cap(9)


def test_the_tightest_limit_decides() -> None:
    view = replace(PLAYING, rungs=RATED, device=Device(network="cellular", battery=0.1))

    cap = Guardrails(max_height=384, quality_cap=93).cap(view)

    assert cap == Cap(3, "max height")


def test_a_picture_has_the_lines_of_its_shorter_side() -> None:
    upright = Rung(1_000_000, width=720, height=1280)

    assert lines(upright) == 720
    assert lines(Rung(1_000_000, height=1080)) == 1080


@pytest.mark.parametrize(
    ("bitrate_bps", "height"),
    [(100_000, 240), (235_001, 288), (3_000_000, 720), (3_000_001, 1080), (20_000_000, 2160)],
)
def test_a_rung_without_a_height_has_that_of_its_bitrate(bitrate_bps: int, height: int) -> None:
    assert lines(Rung(bitrate_bps)) == height


def test_if_every_rung_is_too_high_the_lowest_is_left() -> None:
    assert highest_within(LADDER, 100) == 0


@pytest.mark.parametrize(
    "limit",
    [
        {"max_height": 0},
        {"cellular_max_height": -1},
        {"low_battery_max_height": 0},
        {"memory_share": 0.0},
        {"starved_cpu_headroom": 0.5},
    ],
)
def test_limits_that_nothing_could_meet_are_refused(limit: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(limit))):
        Guardrails(**limit)
