"""One start of a player, timed: what `startup` and `startup_drm` measure, again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

import netplay
from drm.contract import KeySystem
from netplay.core.messages import Fetch, Fetched, Play, Rendered
from netplay.edge.title import TitleSpec
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.telemetry.startup import Startup

__all__ = ["LINKS", "ROUND_TRIPS", "TITLE", "Link", "Start", "first_bytes", "start"]

Link = tuple[int, float]
"""Rate in kb/s, round trip in seconds."""

TITLE = TitleSpec(duration_s=8, segment_s=2)
LINKS: tuple[Link, ...] = ((5_000, 0.020), (20_000, 0.050))

# From the first byte of a new connection on the relay counts one round trip for the
# handshake; the manifest then takes one more, and the media one more on connections that
# a player may have opened while the manifest was on its way.
ROUND_TRIPS = 3


@dataclass(frozen=True)
class Start:
    """One start.

    Attributes:
        first_frame_s: From `open` to the first frame, with sound due.
        phases: Where that time went.
        chosen: By track, the representation it began with.
        segment_s: From `open` to the whole of the first picture's segment.
        prepared_s: What `prepare` took before; 0 without.
    """

    first_frame_s: float
    phases: Startup
    chosen: Mapping[str, str]
    segment_s: float
    prepared_s: float = 0.0


def first_bytes(folder: Path, rep_name: str) -> int:
    """Return the bytes of a track up to the end of its first sample: init and segment."""
    track = folder / rep_name
    init = (track / "init.mp4").read_bytes()
    segment = next(iter(sorted(track.glob("*.m4s")))).read_bytes()
    reader = FragmentReader(read_init(init, what="init"), what="first segment")
    for end in range(1, len(segment) + 1):
        if reader.feed(segment[end - 1 : end]):
            return len(init) + end
    raise AssertionError("a segment without a sample")


async def start(
    url: str, *, key_systems: Sequence[KeySystem] = (), prepared: bool = False
) -> Start:
    """Open and play a title once, with nothing warm; prepared: after `prepare` has returned."""
    fetched: list[Fetch] = []
    shown_s = whole_s = 0.0
    pictured = playing = False
    done = anyio.Event()

    def tap(now_us: int, message: object) -> None:
        nonlocal shown_s, whole_s, pictured, playing
        if isinstance(message, Fetch) and not message.init:
            fetched.append(message)
        if isinstance(message, Fetched) and not whole_s:
            first = next((one for one in fetched if one.track == "video"), None)
            if first is not None and message.fetch_id == first.fetch_id:
                whole_s = message.received_us / 1e6
        # The playhead moves only once sound is ready too.
        playing = playing or isinstance(message, Play)
        pictured = pictured or (isinstance(message, Rendered) and message.track == "video")
        if pictured and playing and not shown_s:
            shown_s = now_us / 1e6
        if shown_s and whole_s:
            done.set()

    clock = netplay.MonotonicClock()
    async with netplay.Player(taps=[tap], clock=clock, key_systems=key_systems) as player:
        began_s = asked_s = clock.now_us() / 1e6
        with anyio.fail_after(30):
            if prepared:
                await player.prepare(url)
                asked_s = clock.now_us() / 1e6
            await player.open(url)
            await player.play()
            await done.wait()
        phases = player.summary().startup
    assert phases is not None
    names = {fetch.track: fetch.representation for fetch in reversed(fetched)}
    chosen: dict[str, str] = {track: name.partition("/")[2] for track, name in names.items()}
    return Start(
        first_frame_s=shown_s - asked_s,
        phases=phases,
        chosen=chosen,
        segment_s=whole_s - asked_s,
        prepared_s=asked_s - began_s,
    )
