"""Estimators: what each makes of a link, and what does not fool them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abr import Sample
from abr.estimate import (
    DualEwma,
    Estimator,
    Ewma,
    HarmonicMean,
    LinkEstimate,
    Sieve,
    SlidingPercentile,
    Ttfb,
    rate_bps,
)

KINDS = [Ewma, DualEwma, HarmonicMean, SlidingPercentile]

samples = st.builds(
    Sample,
    bytes=st.integers(0, 10**8),
    busy_s=st.floats(0, 1000),
    ttfb_s=st.floats(0, 10),
    requests=st.integers(1, 10),
)


def at(bps: float, *, for_s: float = 1.0) -> Sample:
    return Sample(bytes=round(bps * for_s / 8), busy_s=for_s)


def test_an_ewma_halves_the_weight_of_what_lies_a_half_life_back() -> None:
    ewma = Ewma(half_life_s=4.0)

    ewma.observe(at(8e6, for_s=4.0))
    ewma.observe(at(2e6, for_s=4.0))

    # Weights 1/2 and 1/4 of a life of 3/4: (8 x 1/4 + 2 x 1/2) / (3/4).
    assert ewma.bps == pytest.approx(4e6)


def test_an_ewma_starts_from_the_first_measurement_and_not_from_zero() -> None:
    ewma = Ewma(half_life_s=8.0)

    ewma.observe(at(3e6, for_s=0.1))

    assert ewma.bps == 3e6


def test_the_dual_ewma_drops_as_fast_as_the_fast_one_and_rises_as_slowly_as_the_slow_one() -> None:
    falling, rising = DualEwma(), DualEwma()
    fast_falling, slow_rising = Ewma(3.0), Ewma(8.0)

    for estimator in (falling, fast_falling):
        estimator.observe(at(8e6, for_s=20))
        estimator.observe(at(1e6))
    for estimator in (rising, slow_rising):
        estimator.observe(at(1e6, for_s=20))
        estimator.observe(at(8e6))

    assert falling.bps == fast_falling.bps
    assert rising.bps == slow_rising.bps


def test_the_harmonic_mean_is_that_of_the_last_few() -> None:
    mean = HarmonicMean(window=2)

    for bps in (100e6, 1e6, 3e6):
        mean.observe(at(bps))

    assert mean.bps == pytest.approx(1.5e6)


def test_the_harmonic_mean_of_a_window_with_a_dead_link_in_it_is_zero() -> None:
    mean = HarmonicMean()

    mean.observe(at(5e6))
    mean.observe(Sample(bytes=0, busy_s=2.0))

    assert mean.bps == 0


def test_the_percentile_weighs_a_sample_by_the_root_of_its_bytes() -> None:
    percentile = SlidingPercentile()

    percentile.observe(Sample(bytes=40_000, busy_s=0.1))
    percentile.observe(Sample(bytes=40_000, busy_s=0.1))
    percentile.observe(Sample(bytes=250_000, busy_s=1.0))

    # 200 + 200 at 3.2 Mb/s against 500 at 2 Mb/s.
    assert percentile.bps == 2e6


def test_the_percentile_forgets_the_oldest_first_and_no_more_than_it_must() -> None:
    percentile = SlidingPercentile(percentile=0.5, most_weight=1000)

    percentile.observe(Sample(bytes=640_000, busy_s=1.0))  # weighs 800, then 400, then 0
    percentile.observe(Sample(bytes=360_000, busy_s=1.0))  # weighs 600
    kept = percentile.bps
    percentile.observe(Sample(bytes=250_000, busy_s=1.0))  # weighs 500

    assert kept == 2_880_000
    assert percentile.bps == 2_000_000


def test_the_hundredth_percentile_is_the_fastest_sample() -> None:
    percentile = SlidingPercentile(percentile=1.0)

    for bps in (1e6, 9e6, 4e6):
        percentile.observe(at(bps))

    assert percentile.bps == 9e6


@pytest.mark.parametrize("make", KINDS)
def test_an_estimator_knows_nothing_before_it_observed(make: type[Estimator]) -> None:
    assert make().bps is None


@pytest.mark.parametrize("make", KINDS)
@settings(max_examples=50)
@given(observed=st.lists(samples, min_size=1, max_size=10))
def test_an_estimate_lies_between_the_lowest_and_the_highest_rate_observed(
    make: type[Estimator], observed: list[Sample]
) -> None:
    estimator = make()

    for sample in observed:
        estimator.observe(sample)

    rates = [rate_bps(sample) for sample in observed]
    assert estimator.bps is not None
    rounding_bps = 1e-9 * max(rates)
    assert min(rates) - rounding_bps <= estimator.bps <= max(rates) + rounding_bps


@pytest.mark.parametrize("make", KINDS)
@given(sample=samples.filter(lambda sample: sample.bytes > 0), count=st.integers(1, 50))
def test_a_steady_link_is_estimated_at_its_rate(
    make: type[Estimator], sample: Sample, count: int
) -> None:
    estimator = make()

    for _ in range(count):
        estimator.observe(sample)

    assert estimator.bps == pytest.approx(rate_bps(sample))


def test_a_transfer_that_took_no_time_to_read_has_a_finite_rate() -> None:
    assert rate_bps(Sample(bytes=20_000, busy_s=0.0)) == 160e6


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ewma(0.0),
        lambda: Ewma(math.nan),
        lambda: HarmonicMean(0),
        lambda: SlidingPercentile(0.0),
        lambda: SlidingPercentile(1.1),
        lambda: SlidingPercentile(most_weight=0.0),
        lambda: LinkEstimate(initial_bps=0.0),
        lambda: LinkEstimate(initial_bps=math.inf),
    ],
)
def test_numbers_that_make_no_estimator_are_refused(make: type[Estimator]) -> None:
    with pytest.raises(ValueError, match="not "):
        make()


# time to first byte


def test_the_time_to_first_byte_to_count_on_is_the_longer_of_two_means() -> None:
    worse, better = Ttfb(1.0, 2.0), Ttfb(1.0, 2.0)

    for ttfb_s in (0.1, 0.3):
        worse.observe(Sample(bytes=1, busy_s=1.0, ttfb_s=ttfb_s))
    for ttfb_s in (0.3, 0.1):
        better.observe(Sample(bytes=1, busy_s=1.0, ttfb_s=ttfb_s))

    # Fast: weights 1/4 and 1/2. Slow: the older one weighs 1/sqrt(2) of the newer.
    share = 1 / (1 + math.sqrt(0.5))
    assert worse.s == pytest.approx(0.1 / 3 + 0.3 * 2 / 3)
    assert better.s == pytest.approx(0.3 * (1 - share) + 0.1 * share)


def test_a_sample_of_several_requests_weighs_as_much_as_they_do() -> None:
    merged, apart = Ttfb(), Ttfb()

    merged.observe(Sample(bytes=1, busy_s=1.0, ttfb_s=0.2, requests=1))
    merged.observe(Sample(bytes=1, busy_s=1.0, ttfb_s=0.1, requests=3))
    for ttfb_s in (0.2, 0.1, 0.1, 0.1):
        apart.observe(Sample(bytes=1, busy_s=1.0, ttfb_s=ttfb_s))

    assert Ttfb().s is None
    assert apart.s is not None
    assert merged.s == pytest.approx(apart.s)


# the sieve


def test_what_came_from_a_cache_says_nothing() -> None:
    sieve = Sieve()

    assert sieve.admit(Sample(bytes=10**7, busy_s=0.01, cached=True)) is None


def test_small_transfers_are_merged_until_they_are_large_enough() -> None:
    sieve = Sieve()
    small = Sample(bytes=6_000, busy_s=0.1, ttfb_s=0.05, rung=2, duration_s=2.0)

    admitted = [sieve.admit(small) for _ in range(4)]

    assert admitted[:2] == [None, None]
    merged = admitted[2]
    assert merged is not None
    assert [merged.bytes, merged.requests, merged.rung, merged.duration_s] == [18_000, 3, 2, 6.0]
    assert [merged.busy_s, merged.ttfb_s] == pytest.approx([0.3, 0.05])
    assert admitted[3] is None


def test_merging_keeps_the_rung_only_if_it_is_the_same() -> None:
    sieve = Sieve()

    sieve.admit(Sample(bytes=6_000, busy_s=0.1, ttfb_s=0.3, requests=1, rung=0))
    merged = sieve.admit(Sample(bytes=20_000, busy_s=0.2, ttfb_s=0.1, requests=3))

    assert merged is not None
    assert merged.rung is None
    assert merged.ttfb_s == pytest.approx(0.15)


def test_a_few_bytes_that_took_a_second_say_enough() -> None:
    slow = Sample(bytes=4_000, busy_s=1.0)

    assert Sieve().admit(slow) == slow


@settings(max_examples=50)
@given(observed=st.lists(samples, max_size=20))
def test_no_byte_and_no_moment_is_lost_in_the_sieve(observed: list[Sample]) -> None:
    sieve = Sieve()
    flush = Sample(bytes=16_000, busy_s=0.0)

    admitted = [sieve.admit(sample) for sample in [*observed, flush]]

    through = [sample for sample in admitted if sample is not None]
    assert sum(s.bytes for s in through) == sum(s.bytes for s in observed) + 16_000
    assert sum(s.busy_s for s in through) == pytest.approx(sum(s.busy_s for s in observed))
    assert sum(s.requests for s in through) == sum(s.requests for s in observed) + 1


# the belief


def test_the_belief_begins_with_the_network_or_with_what_is_remembered() -> None:
    wifi = LinkEstimate()
    wifi.on("wifi")

    assert LinkEstimate().bps == 1e6
    assert wifi.bps == 2.4e6
    assert LinkEstimate(initial_bps=7e6).bps == 7e6
    assert wifi.measured_bps is None
    assert wifi.ttfb_s is None


def test_a_belief_follows_what_was_measured_once_it_was_enough() -> None:
    link = LinkEstimate(trusted_bytes=100_000)

    link.observe(Sample(bytes=60_000, busy_s=0.06, ttfb_s=0.04))
    early = link.bps
    link.observe(Sample(bytes=60_000, busy_s=0.06, ttfb_s=0.04))

    assert early == 1e6
    assert link.bps == pytest.approx(8e6)
    assert link.measured_bps == link.bps
    assert link.ttfb_s == pytest.approx(0.04)


def test_small_and_cached_transfers_do_not_fool_it() -> None:
    link = LinkEstimate()
    link.observe(at(4e6, for_s=4.0))

    for _ in range(3):
        link.observe(Sample(bytes=5_000, busy_s=0.0))
        link.observe(Sample(bytes=2_000_000, busy_s=0.001, cached=True))

    assert link.bps == 4e6


def test_another_network_is_another_link() -> None:
    link = LinkEstimate(initial_bps=50e6)
    link.observe(at(50e6, for_s=4.0))

    link.on("wifi")
    learnt = link.bps
    link.on("unknown")
    link.on("wifi")
    same = link.bps
    link.on("cellular")

    assert [learnt, same, link.bps] == [50e6, 50e6, 860_000.0]
