"""How long from asking for a title to its first frame, against what the link allows.

The clock runs from before `open` to the first video frame shown with the playhead moving
and sound due. The floor is what no player could beat on that link: the round trips that
must follow one another, and the bytes up to the first keyframe and the first audio sample
of the rung the player chose, at the link's rate. The aim is floor x 1.1 + 60 ms.

    .venv/bin/python benchmarks/startup.py [--runs 20] [--json FILE]
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import anyio
from figures import arguments, median, percentile, write_json

import netplay
from netplay.core.messages import Fetch, Play, Rendered
from netplay.edge.cache import cached_title
from netplay.edge.link import LinkSpec
from netplay.edge.testbed import Testbed
from netplay.edge.title import TitleSpec
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.telemetry.startup import Startup

TITLE = TitleSpec(duration_s=8, segment_s=2)
LINKS = ((5_000, 0.020), (20_000, 0.050))

# From the first byte of a new connection on the relay counts one round trip for the
# handshake; the manifest then takes one more, and the media one more on connections that
# a player may have opened while the manifest was on its way.
ROUND_TRIPS = 3


@dataclass(frozen=True)
class Start:
    """One start: how long, in which phases, and the least it could have taken."""

    first_frame_s: float
    floor_s: float
    phases: Startup


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


async def start(folder: Path, link: tuple[int, float], url: str) -> Start:
    """Open and play a title once, with nothing warm."""
    fetched: list[Fetch] = []
    shown_s = 0.0
    pictured = playing = False
    done = anyio.Event()

    def tap(now_us: int, message: object) -> None:
        nonlocal shown_s, pictured, playing
        if isinstance(message, Fetch) and not message.init:
            fetched.append(message)
        # The playhead moves only once sound is ready too.
        playing = playing or isinstance(message, Play)
        pictured = pictured or (isinstance(message, Rendered) and message.track == "video")
        if pictured and playing and not shown_s:
            shown_s = now_us / 1e6
            done.set()

    clock = netplay.MonotonicClock()
    async with netplay.Player(taps=[tap], clock=clock) as player:
        asked_s = clock.now_us() / 1e6
        with anyio.fail_after(30):
            await player.open(url)
            await player.play()
            await done.wait()
        phases = player.summary().startup
    assert phases is not None
    names = {fetch.track: fetch.representation for fetch in reversed(fetched)}
    names = {track: name.partition("/")[2] for track, name in names.items()}
    media = sum(first_bytes(folder, names[track]) for track in ("video", "audio"))
    manifest = len((folder / "manifest.mpd").read_bytes())
    kbps, rtt_s = link
    floor_s = ROUND_TRIPS * rtt_s + (media + manifest) / (kbps * 125)
    return Start(shown_s - asked_s, floor_s, phases)


async def measure(link: tuple[int, float], runs: int, folder: Path) -> dict[str, float]:
    """Return the figures of one link."""
    kbps, rtt_s = link
    starts: list[Start] = []
    async with Testbed(folder, link=LinkSpec.constant(kbps, rtt_s=rtt_s)) as bed:
        await start(folder, link, bed.mpd_url)  # imports and first calls are not measured
        for run in range(runs):
            starts.append(await start(folder, link, bed.mpd_url))
            if sys.stderr.isatty():
                print(f"\r{kbps} kb/s: {run + 1}/{runs}", end="", file=sys.stderr)
    floor_s = starts[0].floor_s
    frame_s = [one.first_frame_s for one in starts]
    figures = {
        "kbps": kbps,
        "rtt_ms": rtt_s * 1e3,
        "floor_ms": floor_s * 1e3,
        "aim_ms": floor_s * 1.1e3 + 60,
        "median_ms": median(frame_s) * 1e3,
        "p95_ms": percentile(frame_s, 0.95) * 1e3,
        "median_over_floor": median(frame_s) / floor_s,
    }
    for phase in ("manifest", "index", "first_bytes", "init", "first_segment", "decode"):
        values = [getattr(one.phases, f"{phase}_us") / 1e3 for one in starts]
        figures[f"{phase}_ms"] = median(values)
        figures[f"{phase}_p95_ms"] = percentile(values, 0.95)
    return figures


def show(figures: dict[str, float]) -> None:
    print(
        f"{figures['kbps'] / 1e3:g} Mb/s, {figures['rtt_ms']:g} ms: "
        f"median {figures['median_ms']:.0f} ms, p95 {figures['p95_ms']:.0f} ms; "
        f"floor {figures['floor_ms']:.0f} ms, ratio {figures['median_over_floor']:.2f}; "
        f"aim {figures['aim_ms']:.0f} ms: "
        + ("met" if figures["median_ms"] <= figures["aim_ms"] else "missed")
    )
    phases = ("manifest", "index", "first_bytes", "init", "first_segment", "decode")
    print("   " + ", ".join(f"{phase} {figures[f'{phase}_ms']:.0f}" for phase in phases) + " ms")


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=20)
    wanted = parser.parse_args()
    began_s = time.monotonic()
    folder = cached_title(TITLE)
    all_figures = []
    for link in LINKS:
        figures = anyio.run(measure, link, wanted.runs, folder)
        show(figures)
        all_figures.append(figures)
    print(f"{wanted.runs} starts a link in {time.monotonic() - began_s:.0f} s")
    write_json(wanted.json, {"startup": all_figures})


if __name__ == "__main__":
    main()
