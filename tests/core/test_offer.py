"""The sizes that a controller is shown are those of the indexes, however they are laid out."""

from __future__ import annotations

from core_titles import make_rep
from hypothesis import given
from hypothesis import strategies as st

from abr.contract import Rung
from netplay.core.offer import Offer
from netplay.segments import Ranges, Run, SegmentIndex

SECOND = 1_000_000


def index_of(sizes: list[int], segment_s: int) -> SegmentIndex:
    edges = [0]
    for size in sizes:
        edges.append(edges[-1] + size)
    return SegmentIndex(
        SECOND, (Run(0, segment_s * SECOND, len(sizes)),), Ranges("v", tuple(edges))
    )


def offer_of(indexes: list[SegmentIndex | None]) -> Offer:
    reps = [
        make_rep(f"0/v{place}", "video", 1_000_000 * (place + 1), index_of([1], 1))
        for place in range(len(indexes))
    ]
    rungs = [Rung(rep.bandwidth_bps) for rep in reps]
    return Offer(range(len(reps)), reps, rungs, indexes)


def as_the_indexes_say(
    indexes: list[SegmentIndex | None], from_us: int, count: int
) -> tuple[tuple[float | None, ...], ...]:
    columns = [
        (None,) * count if index is None else index.sizes_bytes(from_us, count) for index in indexes
    ]
    return tuple(zip(*columns, strict=True))


@given(
    st.lists(st.integers(1, 1_000), min_size=1, max_size=150),
    st.lists(st.tuples(st.integers(-1, 160), st.integers(1, 7)), min_size=1, max_size=12),
    st.sampled_from(["together", "apart", "one unknown"]),
)
def test_sizes_are_those_of_every_index_from_the_moment_on(
    sizes: list[int], asked: list[tuple[int, int]], kind: str
) -> None:
    second = index_of([2 * size for size in sizes], 3 if kind == "apart" else 1)
    indexes = [index_of(sizes, 1), None if kind == "one unknown" else second]
    offer = offer_of(indexes)

    for at_s, count in asked:
        from_us = at_s * SECOND + 1
        assert offer.sizes_bytes(from_us, count) == as_the_indexes_say(indexes, from_us, count)


def test_a_rung_is_found_by_its_representation() -> None:
    offer = offer_of([None, None])

    assert [offer.rung_of(name) for name in ("0/v0", "0/v1", "0/v2")] == [0, 1, None]
