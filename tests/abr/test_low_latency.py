"""L2A and LoL+: what they learn, and that the same seed learns the same."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abr import Choice, Keep, L2a, LolPlus, Progress, Rung, Sample, View
from abr.l2a import CAUTION, STEP, onto_simplex

LADDER = tuple(Rung(kbps * 1000) for kbps in (200, 600, 1000))

VIEW = View(
    now_us=0,
    rungs=LADDER,
    rung=0,
    segment_s=1.0,
    sizes_bytes=((None,) * 3,),
    buffered_s=2.0,
    target_s=3.0,
    max_buffer_s=4.0,
    playing=True,
    started=True,
    live_latency_s=3.0,
)


def took(*, bps: float) -> Sample:
    return Sample(bytes=round(bps / 8), busy_s=1.0, rung=0, duration_s=1.0)


@given(point=st.lists(st.floats(-10, 10), min_size=1, max_size=8))
def test_the_projection_is_on_the_simplex_and_nothing_on_it_is_nearer(point: list[float]) -> None:
    nearest = onto_simplex(point)

    assert sum(nearest) == pytest.approx(1)
    assert min(nearest) >= 0
    # Optimality: what is above zero was shifted alike, what is zero would be pushed below.
    shifts = [p - n for p, n in zip(point, nearest, strict=True) if n > 0]
    assert max(shifts) == pytest.approx(min(shifts), abs=1e-9)
    assert all(p <= shifts[0] + 1e-9 for p, n in zip(point, nearest, strict=True) if n == 0)


def test_l2a_starts_by_throughput() -> None:
    l2a = L2a()
    nothing = l2a.choose(VIEW)
    l2a.observe(took(bps=700e3))

    start = l2a.choose(replace(VIEW, rung=None, buffered_s=0.0))
    low = l2a.choose(replace(VIEW, buffered_s=1.4))

    assert nothing.reason == "nothing measured yet"
    assert [start.rung, low.rung] == [1, 1]
    assert start.reason == low.reason == "start, by throughput"


def learnt(*, bps: float, rung: int = 1) -> Choice:
    """Its first step after a start at rung 1, on a link of so much."""
    l2a = L2a()
    l2a.observe(took(bps=700e3))
    l2a.choose(VIEW)
    l2a.observe(took(bps=bps))
    return l2a.choose(replace(VIEW, rung=rung, fetched_segments=1))


def test_l2a_moves_its_mix_by_what_each_bitrate_would_do_to_the_buffer() -> None:
    choice = learnt(bps=800e3)

    # From (0, 1, 0), with the multiplier at V_L: each by V / (2 alpha) (2 V_L) b / c.
    pull = 2 * CAUTION / (2 * STEP)
    mix = onto_simplex([pull * 0.25, 1 + pull * 0.75, -pull * 1.25])
    mean_kbps = 200 * mix[0] + 600 * mix[1] + 1000 * mix[2]
    assert choice.scores == pytest.approx(tuple(-abs(k - mean_kbps) for k in (200, 600, 1000)))
    assert choice.rung == 1


def test_l2a_goes_up_one_rung_if_the_last_segment_came_that_fast() -> None:
    from_below = learnt(bps=900e3, rung=0)
    too_slow = learnt(bps=500e3, rung=0)

    assert from_below.rung == 1
    assert too_slow.rung == 0


def test_l2a_learns_to_use_a_better_link_and_to_spare_a_worse_one() -> None:
    l2a = L2a()
    l2a.observe(took(bps=700e3))
    l2a.choose(VIEW)
    rungs = [1]
    for segment in range(60):
        l2a.observe(took(bps=2e6 if segment < 30 else 300e3))
        rungs.append(l2a.choose(replace(VIEW, rung=rungs[-1], fetched_segments=segment)).rung)

    assert rungs[29] == 2
    assert rungs[-1] == 0


def test_l2a_starts_anew_after_a_seek_and_on_another_ladder() -> None:
    l2a = L2a()
    l2a.observe(took(bps=700e3))
    l2a.choose(VIEW)

    seek = l2a.choose(replace(VIEW, rung=None))
    l2a.choose(VIEW)
    shorter = l2a.choose(replace(VIEW, rungs=LADDER[:2], sizes_bytes=((None,) * 2,)))

    assert seek.reason == shorter.reason == "start, by throughput"


def test_l2a_looks_at_video_only() -> None:
    l2a = L2a()
    l2a.observe(replace(took(bps=1e6), rung=None))

    assert l2a.choose(VIEW).reason == "nothing measured yet"


def lol(*, bps: float = 800e3, seed: int = 0) -> LolPlus:
    controller = LolPlus(seed=seed)
    controller.observe(took(bps=bps))
    return controller


def test_lol_plus_takes_the_neuron_nearest_to_all_of_the_link() -> None:
    rungs = [lol(bps=bps).choose(replace(VIEW, rung=1)).rung for bps in (300e3, 800e3, 9e6)]

    assert rungs == [0, 1, 2]


def test_lol_plus_goes_down_at_once_on_a_low_buffer() -> None:
    low = replace(VIEW, rung=2, buffered_s=0.2)

    carried = lol(bps=800e3).choose(low)
    none_carried = lol(bps=100e3).choose(low)

    assert [carried.rung, none_carried.rung] == [1, 0]
    assert carried.reason == "0.2 s of buffer, 1.4 s to fetch rung 2"


def test_lol_plus_weighs_stalls_fully_and_says_so() -> None:
    choice = lol().choose(replace(VIEW, rung=1))

    assert choice.reason == "weights 0.2 0.2 1.0 0.2"
    assert len(choice.scores) == 3


def test_latency_that_a_rung_has_led_to_is_weighed_too() -> None:
    controller = lol()
    for segment in range(300):
        controller.choose(replace(VIEW, rung=0, live_latency_s=200.0, fetched_segments=segment))

    choice = controller.choose(replace(VIEW, rung=0, live_latency_s=200.0))

    assert choice.reason.startswith("weights 0.2 ")
    assert controller._neurons[0][1] > 0


def test_with_no_rung_that_keeps_the_buffer_the_weights_stay() -> None:
    # A segment longer than the buffer can bear, at a rung that is quick enough itself.
    controller = lol(bps=230e3)
    before = controller.choose(replace(VIEW, buffered_s=1.29)).reason

    again = controller.choose(replace(VIEW, buffered_s=1.29)).reason

    assert before.startswith("weights")
    assert again.startswith("weights")


def test_the_same_seed_learns_the_same_and_another_starts_elsewhere() -> None:
    first, same, other = lol(seed=1), lol(seed=1), lol(seed=2)
    for controller in (first, same, other):
        controller.choose(VIEW)

    weights = [controller._first_weights() for controller in (first, same, other)]

    assert first._neurons == same._neurons
    assert weights[0] == weights[1] != weights[2]


def test_lol_plus_lays_out_another_ladder_anew() -> None:
    controller = lol()
    controller.choose(VIEW)

    choice = controller.choose(replace(VIEW, rungs=LADDER[:2], sizes_bytes=((None,) * 2,)))

    assert len(choice.scores) == 2


def test_before_anything_was_measured_it_is_the_lowest() -> None:
    assert LolPlus().choose(VIEW) == Choice(0, reason="nothing measured yet")


def test_no_download_is_left() -> None:
    crawling = Progress(2, 1, 1e6, 60.0, 0.1, 1.0)

    assert L2a().abandon(VIEW, crawling) == LolPlus().abandon(VIEW, crawling) == Keep()


def test_levels_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="start_s"):
        L2a(start_s=-1.0)
    with pytest.raises(ValueError, match="least_buffer_s"):
        LolPlus(least_buffer_s=-1.0)
