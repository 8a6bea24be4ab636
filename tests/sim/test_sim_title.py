"""Made-up titles are whole, whatever their shape."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.core.messages import Fetch, Resolve
from netplay.sim import Content, make_title, nominal_bytes, varied_bytes
from netplay.timeline import Known, Unresolved

SECOND = 1_000_000
Form = Literal["dash", "hls", "sidx"]


@given(
    duration_us=st.integers(1_000, 400 * SECOND),
    segment_us=st.integers(1_000_000, 10 * SECOND),
    periods=st.integers(1, 4),
    form=st.sampled_from(["dash", "sidx"]),
)
def test_segments_follow_one_another_from_the_beginning_to_the_end(
    duration_us: int, segment_us: int, periods: int, form: Form
) -> None:
    content = make_title(duration_us=duration_us, segment_us=segment_us, periods=periods, form=form)

    edges = [0]
    for period in content.presentation.periods:
        assert period.start_us == edges[-1]
        for segment in content.index(f"{period.id}/v0"):
            assert segment.start_us == edges[-1]
            edges.append(segment.end_us)
    assert edges[-1] == duration_us
    assert all(before < after for before, after in pairwise(edges))


def test_every_track_asked_for_is_there_on_every_host() -> None:
    content = make_title(
        ladder=((100_000, 180), (200_000, 360)), audio=("en", "de"), text=("fr",), hosts=("a", "b")
    )

    sets = content.presentation.periods[0].sets

    assert [(one.kind, one.language, len(one.representations)) for one in sets] == [
        ("video", "", 2),
        ("audio", "en", 1),
        ("audio", "de", 1),
        ("text", "fr", 1),
    ]
    assert content.presentation.hosts == ("a", "b")
    assert [one.default for one in sets] == [False, True, False, False]


def test_a_dash_title_says_all_and_an_hls_one_leaves_its_playlists_to_be_asked_for() -> None:
    dash, hls, sidx = (make_title(form=form) for form in ("dash", "hls", "sidx"))
    first = [
        content.presentation.periods[0].sets[0].representations[0].index
        for content in (dash, hls, sidx)
    ]

    assert isinstance(first[0], Known)
    assert isinstance(first[1], Unresolved)
    assert isinstance(first[2], Unresolved)
    assert (first[1].form, first[1].per_host) == ("playlist", True)
    assert (first[2].form, first[2].per_host) == ("sidx", False)
    assert hls.presentation.duration_us is None
    assert hls.index("0/v0")[0].offset_us is None
    assert dash.index("0/v0")[0].offset_us == 0


def test_sizes_are_bitrate_times_duration_unless_they_are_varied() -> None:
    plain = make_title(ladder=((8_000_000, 720),))
    rep = plain.presentation.periods[0].sets[0].representations[0]
    segments = list(plain.index(rep.id))

    nominal = [nominal_bytes(rep, segment) for segment in segments]
    varied = [varied_bytes(7, 0.5)(rep, segment) for segment in segments]

    assert set(nominal) == {2_000_000}
    assert all(1_000_000 <= size_bytes <= 3_000_000 for size_bytes in varied)
    assert len(set(varied)) > 20
    assert varied == [varied_bytes(7, 0.5)(rep, segment) for segment in segments]
    assert varied != [varied_bytes(8, 0.5)(rep, segment) for segment in segments]


def test_hard_scenes_are_hard_in_every_rung() -> None:
    content = make_title(ladder=((800_000, 180), (8_000_000, 720)))
    low, high = content.presentation.periods[0].sets[0].representations
    size = varied_bytes(1, 0.5)

    ratios = [size(high, segment) / size(low, segment) for segment in content.index(low.id)]

    assert all(ratio == pytest.approx(10, rel=1e-3) for ratio in ratios)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_sizes_do_not_vary_beyond_nothing(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        varied_bytes(1, share)


def test_documents_are_as_long_as_what_they_list() -> None:
    hls, sidx = make_title(form="hls"), make_title(form="sidx")

    assert hls.index_bytes(Resolve(1, "0/v0", "oca-1")) == 200 + 60 * 30
    assert sidx.index_bytes(Resolve(1, "0/v0", "oca-1")) == 44 + 12 * 30


def test_a_segment_that_is_not_there_is_none() -> None:
    content = make_title()

    assert content.segment(Fetch(1, "video", "0/v0", 99, "oca-1")) is None


def test_an_index_that_nobody_knows_is_refused() -> None:
    hls = make_title(form="hls")

    with pytest.raises(ValueError, match="0/v0 is unresolved"):
        Content(hls.presentation)


@pytest.mark.parametrize("wrong", [{"periods": 0}, {"segment_us": 0}, {"ladder": (), "audio": ()}])
def test_a_title_without_anything_to_play_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="title has"):
        make_title(**wrong)  # type: ignore[arg-type]
