"""`netplay demo`: a title, three edge servers, a link that varies, and one server that dies.

With --drm the title is protected, and a licence service runs beside the servers.

Nothing in it is pretended: the title is encoded here, the servers and the link are
processes, and what plays is the Player that everybody uses.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from netplay.cli.licence import LicenceTimes
from netplay.cli.outcome import summary_lines
from netplay.cli.playing import Beat, PlayRequest, watch
from netplay.cli.screen import Screen
from netplay.cli.takeover import Takeover
from netplay.core.rules import SessionRules
from netplay.edge.cache import cached_title
from netplay.edge.link import LinkSpec
from netplay.edge.testbed import Testbed
from netplay.edge.title import DEMO, Rung, TitleSpec
from netplay.telemetry.log import LogWriter
from netplay.telemetry.summary import Summary
from netplay.telemetry.tap import Tap

if TYPE_CHECKING:
    from netplay.cli.protection import Protection

__all__ = ["DEMO_SHOW", "FAST_SHOW", "Show", "demo"]

SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What a demo shows.

    Attributes:
        link: Takes the ladder through most of its rungs and back.
        target_us: Forward buffer to aim for. Less than half the title, or else all of it has
            been fetched when a server is stopped half way, and nobody would notice.
    """

    spec: TitleSpec
    link: LinkSpec
    target_us: int

    def wanted(self, *, controller: str, hwaccel: str) -> PlayRequest:
        """Return how to play it, but for its URL."""
        rules = SessionRules(
            target_us=self.target_us,
            max_buffer_us=self.target_us * 6 // 5,
            lane_lead_us=min(SessionRules().lane_lead_us, self.target_us // 2),
        )
        return PlayRequest(url="", controller=controller, hwaccel=hwaccel, rules=rules)


DEMO_SHOW = Show(
    spec=DEMO,
    link=LinkSpec(trace=((12, 9000), (8, 3000), (6, 7000), (34, 12000)), rtt_s=0.03),
    target_us=14 * SECOND_US,
)

FAST_SHOW = Show(
    spec=TitleSpec(
        duration_s=12,
        segment_s=1,
        rungs=(Rung(90, 160, 120), Rung(180, 320, 235), Rung(270, 480, 400), Rung(360, 640, 700)),
    ),
    link=LinkSpec(trace=((3, 2200), (4, 800), (9, 3000)), rtt_s=0.02),
    target_us=5 * SECOND_US,
)


def demo(
    show: Show,
    wanted: PlayRequest,
    *,
    hls: bool,
    drm: str | None = None,
    log: LogWriter | None = None,
    as_json: bool = False,
) -> None:
    """Put on a show and write to standard output how it went.

    Args:
        show: What.
        wanted: How; the URL is the show's own.
        hls: By the HLS playlists, and not by DASH.
        drm: Protect the title for "clearkey" or "widevine"; None: in the clear.
        log: Hears everything.
        as_json: Say it as one JSON object.

    Raises:
        NetplayError: Playback failed.
        OSError: A server could not be run.
        LogError: The log could not be written.
    """
    takeover = Takeover()
    licence = LicenceTimes(drm) if drm else None
    with ExitStack() as stack:
        logs = () if log is None else (stack.enter_context(log),)
        folder = _title(show.spec)
        protection = _protection(folder, show.spec, drm)
        screen = stack.enter_context(Screen(target_us=show.target_us))
        stage = _Stage(show, folder, protection, screen, takeover, licence)
        taps = [*logs, takeover, *([licence] if licence else [])]
        summary: Summary = anyio.run(partial(_perform, stage, wanted, taps, hls=hls))
    told = {"takeover": takeover.to_json()}
    rows = [f"takeover  {takeover}"]
    if licence is not None:
        told["licence"] = licence.to_json()
        rows.append(f"licence   {licence}")
    if as_json:
        sys.stdout.write(json.dumps(summary.to_json() | told) + "\n")
    else:
        sys.stdout.write("\n".join([*summary_lines(summary), *rows]) + "\n")


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where a show is put on."""

    show: Show
    folder: Path
    protection: Protection | None
    screen: Screen
    takeover: Takeover
    licence: LicenceTimes | None


def _protection(folder: Path, spec: TitleSpec, system: str | None) -> Protection | None:
    if system is None:
        return None
    from netplay.cli.protection import Protection

    return Protection.of(folder, spec, system)


def _title(spec: TitleSpec) -> Path:
    """Make the title or find it made; in the main thread, where Ctrl-C stops the encoders."""
    bar = Screen().encoding()
    if bar is None:
        return cached_title(spec)
    with bar:
        task = bar.add_task("making the title (once)", total=None, visible=False)
        return cached_title(
            spec,
            progress=lambda done, total, what: bar.update(
                task,
                description=f"{what} the title (once)",
                completed=done,
                total=total,
                visible=True,
            ),
        )


async def _perform(
    stage: _Stage, wanted: PlayRequest, taps: Sequence[Tap], *, hls: bool
) -> Summary:
    show, screen, takeover = stage.show, stage.screen, stage.takeover
    protection, licence = stage.protection, stage.licence
    folder = protection.folder if protection else stage.folder
    licenses = protection.licenses if protection else None
    beside = " and a licence service" if protection else ""
    screen.say(f"starting three edge servers{beside} and the link to them")
    async with Testbed(folder, oca_count=3, link=show.link, licenses=licenses) as bed:
        half_us = int(show.spec.exact_s * SECOND_US) // 2

        async def stop_one() -> None:
            name = takeover.stop(half_us)
            await bed.stop(name)
            screen.note(f"{name}, the server in use, is stopped")

        takeover.when_known = lambda: screen.note(str(takeover))
        if licence is not None:
            licence.when_known = lambda: screen.note(f"licence by {licence}")
        opens = (protection.key_system(bed.license_url),) if protection else ()
        wanted = replace(wanted, url=bed.hls_url if hls else bed.mpd_url, key_systems=opens)
        return await watch(wanted, screen, taps=taps, beats=[Beat(half_us, stop_one)])
