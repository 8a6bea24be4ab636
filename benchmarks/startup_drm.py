"""What a licence costs a start: Widevine from a service that takes 200 ms, in four orders.

The licence's part is measured alone: `player.prepare`, which reads the manifest and gets the
licence, and no media. The segment's part is the clear title's: until its first segment is
there, whole. A start that does both at once takes the longer of the two, one that does them
in order their sum:

    manifest  init data in the manifest: aim 1.1 x max(licence, segment)
    init      init data only in the init segment, which the licence must wait for:
              aim 1.1 x max(init segment + licence, segment)
    serial    the licence first and then the media: the peer that both are measured against
    prepared  `open` after `prepare`, as on hover

A clear title's first frame is there before its segment is; the ratio to the longer of that
and the licence is said too. Where it is the greater, the licence's answer came through the
same link as the segment, and stood in the same queue.

All are asked for in turn, on one link, again and again, so that a busy machine is busy for
all of them.
"""

from __future__ import annotations

import hashlib
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

from figures import median, percentile
from starts import Link, Start, start

from drm import Widevine
from drm.pssh import WIDEVINE, write_pssh, write_widevine_pssh
from netplay.edge.cache import cached_protected_title
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.license.authority import Authority
from netplay.edge.license.policy import (
    DeviceModel,
    Entitlement,
    ProtectedTitle,
    ServicePolicy,
    keys_for,
)
from netplay.edge.license.server import LicenseServer
from netplay.edge.link import LinkSpec
from netplay.edge.testbed import Testbed

__all__ = ["measure", "show"]

LATENCY_S = 0.2
DEVICE = DeviceModel(system_id=4711, name="benchmark")
AIM = 1.1


def _key(label: str) -> ContentKey:
    """Return a key that is the same in every run, so that the protected titles are kept."""
    said = hashlib.sha256(f"netplay benchmark {label}".encode()).digest()
    return ContentKey(kid=said[:16], key=said[16:])


TIERS = (Tier((_key("sound"),), kind="audio"), Tier((_key("picture"),), kind="video"))
KIDS = [tier.keys[0].kid.hex() for tier in TIERS]
PSSH = write_pssh(WIDEVINE, write_widevine_pssh(KIDS))
URL = "{license}widevine"


def _titles(clear: Path) -> dict[str, str]:
    """Return the names of the protected titles beside a clear one, by where init data is."""
    plan = EncryptionPlan(scheme="cbcs", tiers=TIERS)
    told = SystemSignal(system=WIDEVINE, pssh=b64encode(PSSH).decode(), license_url=URL)
    untold = SystemSignal(system=WIDEVINE, license_url=URL)
    within = replace(plan, pssh=(PSSH,))
    return {
        "manifest": cached_protected_title(clear, plan, (told,)).name,
        "init": cached_protected_title(clear, within, (untold,)).name,
    }


def _policy() -> ServicePolicy:
    keys = tuple(key for tier in TIERS for key in keys_for(tier))
    return ServicePolicy(
        titles=(ProtectedTitle(name="title", keys=keys),),
        entitlements=(Entitlement(titles=frozenset({"title"})),),
        models=(DEVICE,),
        privacy_required=True,
        latency_s=LATENCY_S,
    )


async def measure(link: Link, runs: int, folder: Path) -> dict[str, float]:
    """Return the figures of one link."""
    kbps, rtt_s = link
    titles = _titles(folder)
    authority = Authority()
    wvd = authority.device(DEVICE).wvd
    identity = authority.identity
    licenses = LicenseServer(_policy(), identity=identity)
    spec = LinkSpec.constant(kbps, rtt_s=rtt_s)
    starts: dict[str, list[Start]] = {"clear": [], "manifest": [], "init": [], "prepared": []}
    async with Testbed(folder, link=spec, licenses=licenses) as bed:

        async def once(case: str) -> Start:
            name = titles.get("manifest" if case == "prepared" else case, folder.name)
            system = Widevine(
                wvd, service_certificate=identity.certificate, root_certificate=identity.root
            )
            return await start(
                bed.mpd_url.replace(folder.name, name),
                key_systems=() if case == "clear" else (system,),
                prepared=case == "prepared",
            )

        for case in starts:
            await once(case)  # imports and first calls are not measured
        for run in range(runs):
            for case, done in starts.items():
                done.append(await once(case))
            if sys.stderr.isatty():
                print(f"\r{kbps} kb/s: {run + 1}/{runs}", end="", file=sys.stderr)
    return {"kbps": kbps, "rtt_ms": rtt_s * 1e3, "latency_ms": LATENCY_S * 1e3, **_figures(starts)}


def _figures(starts: dict[str, list[Start]]) -> dict[str, float]:
    taken_ms = {case: [one.first_frame_s * 1e3 for one in done] for case, done in starts.items()}
    licence_ms = median([one.prepared_s * 1e3 for one in starts["prepared"]])
    taken_ms["serial"] = [(one.prepared_s + one.first_frame_s) * 1e3 for one in starts["prepared"]]
    phases = [one.phases for one in starts["clear"]]
    init_ms = median([(it.first_bytes_us + it.init_us) / 1e3 for it in phases])
    clear_ms = median(taken_ms["clear"])
    segment_ms = median([one.segment_s * 1e3 for one in starts["clear"]])
    figures = {"licence_ms": licence_ms, "init_segment_ms": init_ms, "segment_ms": segment_ms}
    for case, values in taken_ms.items():
        figures[f"{case}_ms"] = median(values)
        figures[f"{case}_p95_ms"] = percentile(values, 0.95)
        figures[f"{case}_over_serial"] = median(values) / median(taken_ms["serial"])
    for case, before_ms in (("manifest", 0.0), ("init", init_ms)):
        licensed_ms = before_ms + licence_ms
        case_ms = figures[f"{case}_ms"]
        figures[f"{case}_over_longer"] = case_ms / max(licensed_ms, segment_ms)
        figures[f"{case}_over_frame"] = case_ms / max(licensed_ms, clear_ms)
    return figures


def show(figures: dict[str, float]) -> None:
    """Print one link's figures."""
    print(
        f"{figures['kbps'] / 1e3:g} Mb/s, {figures['rtt_ms']:g} ms, a licence service that takes "
        f"{figures['latency_ms']:g} ms: alone, manifest and licence {figures['licence_ms']:.0f} "
        f"ms; the clear title's first frame {figures['clear_ms']:.0f} ms, its first segment "
        f"{figures['segment_ms']:.0f} ms"
    )
    for case, said in (
        ("manifest", "init data in the manifest"),
        ("init", "init data in the init segment"),
        ("serial", "the licence before the media"),
        ("prepared", "prepared"),
    ):
        line = f"   {said}: median {figures[f'{case}_ms']:.0f} ms, "
        line += f"p95 {figures[f'{case}_p95_ms']:.0f} ms; "
        line += f"{figures[f'{case}_over_serial']:.2f} of the serial order"
        if f"{case}_over_longer" in figures:
            ratio = figures[f"{case}_over_longer"]
            line += f"; {ratio:.2f} of the longer of the two, aim {AIM:g}: "
            line += "met" if ratio <= AIM else "missed"
            line += f" ({figures[f'{case}_over_frame']:.2f} with the clear first frame)"
        print(line)
