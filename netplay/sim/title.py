"""Made-up titles: Presentations of any shape, with nothing behind them but arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from netplay.segments import Entry, Init, Listing, Playlist, Run, SegmentIndex, Template
from netplay.sim.content import Content, Sizes, nominal_bytes
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

__all__ = ["DEMO_LADDER", "make_title"]

DEMO_LADDER: tuple[tuple[int, int], ...] = (
    (235_000, 180),
    (560_000, 270),
    (1_050_000, 432),
    (2_350_000, 720),
    (4_300_000, 1080),
)
"""(bits a second, height): the rungs of the built-in demo's title."""

_SECOND = 1_000_000


def make_title(
    *,
    duration_us: int = 60 * _SECOND,
    segment_us: int = 2 * _SECOND,
    ladder: Sequence[tuple[int, int]] = DEMO_LADDER,
    audio: Sequence[str] = ("en",),
    text: Sequence[str] = (),
    hosts: Sequence[str] = ("oca-1",),
    periods: int = 1,
    form: Literal["dash", "hls", "sidx"] = "dash",
    init: bool = True,
    sizes: Sizes = nominal_bytes,
    manifest_bytes: int = 0,
    media_shift_us: int = 0,
) -> Content:
    """Return a title.

    Args:
        segment_us: Of video and of sound; the last one of a Period is what is left.
        ladder: (bits a second, height) of each rung of the video, rising; empty: no video.
        audio: A language for each audio track of 128 kb/s.
        text: The same for subtitles.
        hosts: Every Representation is on each of them, best first.
        periods: Into how many of equal length it is cut.
        form: "dash" says all from the start; "hls" has a playlist for each Representation
            on each host, and tells nothing of timestamps; "sidx" has one index for each.
        init: Segments need an init segment.

    Raises:
        ValueError: It would have no segment, or no track.
    """
    if duration_us < periods or segment_us <= 0 or periods < 1:
        raise ValueError("a title has periods, and segments of some duration")
    if not ladder and not audio:
        raise ValueError("a title has something to play")
    maker = _Maker(segment_us, tuple(hosts), form, init)
    edges = [duration_us * number // periods for number in range(periods + 1)]
    made = tuple(
        maker.period(number, edges[number], edges[number + 1], ladder, audio, text)
        for number in range(periods)
    )
    presentation = Presentation(
        url=f"https://{hosts[0]}/title.{'m3u8' if form == 'hls' else 'mpd'}",
        format="hls" if form == "hls" else "dash",
        periods=made,
        duration_us=None if form == "hls" else duration_us,
    )
    return Content(
        presentation,
        maker.indexes,
        sizes=sizes,
        manifest_bytes=manifest_bytes,
        media_shift_us=media_shift_us,
    )


class _Maker:
    """Makes Representations one after the other, and keeps the indexes they leave open."""

    def __init__(
        self,
        segment_us: int,
        hosts: tuple[str, ...],
        form: Literal["dash", "hls", "sidx"],
        init: bool,
    ) -> None:
        self.indexes: dict[str, SegmentIndex] = {}
        self._segment_us = segment_us
        self._hosts = hosts
        self._form = form
        self._init = init

    def period(
        self,
        number: int,
        start_us: int,
        end_us: int,
        ladder: Sequence[tuple[int, int]],
        audio: Sequence[str],
        text: Sequence[str],
    ) -> Period:
        sets: list[AdaptationSet] = []
        if ladder:
            reps = tuple(
                replace(
                    self._rep(number, f"v{rung}", "video", bitrate_bps, start_us, end_us),
                    codecs=("avc1.640028",),
                    width=height * 16 // 9 // 2 * 2,
                    height=height,
                )
                for rung, (bitrate_bps, height) in enumerate(ladder)
            )
            sets.append(AdaptationSet(f"{number}/video", "video", reps))
        for place, language in enumerate(audio):
            rep = self._rep(number, f"a-{language}", "audio", 128_000, start_us, end_us)
            rep = replace(rep, codecs=("mp4a.40.2",), sample_rate_hz=48_000, channels=2)
            sets.append(self._of(number, rep, language, default=place == 0))
        for language in text:
            rep = self._rep(number, f"t-{language}", "text", 1_000, start_us, end_us)
            sets.append(self._of(number, replace(rep, codecs=("wvtt",)), language, default=False))
        # Nothing says how long an HLS title is before one of its playlists is read.
        stated_us = None if self._form == "hls" else end_us
        return Period(str(number), start_us, stated_us, tuple(sets))

    def _of(
        self, number: int, rep: Representation, language: str, *, default: bool
    ) -> AdaptationSet:
        name = f"{number}/{rep.name}"
        return AdaptationSet(name, rep.kind, (rep,), language=language, default=default)

    def _rep(
        self, period: int, name: str, kind: Kind, bitrate_bps: int, start_us: int, end_us: int
    ) -> Representation:
        rep_id = f"{period}/{name}"
        index = self._index(name, start_us, end_us)
        offered: Index = Known(index)
        if self._form != "dash":
            self.indexes[rep_id] = index
            offered = Unresolved(
                form="playlist" if self._form == "hls" else "sidx",
                per_host=self._form == "hls",
                period_start_us=start_us,
                period_end_us=None if self._form == "hls" else end_us,
            )
        return Representation(
            id=rep_id,
            name=name,
            kind=kind,
            carries=(kind,),
            bandwidth_bps=bitrate_bps,
            locations=tuple(
                Location(host, f"https://{host}/{name}/", priority=place)
                for place, host in enumerate(self._hosts, 1)
            ),
            index=offered,
            mime_type=f"{'application' if kind == 'text' else kind}/mp4",
        )

    def _index(self, name: str, start_us: int, end_us: int) -> SegmentIndex:
        whole, left_us = divmod(end_us - start_us, self._segment_us)
        runs = [Run(0, self._segment_us, whole)] if whole else []
        if left_us:
            runs.append(Run(whole * self._segment_us, left_us))
        init = Init(f"{name}-init.mp4") if self._init else None
        if self._form != "hls":
            naming = Template((f"{name}-", "Number", ".m4s"), init=init)
            return SegmentIndex(_SECOND, tuple(runs), naming, 1, period_start_us=start_us)
        count = whole + bool(left_us)
        entries = tuple(Entry(f"{name}-{number}.m4s", init=init) for number in range(count))
        return SegmentIndex(
            _SECOND,
            tuple(runs),
            Listing(entries),
            period_start_us=start_us,
            timed=False,
            playlist=Playlist(self._segment_us, type="VOD"),
        )
