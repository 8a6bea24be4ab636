"""The whole player, unclocked, against a bare PyAV loop over the same 1080p rung.

Both decode every frame of one local title with the same thread settings, turn by turn in
one run, and look at no pixel. The player also reads the manifest, fetches and parses the
segments, moves packets to its decoder's thread and shows every frame in order. The aim is
at least 0.9 of the loop's frames a second.

    .venv/bin/python benchmarks/decode.py [--runs 5] [--threads slice|frame] [--json FILE]
"""

from __future__ import annotations

import os
import time
from itertools import chain
from pathlib import Path

import anyio
import av
from av.container import InputContainer
from figures import arguments, median, write_json

import netplay
from netplay.edge.cache import cached_title
from netplay.edge.manifests import documents
from netplay.edge.title import Rung, Title, TitleSpec

TITLE = TitleSpec(
    duration_s=20, rungs=(Rung(1080, 1920, 4300),), audio_languages=(), text_languages=()
)
AIM = 0.9


def bare(media: Path, threads: str) -> tuple[int, float]:
    """Return how many frames a plain loop decodes, and in what time."""
    began_s = time.perf_counter()
    with av.open(media) as container:
        assert isinstance(container, InputContainer)
        context = container.streams.video[0].codec_context
        context.thread_type = "AUTO" if threads == "frame" else "SLICE"
        if threads == "frame":
            context.thread_count = min(os.cpu_count() or 1, 8)
        frames = sum(1 for _ in container.decode(video=0))
    return frames, time.perf_counter() - began_s


async def played(manifest: Path, threads: str) -> tuple[int, float]:
    """Return how many frames the player shows, and in what time from `open` to the last."""
    shown_s: list[float] = []
    sink = netplay.CallbackSink(lambda _: shown_s.append(time.perf_counter()))
    began_s = time.perf_counter()
    clock = netplay.SkippingClock()
    async with netplay.Player(sink, clock=clock, hwaccel="none", threads=threads) as player:
        await player.open(str(manifest))
        await player.play()
        await player.wait_finished()
    return len(shown_s), shown_s[-1] - began_s


def joined(folder: Path) -> Path:
    """Return the rung as one file, which the bare loop may open."""
    (track,) = (track for track in Title.load(folder).tracks if track.kind == "video")
    rung = folder / track.id
    media = folder / "joined.mp4"
    parts = chain([rung / "init.mp4"], sorted(rung.glob("*.m4s")))
    media.write_bytes(b"".join(part.read_bytes() for part in parts))
    return media


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", choices=("slice", "frame"), default="slice")
    wanted = parser.parse_args()
    folder = cached_title(TITLE)
    media = joined(folder)
    manifest = folder / "manifest.mpd"
    manifest.write_text(documents(Title.load(folder))["manifest.mpd"], encoding="utf-8")

    anyio.run(played, manifest, wanted.threads)  # imports and a cold disk are not measured
    loops, players = [], []
    for _ in range(wanted.runs):
        frames, loop_s = bare(media, wanted.threads)
        shown, player_s = anyio.run(played, manifest, wanted.threads)
        assert shown == frames, f"the player showed {shown} of {frames} frames"
        loops.append(frames / loop_s)
        players.append(shown / player_s)
    ratio = median([player / loop for player, loop in zip(players, loops, strict=True)])
    print(
        f"{frames} frames of 1080p, {wanted.threads} threads: player {median(players):.0f} "
        f"frames/s, bare PyAV {median(loops):.0f}; ratio {ratio:.2f}, aim {AIM}: "
        + ("met" if ratio >= AIM else "missed")
    )
    figures = {
        "frames": frames,
        "threads": wanted.threads,
        "player_fps": median(players),
        "bare_fps": median(loops),
        "ratio": ratio,
        "aim": AIM,
    }
    write_json(wanted.json, {"decode": figures})


if __name__ == "__main__":
    main()
