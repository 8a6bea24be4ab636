"""A lane's spans, held against a model that keeps one byte for every tenth of a second."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from netplay.core.buffer import Buffer, Span

EDGE_US = 30_000
GRID_US = 100_000
CELLS = 60


def span(start: int, end: int, until: int | None = None, fetch_id: int | None = 1) -> Span:
    """Return a span, its edges in tenths of a second."""
    until = end if until is None else until
    return Span(
        start * GRID_US, end * GRID_US, until * GRID_US, fetch_id, bytes=(until - start) * 10
    )


@st.composite
def layouts(draw: st.DrawFn) -> list[Span]:
    """Draw spans that do not overlap, some still arriving, some gaps, in any order."""
    edges = sorted(draw(st.sets(st.integers(0, CELLS), max_size=12)))
    found = []
    for place, (start, end) in enumerate(itertools.pairwise(edges)):
        match draw(st.sampled_from(("free", "whole", "gap", "arriving"))):
            case "whole":
                found.append(span(start, end, fetch_id=place + 1))
            case "gap":
                found.append(span(start, end, fetch_id=None))
            case "arriving":
                until = draw(st.integers(start, end - 1)) if end > start else start
                found.append(span(start, end, until, fetch_id=place + 1))
            case _:
                pass
    return draw(st.permutations(found))


def filled(spans: list[Span]) -> Buffer:
    buffer = Buffer(EDGE_US)
    for one in spans:
        buffer.add(one)
    return buffer


def cells(spans: list[Span], *, planned: bool) -> set[int]:
    """Return the tenths of a second that are held, or that will be."""
    return {
        cell
        for one in spans
        for cell in range(
            one.start_us // GRID_US, (one.end_us if planned else one.until_us) // GRID_US
        )
    }


def reach(held: set[int], cell: int) -> int:
    while cell in held:
        cell += 1
    return cell


cells_at = st.integers(0, CELLS)


@given(layouts())
def test_spans_stand_in_the_order_of_the_timeline_however_they_came(spans: list[Span]) -> None:
    buffer = filled(spans)

    assert list(buffer) == sorted(spans, key=lambda one: one.start_us)
    assert len(buffer) == len(spans)


@given(layouts(), cells_at)
def test_the_edge_of_the_plan_is_where_the_next_hole_is(spans: list[Span], at: int) -> None:
    edge_us = filled(spans).edge_of_plan_us(at * GRID_US)

    assert edge_us == reach(cells(spans, planned=True), at) * GRID_US


@given(layouts(), cells_at)
def test_the_edge_of_media_is_where_media_ends(spans: list[Span], at: int) -> None:
    edge_us = filled(spans).edge_of_media_us(at * GRID_US)

    assert edge_us == reach(cells(spans, planned=False), at) * GRID_US


@given(layouts(), cells_at)
def test_the_span_at_a_position_is_the_one_that_covers_it(spans: list[Span], at: int) -> None:
    found = filled(spans).at(at * GRID_US)

    covering = [one for one in spans if one.start_us <= at * GRID_US < one.end_us]
    assert ([found] if found else []) == covering


@given(layouts(), cells_at, st.integers(0, 5), st.integers(1, 5))
def test_what_is_free_around_a_hole_is_all_of_the_hole_and_nothing_else(
    spans: list[Span], at: int, before: int, after: int
) -> None:
    taken = cells(spans, planned=True)
    if at in taken:
        return
    start, end = at - before, at + after

    low_us, high_us = filled(spans).free_around(start * GRID_US, end * GRID_US, at * GRID_US)

    first, last = at, reach({c for c in range(CELLS + 10) if c not in taken}, at)
    while first > start and first - 1 not in taken:
        first -= 1
    assert (low_us // GRID_US, high_us // GRID_US) == (first, min(last, end))


@given(layouts(), cells_at)
def test_a_cut_keeps_what_is_before_it_and_forgets_the_rest(spans: list[Span], at: int) -> None:
    torn = {one for one in spans if one.end_us > at * GRID_US and not one.is_complete}
    kept = cells([one for one in spans if one not in torn], planned=True)
    later = {one for one in spans if one.start_us >= at * GRID_US}
    buffer = filled(spans)

    gone = buffer.cut(at * GRID_US)

    assert cells(list(buffer), planned=True) == {cell for cell in kept if cell < at}
    assert set(gone) == torn | later


@given(layouts(), cells_at, st.integers(0, 30), st.integers(0, 300))
def test_eviction_takes_the_oldest_behind_until_the_rest_fits(
    spans: list[Span], at: int, keep: int, keep_bytes: int
) -> None:
    buffer = filled(spans)

    gone = buffer.evict_before(at * GRID_US, keep * GRID_US, keep_bytes)

    behind = sorted(
        (one for one in spans if one.end_us <= at * GRID_US and one.is_complete),
        key=lambda one: one.start_us,
    )
    left = behind[len(gone) :]
    assert gone == behind[: len(gone)]
    assert sum(one.bytes for one in left) <= keep_bytes or not left
    assert all(one.end_us >= (at - keep) * GRID_US for one in left)
    assert set(buffer) == set(spans) - set(gone)


@given(layouts(), cells_at)
def test_bytes_ahead_are_those_of_every_span_that_ends_later(spans: list[Span], at: int) -> None:
    expected = [replace(one, size_bytes=70) for one in spans]

    ahead = filled(expected).ahead_bytes(at * GRID_US)

    assert ahead == sum(max(one.bytes, 70) for one in expected if one.end_us > at * GRID_US)


@given(layouts())
def test_ranges_are_the_stretches_held(spans: list[Span]) -> None:
    ranges_us = filled(spans).ranges_us()

    held = {c for low, high in ranges_us for c in range(low // GRID_US, high // GRID_US)}
    assert held == cells(spans, planned=False)
    assert all(low < high for low, high in ranges_us)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(ranges_us))


@given(layouts())
def test_cleared_it_gives_back_what_it_held(spans: list[Span]) -> None:
    buffer = filled(spans)

    assert set(buffer.clear()) == set(spans)
    assert list(buffer) == []


def test_edges_a_frame_apart_are_one() -> None:
    buffer = filled([Span(0, 1_990_000, 1_990_000, 1), Span(2_000_000, 4_000_000, 4_000_000, 2)])

    assert buffer.edge_of_media_us(0) == 4_000_000
    assert buffer.ranges_us() == ((0, 4_000_000),)
    found = buffer.at(1_995_000)
    assert found is not None
    assert found.fetch_id == 2


def test_a_hole_wider_than_a_frame_is_one() -> None:
    buffer = filled([Span(0, 1_960_000, 1_960_000, 1), Span(2_000_000, 4_000_000, 4_000_000, 2)])

    assert buffer.edge_of_media_us(0) == 1_960_000
    assert len(buffer.ranges_us()) == 2


def test_a_span_that_reaches_further_is_held_further_and_goes_by_its_fetch() -> None:
    first = span(0, 20, 5, fetch_id=7)
    buffer = filled([first, span(20, 40, fetch_id=8)])
    before_us = buffer.edge_of_media_us(0)

    buffer.reach(first, first.end_us)

    assert before_us < first.end_us < buffer.edge_of_media_us(0)
    assert buffer.of_fetch(7) is first
    buffer.remove(7)
    assert buffer.of_fetch(7) is None
    assert buffer.of_fetch(8) is not None
