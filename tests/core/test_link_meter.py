"""One link, however many transfers: bytes and time are counted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from abr.contract import Sample
from netplay.core.link import LinkMeter


def carry(
    meter: LinkMeter, name: int, begin_us: int, end_us: int, size: int, *, cached: bool = False
) -> Sample | None:
    """Let one transfer ask, receive from the one moment to the other, and end."""
    meter.begun(name, begin_us - 20_000)
    meter.received(name, total=size, first_byte_us=begin_us, last_byte_us=end_us)
    return meter.ended(name, cached=cached)


def test_one_transfer_is_one_sample_without_its_wait() -> None:
    meter = LinkMeter()
    meter.begun(1, 1_000_000)
    meter.received(1, total=0, first_byte_us=1_050_000, last_byte_us=1_050_000)
    meter.received(1, total=500_000, first_byte_us=1_050_000, last_byte_us=2_050_000)

    sample = meter.ended(1, rung=2, duration_us=2_000_000)

    assert sample == Sample(500_000, busy_s=1.0, ttfb_s=0.05, requests=1, rung=2, duration_s=2.0)


def test_sound_beside_the_picture_does_not_halve_the_link() -> None:
    """Both at once through 8 Mb/s: each alone would look like half of it."""
    meter = LinkMeter()
    for name in (1, 2):
        meter.begun(name, 0)
    for name in (1, 2):
        meter.received(name, total=500_000, first_byte_us=0, last_byte_us=1_000_000)

    samples = [meter.ended(name) for name in (1, 2)]

    first, second = samples
    assert first is not None
    assert first.bytes * 8 / first.busy_s == 8e6
    assert first.requests == 2
    assert second is None


def test_idle_time_between_transfers_is_not_counted() -> None:
    meter = LinkMeter()

    first = carry(meter, 1, 0, 1_000_000, 100_000)
    second = carry(meter, 2, 60_000_000, 61_000_000, 100_000)

    assert [sample and sample.busy_s for sample in (first, second)] == [1.0, 1.0]


def test_what_a_cache_gave_is_left_out() -> None:
    meter = LinkMeter()

    cached = carry(meter, 1, 0, 1_000, 10_000_000, cached=True)
    after = carry(meter, 2, 2_000_000, 3_000_000, 100_000)

    assert cached is None
    assert after is not None
    assert (after.bytes, after.busy_s) == (100_000, 1.0)


def test_a_cache_beside_the_link_leaves_the_link_its_bytes() -> None:
    meter = LinkMeter()
    meter.begun(1, 0)
    meter.received(1, total=200_000, first_byte_us=0, last_byte_us=1_000_000)

    beside = carry(meter, 2, 500_000, 501_000, 9_000_000, cached=True)

    assert beside is not None
    assert beside.bytes == 200_000


def test_a_cache_takes_from_a_sample_only_what_it_gave_to_it() -> None:
    """That bytes came from a cache is known at their end; most were in the sample before."""
    meter = LinkMeter()
    for name in (1, 2, 3):
        meter.begun(name, 0)
    meter.received(1, total=9_000_000, first_byte_us=0, last_byte_us=1_000_000)
    meter.received(2, total=100_000, first_byte_us=0, last_byte_us=1_000_000)
    meter.ended(2)
    meter.received(3, total=200_000, first_byte_us=0, last_byte_us=2_000_000)

    sample = meter.ended(1, cached=True)

    assert sample is not None
    assert sample.bytes == 200_000


def test_a_transfer_that_brought_nothing_is_no_sample() -> None:
    meter = LinkMeter()
    meter.begun(1, 0)
    meter.received(1, total=0, first_byte_us=None, last_byte_us=0)

    assert meter.ended(1) is None
    assert carry(meter, 2, 0, 1_000, 0) is None


def test_what_it_was_never_told_of_is_ignored() -> None:
    meter = LinkMeter()
    meter.received(9, total=100, first_byte_us=0, last_byte_us=10)

    assert meter.ended(9) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 5_000_000), st.integers(1, 3_000_000), st.integers(1, 10**6)),
        min_size=1,
        max_size=8,
    )
)
def test_bytes_are_conserved_and_no_moment_is_counted_twice(
    transfers: list[tuple[int, int, int]],
) -> None:
    """Told in the order in which things happen, as a driver tells them."""
    meter = LinkMeter()
    events = [(begin, 0, n) for n, (begin, _, _) in enumerate(transfers)]
    events += [(begin + long, 1, n) for n, (begin, long, _) in enumerate(transfers)]
    samples = []
    for at_us, what, n in sorted(events):
        begin, _, size = transfers[n]
        if what == 0:
            meter.begun(n, at_us)
            meter.received(n, total=0, first_byte_us=begin, last_byte_us=at_us)
        else:
            meter.received(n, total=size, first_byte_us=begin, last_byte_us=at_us)
            samples.append(meter.ended(n))

    told = [sample for sample in samples if sample is not None]

    busy = set()
    for begin, long, _ in transfers:
        busy.add((begin, begin + long))
    assert sum(sample.bytes for sample in told) == sum(size for _, _, size in transfers)
    assert round(sum(sample.busy_s for sample in told) * 1e6) == length(sorted(busy))


def length(stretches: list[tuple[int, int]]) -> int:
    """Return how long at least one of some stretches lasts."""
    total, reached = 0, 0
    for begin, end in stretches:
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total
