"""QoE models on playbacks worked out by hand."""

import math

import pytest

from abr import Played
from abr.qoe import NAMES, Comyco, SabreScore, hd, hd_value, lin, log, model

PLAYED = (
    Played(0, 300_000, 4.0, quality=30.0),
    Played(2, 1_200_000, 4.0, stall_s=0.5, quality=70.0),
    Played(1, 750_000, 4.0, quality=60.0),
)


def test_the_first_segment_counts_only_as_what_the_second_changes_from() -> None:
    expected = (1.2 - 4.3 * 0.5 - 0.9) + (0.75 - 0.45)

    assert lin().score(PLAYED) == pytest.approx(expected)
    assert lin(drop_first=False).score(PLAYED) == pytest.approx(0.3 + expected)


def test_log_quality_is_over_the_lowest_bitrate() -> None:
    up, down = math.log(4), math.log(2.5)

    expected = (up - 2.66 * 0.5 - up) + (down - (up - down))

    assert log(300_000).score(PLAYED) == pytest.approx(expected)


def test_hd_quality_is_the_published_table() -> None:
    assert hd().score(PLAYED) == pytest.approx((3 - 8 * 0.5 - 2) + (2 - 1))
    values = [hd_value(kbps * 1000) for kbps in (300, 750, 1200, 1850, 2850, 4300)]
    assert values == [1, 2, 3, 12, 15, 20]


def test_beside_the_table_hd_quality_lies_on_a_line_and_ends_at_its_top() -> None:
    assert [hd_value(bps) for bps in (0, 150_000, 1_525_000, 9_000_000)] == [0, 0.5, 7.5, 20]


def test_comyco_weighs_rises_and_falls_apart() -> None:
    rise = 0.8469011 * 70 - 28.79591348 * 0.5 + 0.29797156 * 40 - 2.661618558
    fall = 0.8469011 * 60 - 1.06099887 * 10 - 2.661618558

    assert Comyco().score(PLAYED) == pytest.approx(rise + fall)
    first = 0.8469011 * 30 - 2.661618558
    assert Comyco(drop_first=False).score(PLAYED) == pytest.approx(first + rise + fall)


def test_comyco_says_which_segment_has_no_vmaf() -> None:
    with pytest.raises(ValueError, match="number 1 has none"):
        Comyco().score((PLAYED[0], Played(0, 300_000, 4.0)))


def test_sabres_score_is_an_average_over_all_the_time_spent() -> None:
    worth = math.log(4) * 4 + math.log(2.5) * 4 - 5 * 0.5

    score = SabreScore(300_000, startup_s=1.5).score(PLAYED)

    assert score == pytest.approx(worth / (12 + 0.5 + 1.5))
    assert SabreScore(300_000).score(()) == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_a_fold_and_looks_at_each_record_once(name: str) -> None:
    made = model(name, lowest_bps=300_000)

    assert made.score(iter(PLAYED)) == made.score(PLAYED)


def test_an_unknown_model_is_answered_with_the_good_ones() -> None:
    with pytest.raises(ValueError, match="'p1203'; there are lin, log, hd, v, sabre"):
        model("p1203", lowest_bps=1)
