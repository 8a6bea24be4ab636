"""How long from asking for a title to its first frame, against what the link allows.

The clock runs from before `open` to the first video frame shown with the playhead moving
and sound due. The floor is what no player could beat on that link: the round trips that
must follow one another, and the bytes up to the first keyframe and the first audio sample
of the rung the player chose, at the link's rate. The aim is floor x 1.1 + 60 ms.

With --drm the title is protected and its licence service takes 200 ms: see `startup_drm`.

    .venv/bin/python benchmarks/startup.py [--drm] [--runs 20] [--json FILE|-]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import anyio
import startup_drm
from figures import arguments, median, percentile, write_json
from starts import LINKS, ROUND_TRIPS, TITLE, Link, Start, first_bytes, start

from netplay.edge.cache import cached_title
from netplay.edge.link import LinkSpec
from netplay.edge.testbed import Testbed


def floor_s(folder: Path, link: Link, chosen: Mapping[str, str]) -> float:
    """Return the least that a start with these representations takes on a link."""
    media = sum(first_bytes(folder, chosen[track]) for track in ("video", "audio"))
    manifest = len((folder / "manifest.mpd").read_bytes())
    kbps, rtt_s = link
    return ROUND_TRIPS * rtt_s + (media + manifest) / (kbps * 125)


async def measure(link: Link, runs: int, folder: Path) -> dict[str, float]:
    """Return the figures of one link."""
    kbps, rtt_s = link
    starts: list[Start] = []
    async with Testbed(folder, link=LinkSpec.constant(kbps, rtt_s=rtt_s)) as bed:
        await start(bed.mpd_url)  # imports and first calls are not measured
        for run in range(runs):
            starts.append(await start(bed.mpd_url))
            if sys.stderr.isatty():
                print(f"\r{kbps} kb/s: {run + 1}/{runs}", end="", file=sys.stderr)
    least_s = floor_s(folder, link, starts[0].chosen)
    frame_s = [one.first_frame_s for one in starts]
    figures = {
        "kbps": kbps,
        "rtt_ms": rtt_s * 1e3,
        "floor_ms": least_s * 1e3,
        "aim_ms": least_s * 1.1e3 + 60,
        "median_ms": median(frame_s) * 1e3,
        "p95_ms": percentile(frame_s, 0.95) * 1e3,
        "median_over_floor": median(frame_s) / least_s,
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
    parser.add_argument("--drm", action="store_true", help="protected titles instead")
    wanted = parser.parse_args()
    began_s = time.monotonic()
    folder = cached_title(TITLE)
    name, measured, shown = "startup", measure, show
    if wanted.drm:
        name, measured, shown = "startup_drm", startup_drm.measure, startup_drm.show
    all_figures = []
    # Where the figures are wanted on standard output, they are alone there.
    with redirect_stdout(sys.stderr if wanted.json == Path("-") else sys.stdout):
        for link in LINKS:
            figures = anyio.run(measured, link, wanted.runs, folder)
            shown(figures)
            all_figures.append(figures)
        print(f"{wanted.runs} starts a link in {time.monotonic() - began_s:.0f} s")
    write_json(wanted.json, {name: all_figures})


if __name__ == "__main__":
    main()
