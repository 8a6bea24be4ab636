"""The forecast of the next rate, and how far forecasts were off, as sentences."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abr import Sample
from abr.estimate import LinkEstimate
from abr.forecast import Forecast
from abr.misses import FIRST_MISS, Misses


def told(rates_bps: list[float], *, half_life: float = 4.0, sharpness: float = 3.0) -> float:
    """What is foretold after so many rates."""
    forecast = Forecast(half_life, sharpness)
    for bps in rates_bps:
        forecast.observe(Sample(bytes=round(bps / 8), busy_s=1.0))
    assert forecast.bps is not None
    return forecast.bps


def test_of_nothing_it_foretells_nothing() -> None:
    assert Forecast(4.0, 3.0).bps is None


def test_of_one_rate_it_foretells_that_rate() -> None:
    assert told([8e6]) == pytest.approx(8e6)


def test_on_noise_around_a_steady_mean_the_mean_is_foretold() -> None:
    noise = [1e6, 4e6] * 20

    assert told(noise) == pytest.approx(2e6, rel=0.15)


def test_on_a_link_that_wanders_the_newest_rate_is_foretold() -> None:
    wandering = [1e6 * 1.5**i for i in range(12)]

    assert told(wandering) == pytest.approx(wandering[-1], rel=0.02)


def test_with_no_sharpness_both_count_alike_for_ever() -> None:
    wandering = [1e6 * 1.5**i for i in range(12)]

    assert told(wandering, sharpness=0.0) < 0.6 * told(wandering)


def test_a_link_that_brings_nothing_has_a_forecast() -> None:
    assert told([1e6, 0.0, 0.0]) > 0


@given(st.lists(st.floats(min_value=0.0, max_value=1e10), min_size=1, max_size=40))
def test_a_forecast_lies_between_the_lowest_and_the_highest_rate(rates_bps: list[float]) -> None:
    rates = [max(8 * round(bps / 8), 1) for bps in rates_bps]

    assert min(rates) * (1 - 1e-9) <= told(rates_bps) <= max(rates) * (1 + 1e-9)


@pytest.mark.parametrize(("half_life", "sharpness"), [(0.0, 1.0), (4.0, -1.0), (4.0, math.nan)])
def test_numbers_that_say_nothing_are_refused(half_life: float, sharpness: float) -> None:
    with pytest.raises(ValueError, match="not "):
        Forecast(half_life, sharpness)


def test_of_an_unknown_link_an_error_is_guessed() -> None:
    assert Misses().spread == pytest.approx(FIRST_MISS)


def test_a_calm_link_is_trusted_more_and_a_wild_one_less() -> None:
    calm, wild = Misses(), Misses()
    for _ in range(30):
        calm.add(1e6, 1e6)
        wild.add(1e6, 3e5)

    assert calm.spread < FIRST_MISS / 2
    assert wild.spread > 2 * FIRST_MISS


def test_a_pleasant_surprise_counts_half() -> None:
    faster, slower = Misses(), Misses()
    for _ in range(1000):
        faster.add(1e6, math.e * 1e6)
        slower.add(math.e * 1e6, 1e6)

    first = FIRST_MISS**2
    assert slower.spread**2 - first > 3.5 * (faster.spread**2 - first) > 0


def test_a_link_estimate_tells_how_far_its_estimator_was_off() -> None:
    link = LinkEstimate(lambda: Forecast(4.0, 3.0))
    link.observe(Sample(bytes=1_000_000, busy_s=1.0))
    guessed = link.spread
    link.observe(Sample(bytes=1_000_000, busy_s=8.0))

    assert guessed == pytest.approx(FIRST_MISS)
    assert link.spread > guessed
