"""The tiny title protected in every form, and the licence service that opens it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.protect import protect, protect_segments
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.license import policy as service
from netplay.edge.license.server import LicenseServer
from netplay.edge.testbed import Testbed

__all__ = ["HD", "KEYS", "SD", "SOUND", "TOKEN", "Protected", "service_policy"]

TOKEN = "let-me-in"  # of a service that lives as long as a test
HEADERS = (("Authorization", f"Bearer {TOKEN}"),)


def _key() -> ContentKey:
    return ContentKey(kid=secrets.token_bytes(16), key=secrets.token_bytes(16))


SD, HD, SOUND = _key(), _key(), _key()
KEYS = {each.kid.hex(): each.key for each in (SD, HD, SOUND)}
TIERS = (
    Tier((SOUND,), kind="audio"),
    Tier((SD,), kind="video", up_to_height=36),
    Tier((HD,), kind="video"),
)
PLAN = EncryptionPlan(scheme="cbcs", tiers=TIERS)
CLEARKEY = SystemSignal(system="clearkey")


def service_policy(terms: service.Terms | None = None, **hd: object) -> service.ServicePolicy:
    """Return a service that gives all three keys to TOKEN; hd: the rule of the HD key."""
    keys = [
        service.LicensedKey(kid=each.kid.hex(), key=each.key, label=label)
        for each, label in ((SD, "SD"), (HD, "HD"), (SOUND, "AUDIO"))
    ]
    keys[1] = replace(keys[1], **hd)  # type: ignore[arg-type]  # of whatever field is named
    title = service.ProtectedTitle(name="tiny", keys=tuple(keys), terms=terms or service.Terms())
    granted = service.Entitlement(token=TOKEN, titles=frozenset({"tiny"}))
    return service.ServicePolicy(titles=(title,), entitlements=(granted,))


@dataclass
class Protected:
    """A running title and its licence service."""

    bed: Testbed
    licenses: LicenseServer

    @property
    def url(self) -> str:
        """Of the DASH manifest."""
        return self.bed.mpd_url

    async def asked(self, purpose: str = "") -> list[str]:
        """Return how each licence request ended."""
        heard = await self.licenses.asked()
        return [each.outcome for each in heard if purpose in ("", each.purpose)]


@asynccontextmanager
async def served(
    clear: Path,
    folder: Path,
    plan: EncryptionPlan = PLAN,
    *,
    policy: service.ServicePolicy | None = None,
    whole_segments: bool = False,
    pssh: str = "",
    system: str = "clearkey",
) -> AsyncIterator[Protected]:
    """Protect a clear title into a folder that is empty, and serve it with its licences."""
    target = folder / "tiny"
    target.mkdir()
    licenses = LicenseServer(policy or service_policy())
    async with licenses:
        if whole_segments:
            url = f"{licenses.url}key/{{kid}}?token={TOKEN}"
            protect_segments(clear, target, {"video": HD, "audio": SOUND}, key_url=url)
        else:
            url = f"{licenses.url}clearkey?token={TOKEN}"
            signal = SystemSignal(system=system, pssh=pssh, license_url=url)
            protect(clear, target, plan, systems=(signal,))
        async with Testbed(target, oca_count=1) as bed:
            yield Protected(bed, licenses)
