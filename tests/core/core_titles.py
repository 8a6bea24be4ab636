"""Titles that exist only as indexes: what the core needs of a film, and nothing to decode.

A Movie is a Presentation together with what its hosts would answer, so that an index the
manifest leaves open can be resolved, for each host on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from hypothesis import strategies as st

from netplay.segments import Entry, Init, Listing, Ranges, Run, Segment, SegmentIndex, Template
from netplay.timeline import (
    AdaptationSet,
    Index,
    Kind,
    Known,
    Location,
    Period,
    Presentation,
    Representation,
    Unresolved,
)

LADDER = ((235_000, 180), (560_000, 360), (1_050_000, 540), (2_350_000, 720), (4_300_000, 1080))
SOUND_BPS = 128_000
TEXT_BPS = 2_000
SECOND = 1_000_000


@dataclass(frozen=True)
class Movie:
    """A Presentation and what its hosts answer when asked for an open index."""

    presentation: Presentation
    hidden: Mapping[tuple[str, str], SegmentIndex] = field(default_factory=dict)

    def representation(self, name: str) -> Representation:
        return next(
            rep
            for period in self.presentation.periods
            for rep in period.representations
            if rep.id == name
        )

    def index(self, name: str, host: str) -> SegmentIndex:
        rep = self.representation(name)
        if isinstance(rep.index, Known):
            return rep.index.index
        return self.hidden[name, host]

    def segment(self, name: str, host: str, number: int) -> Segment:
        found = self.index(name, host).numbered(number)
        assert found is not None, f"{name} has no segment {number} at {host}"
        return found


def template(name: str, *, init: bool = True) -> Template:
    return Template((f"{name}-", "Number", ".m4s"), init=Init(f"{name}-init") if init else None)


def even_index(
    name: str,
    count: int,
    segment_us: int = 2 * SECOND,
    *,
    start_us: int = 0,
    first_number: int = 1,
    init: bool = True,
    timed: bool = True,
    ended: bool = True,
    clip_end_us: int | None = None,
) -> SegmentIndex:
    """Return segments of one length, from a template."""
    return SegmentIndex(
        SECOND,
        (Run(0, segment_us, count),) if count else (),
        template(name, init=init),
        first_number=first_number,
        period_start_us=start_us,
        clip_end_us=clip_end_us,
        timed=timed,
        ended=ended,
    )


def sized_index(name: str, sizes: Sequence[int], segment_us: int = 2 * SECOND) -> SegmentIndex:
    """Return segments whose sizes are known, as a sidx gives them."""
    edges = [0]
    for size in sizes:
        edges.append(edges[-1] + size)
    naming = Ranges(f"{name}.mp4", tuple(edges), Init(f"{name}-init"))
    return SegmentIndex(SECOND, (Run(0, segment_us, len(sizes)),), naming, first_number=1)


def listed_index(
    name: str,
    count: int,
    segment_us: int = 2 * SECOND,
    *,
    gaps: Sequence[int] = (),
    joins: Sequence[int] = (),
    start_us: int = 0,
    first_number: int = 1,
    timed: bool = False,
) -> SegmentIndex:
    """Return segments listed one by one, as in HLS.

    Args:
        gaps: Places (from 0) of segments that do not exist.
        joins: Places at which a new timestamp origin begins.
    """
    entries = tuple(
        Entry(
            f"{name}-{place}.m4s",
            init=Init(f"{name}-init"),
            gap=place in gaps,
            continuity=sum(join <= place for join in joins),
        )
        for place in range(count)
    )
    return SegmentIndex(
        SECOND,
        (Run(0, segment_us, count),),
        Listing(entries),
        first_number=first_number,
        period_start_us=start_us,
        timed=timed,
    )


def make_rep(
    name: str,
    kind: Kind,
    bandwidth_bps: int,
    index: Index | SegmentIndex,
    *,
    height: int | None = None,
    hosts: Sequence[str] = ("a", "b"),
    codecs: tuple[str, ...] | None = None,
    **fields: object,
) -> Representation:
    usual = {"video": ("avc1.640028",), "audio": ("mp4a.40.2",)}
    rep = Representation(
        id=name,
        name=name,
        kind=kind,
        carries=(kind,),
        bandwidth_bps=bandwidth_bps,
        locations=tuple(Location(host, f"http://{host}/") for host in hosts),
        index=Known(index) if isinstance(index, SegmentIndex) else index,
        codecs=usual.get(kind, ()) if codecs is None else codecs,
        height=height,
        frame_rate=Fraction(25) if kind == "video" else None,
    )
    return replace(rep, **fields)  # type: ignore[arg-type]  # of whatever field is named


def make_movie(
    count: int = 30,
    segment_us: int = 2 * SECOND,
    *,
    ladder: Sequence[tuple[int, int]] = LADDER,
    sound: Sequence[str] = ("en",),
    texts: Sequence[str] = (),
    hosts: Sequence[str] = ("a", "b"),
    init: bool = True,
    timed: bool = True,
) -> Movie:
    """Return one Period of video, audio and text, each as even segments that are known."""

    def index(name: str) -> SegmentIndex:
        return even_index(name, count, segment_us, init=init, timed=timed)

    video = tuple(
        make_rep(f"0/v{rung}", "video", bps, index(f"v{rung}"), height=height, hosts=hosts)
        for rung, (bps, height) in enumerate(ladder)
    )
    sets = [AdaptationSet("0/v", "video", video)] if video else []
    for place, language in enumerate(sound):
        name = f"0/a{place}"
        rep = make_rep(name, "audio", SOUND_BPS, index(name), hosts=hosts)
        sets.append(AdaptationSet(name, "audio", (rep,), language=language, default=place == 0))
    for place, language in enumerate(texts):
        name = f"0/t{place}"
        rep = make_rep(name, "text", TEXT_BPS, index(name), hosts=hosts)
        sets.append(AdaptationSet(name, "text", (rep,), language=language))
    return of_periods(Period("0", 0, count * segment_us, tuple(sets)))


def of_periods(*periods: Period, **fields: object) -> Movie:
    presentation = Presentation(
        "http://a/title.mpd", "dash", periods, duration_us=periods[-1].end_us
    )
    return Movie(replace(presentation, **fields))  # type: ignore[arg-type]  # any field


def make_playlists(
    count: int = 30,
    segment_us: int = 2 * SECOND,
    *,
    ladder: Sequence[tuple[int, int]] = LADDER,
    hosts: Sequence[str] = ("a", "b"),
    gaps: Sequence[int] = (),
    joins: Sequence[int] = (),
    per_host: bool = True,
    first_numbers: Mapping[str, int] | None = None,
) -> Movie:
    """Return an HLS title: every index is a playlist still to be fetched, one at each host."""
    hidden: dict[tuple[str, str], SegmentIndex] = {}

    def rep(name: str, kind: Kind, bps: int, height: int | None = None) -> Representation:
        for host in hosts:
            hidden[name, host] = listed_index(
                name,
                count,
                segment_us,
                gaps=gaps if kind == "video" else (),
                joins=joins,
                first_number=(first_numbers or {}).get(host, 1),
            )
        index = Unresolved("playlist" if per_host else "sidx", per_host=per_host)
        return make_rep(name, kind, bps, index, height=height, hosts=hosts)

    video = tuple(
        rep(f"0/v{rung}", "video", bps, height) for rung, (bps, height) in enumerate(ladder)
    )
    sets = (
        AdaptationSet("0/v", "video", video),
        AdaptationSet("0/a0", "audio", (rep("0/a0", "audio", SOUND_BPS),), language="en"),
    )
    period = Period("0", 0, None, sets)
    presentation = Presentation("http://a/title.m3u8", "hls", (period,))
    return Movie(presentation, hidden)


# Any title at all.


@st.composite
def movies(draw: st.DrawFn, *, whole: bool = False) -> Movie:
    """Draw a title: periods, ladders, tracks, hosts, known and open indexes, gaps.

    Args:
        whole: Leave out what cannot all be played: gaps, and tracks of unequal length.
    """
    hosts = draw(st.sampled_from((("a",), ("a", "b"), ("a", "b", "c"))))
    rungs = draw(st.integers(1, 4))
    sounds = draw(st.integers(0, 2))
    texts = draw(st.integers(0, 1))
    playlists = draw(st.booleans())
    hidden: dict[tuple[str, str], SegmentIndex] = {}
    periods: list[Period] = []
    start_us = 0
    for number in range(draw(st.integers(1, 3))):
        count = draw(st.integers(1, 6))
        segment_us = draw(st.sampled_from((1_000_000, 1_920_000, 2_002_000, 4_000_000)))
        per_host = draw(st.booleans())

        def rep(
            name: str,
            kind: Kind,
            bps: int,
            height: int | None,
            *,
            number: int = number,
            count: int = count,
            segment_us: int = segment_us,
            start_us: int = start_us,
            per_host: bool = per_host,
        ) -> Representation:
            name = f"{number}/{name}"
            odd_us = 0 if whole or kind == "video" else draw(st.sampled_from((0, 7_000, 400_000)))
            at = draw(st.sampled_from((0, 1, 2))) if not whole and count > 2 else 0
            gaps = (at,) if at and draw(st.booleans()) else ()
            make = listed_index(
                name, count, segment_us + odd_us, gaps=gaps, start_us=start_us, timed=not playlists
            )
            if not playlists:
                end_us = start_us + count * segment_us
                return make_rep(
                    name, kind, bps, replace(make, clip_end_us=end_us), height=height, hosts=hosts
                )
            for host in hosts:
                hidden[name, host] = make
            return make_rep(
                name,
                kind,
                bps,
                Unresolved("playlist", per_host=per_host, period_start_us=start_us),
                height=height,
                hosts=hosts,
            )

        sets = [
            AdaptationSet(
                f"{number}/v",
                "video",
                tuple(
                    rep(f"v{rung}", "video", bps, height)
                    for rung, (bps, height) in enumerate(LADDER[:rungs])
                ),
            )
        ]
        sets += [
            AdaptationSet(
                f"{number}/a{place}",
                "audio",
                (rep(f"a{place}", "audio", SOUND_BPS, None),),
                language=("en", "de")[place],
            )
            for place in range(sounds)
        ]
        sets += [
            AdaptationSet(
                f"{number}/t{place}",
                "text",
                (rep(f"t{place}", "text", TEXT_BPS, None),),
                language="en",
            )
            for place in range(texts)
        ]
        end_us = start_us + count * segment_us
        periods.append(Period(str(number), start_us, end_us, tuple(sets)))
        start_us = end_us
    known = None if playlists and len(periods) == 1 and draw(st.booleans()) else start_us
    if known is None:
        periods = [replace(periods[0], end_us=None)]
    presentation = Presentation(
        "http://a/title", "hls" if playlists else "dash", tuple(periods), duration_us=known
    )
    return Movie(presentation, hidden)
