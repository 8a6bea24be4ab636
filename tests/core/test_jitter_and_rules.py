"""Numbers by which the core decides: seeded, bounded, and refused where they cannot play."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.core.jitter import Jitter
from netplay.core.rules import SessionRules


@given(st.integers(), st.floats(0, 0.99), st.integers(0, 10**12))
def test_a_duration_is_spread_within_its_share(seed: int, share: float, duration_us: int) -> None:
    spread_us = Jitter(seed, share).spread(duration_us)

    assert abs(spread_us - duration_us) <= duration_us * share + 1


@given(st.integers())
def test_the_same_seed_gives_the_same_stream(seed: int) -> None:
    one, same = Jitter(seed, 0.2), Jitter(seed, 0.2)

    assert [one.spread(10**6) for _ in range(5)] == [same.spread(10**6) for _ in range(5)]


def test_the_stream_is_splitmix64() -> None:
    """The first outputs of SplitMix64 for seed 0, as its authors publish them."""
    published = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    jitter = Jitter(0, 0.5)

    spread_us = [jitter.spread(10**9) for _ in published]

    units = [(word >> 11) / 2**53 for word in published]
    assert spread_us == [round(10**9 * (1 + 0.5 * (2 * unit - 1))) for unit in units]


@pytest.mark.parametrize(
    "broken",
    [
        {"target_us": 0},
        {"max_buffer_us": -1},
        {"max_buffer_bytes": 0},
        {"backoff_us": 0},
        {"foresight": 0.0},
        {"foresight": 1.5},
        {"jitter": 1.0},
        {"jitter": -0.1},
        {"nap_us": -1},
        {"first_rung": -1},
    ],
)
def test_rules_that_could_never_play_are_refused(broken: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"positive|foresight|nap"):
        SessionRules(**broken)  # type: ignore[arg-type]  # wrong on purpose
