"""The demo's protected title: its keys, its licence service, and who may open it.

The cached copy holds no key. Its keys follow from what the title is, so that they are the
same at the next start and lie on no disk, where the edge servers could hand them out; they
protect pictures that this program draws for everybody. Who may have them is made anew at
every start: a token, and for Widevine a root of trust, a service and a device.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from drm.clearkey import ClearKey
from drm.contract import KeySystem
from drm.pssh import WIDEVINE, write_pssh, write_widevine_pssh
from netplay.edge.cache import cached_protected_title
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.license.policy import (
    DeviceModel,
    Entitlement,
    ProtectedTitle,
    ServicePolicy,
    Terms,
    keys_for,
)
from netplay.edge.license.server import LicenseServer
from netplay.edge.title import TitleSpec

if TYPE_CHECKING:  # it needs pywidevine, which ClearKey does without
    from netplay.edge.license.authority import Authority

__all__ = ["Protection", "plan_of"]

NAME = "demo"
LATENCY_S = 0.2
"""As long as licence services far away take: enough to be seen if anybody waited for it."""

DEVICE = DeviceModel(system_id=4711, name="demo player")
LABELS = ("SD", "HD", "AUDIO")


@dataclass(frozen=True, slots=True)
class Protection:
    """What one demo needs beside the clear title.

    Attributes:
        system: "clearkey" or "widevine".
        folder: The protected title.
        licenses: Its licence service, not yet started.
    """

    system: str
    folder: Path
    licenses: LicenseServer
    _token: str = field(repr=False)
    _authority: Authority | None

    @classmethod
    def of(cls, clear: Path, spec: TitleSpec, system: str) -> Protection:
        """Protect a title, or find it protected, and set up its licence service."""
        plan = plan_of(spec)
        signal = SystemSignal(system="clearkey", license_url="{license}clearkey")
        if system == "widevine":
            pssh = b64encode(_pssh(plan)).decode()
            signal = SystemSignal(system=WIDEVINE, pssh=pssh, license_url="{license}widevine")
        folder = cached_protected_title(clear, plan, (signal,))
        token = secrets.token_urlsafe()
        authority = None
        if system == "widevine":
            from netplay.edge.license.authority import Authority

            authority = Authority()
        identity = authority.identity if authority else None
        licenses = LicenseServer(_policy(plan, spec, token), identity=identity)
        return cls(system, folder, licenses, token, authority)

    def key_system(self, license_url: str) -> KeySystem:
        """Return what opens the title.

        Args:
            license_url: The service's root, ending in a slash, where the viewer finds it.
        """
        headers = (("Authorization", f"Bearer {self._token}"),)
        url = license_url + self.system
        if self._authority is None:
            return ClearKey(license_url=url, headers=headers)
        from drm.widevine import Widevine

        return Widevine(
            self._authority.device(DEVICE).wvd,
            license_url=url,
            headers=headers,
            service_certificate=self._authority.identity.certificate,
            root_certificate=self._authority.identity.root,
        )


def plan_of(spec: TitleSpec) -> EncryptionPlan:
    """Return a plan with a key for the low rungs, one for the high ones and one for sound."""
    heights = sorted(rung.height for rung in spec.rungs)
    sd, hd, sound = (_key(spec, label) for label in LABELS)
    return EncryptionPlan(
        scheme="cbcs",
        tiers=(
            Tier((sound,), kind="audio"),
            Tier((sd,), kind="video", up_to_height=heights[len(heights) // 2]),
            Tier((hd,), kind="video"),
        ),
    )


def _key(spec: TitleSpec, label: str) -> ContentKey:
    said = hmac.digest(spec.digest().encode(), f"netplay demo {label}".encode(), "sha256")
    return ContentKey(kid=said[:16], key=said[16:])


def _pssh(plan: EncryptionPlan) -> bytes:
    kids = [key.kid.hex() for tier in plan.tiers for key in tier.keys]
    return write_pssh(WIDEVINE, write_widevine_pssh(kids, content_id=NAME.encode()))


def _policy(plan: EncryptionPlan, spec: TitleSpec, token: str) -> ServicePolicy:
    sound, sd, hd = plan.tiers
    labels = ((sd, "SD"), (hd, "HD"), (sound, "AUDIO"))
    keys = tuple(key for tier, label in labels for key in keys_for(tier, label=label))
    whole_s = int(spec.exact_s)
    # Renewed while it plays, and with time to try that again.
    terms = Terms(license_duration_s=whole_s, can_renew=True, renewal_delay_s=whole_s // 3)
    return ServicePolicy(
        titles=(ProtectedTitle(name=NAME, keys=keys, terms=terms, together=True),),
        entitlements=(Entitlement(token=token, titles=frozenset({NAME})),),
        models=(DEVICE,),
        privacy_required=True,
        latency_s=LATENCY_S,
    )
