"""A house of protected titles with Widevine's licence service, for tests that share it.

The devices, the root and the service's certificate are made here and trusted by nobody else.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

from anyio.from_thread import BlockingPortal, start_blocking_portal

from drm import Widevine
from drm.policy import Output, SecurityLevel
from drm.pssh import WIDEVINE, write_pssh, write_widevine_pssh
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.protect import protect
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.faults import Fault
from netplay.edge.license.journal import Asked
from netplay.edge.license.policy import DeviceModel, ServicePolicy, Terms, keys_for
from netplay.edge.license.server import LicenseServer
from netplay.edge.link import LinkSpec
from netplay.edge.testbed import Testbed

from .protected import HD, HEADERS, PLAN, SD, SOUND, TOKEN, service_policy

Told = TypeVar("Told")

LAPTOP = DeviceModel(system_id=4711, name="laptop", level=SecurityLevel.SW_SECURE_DECODE)
TABLET = DeviceModel(system_id=4712, name="tablet", level=SecurityLevel.SW_SECURE_CRYPTO)
FAST = LinkSpec.constant(1_000_000, rtt_s=0.0)
SLOW = LinkSpec.constant(500, rtt_s=0.02)
"""The init segments come at once, the first segments a good while later."""


def box(*keys: ContentKey) -> bytes:
    """Return a pssh box of Widevine's that names keys."""
    kids = [key.kid.hex() for key in keys]
    return write_pssh(WIDEVINE, write_widevine_pssh(kids, content_id=b"tiny"))


BOX = box(SD, HD, SOUND)

NEXT_HD = ContentKey(kid=bytes(range(16)), key=bytes(range(16, 32)))
NEXT_SOUND = ContentKey(kid=bytes(range(32, 48)), key=bytes(range(48, 64)))
TURNS = Tier((HD, NEXT_HD), kind="video")
ROTATING = EncryptionPlan(
    scheme="cenc", tiers=(Tier((SOUND,), kind="audio"), TURNS), rotate_every=1
)
SECOND = EncryptionPlan(
    scheme="cbcs", tiers=(Tier((NEXT_SOUND,), kind="audio"), Tier((NEXT_HD,), kind="video"))
)


def policy(terms: Terms | None = None, **hd: object) -> ServicePolicy:
    """Return a service that knows the laptop and the tablet, and insists on privacy mode."""
    usual = service_policy(terms, **hd)
    return replace(usual, models=(LAPTOP, TABLET), privacy_required=True)


def of_keys(*tiers: Tier) -> ServicePolicy:
    """Return a service whose title has the keys of these tiers."""
    keys = tuple(key for tier in tiers for key in keys_for(tier))
    usual = policy()
    return replace(usual, titles=(replace(usual.titles[0], keys=keys),))


def signal(pssh: bytes = b"") -> SystemSignal:
    """Return what manifests say; pssh: b"" leaves it to the init segment."""
    url = f"{{license}}widevine?token={TOKEN}"
    return SystemSignal(system=WIDEVINE, pssh=b64encode(pssh).decode(), license_url=url)


@dataclass(frozen=True)
class House:
    """Where all titles and the service are; they run on a loop of their own."""

    root: Path
    portal: BlockingPortal
    bed: Testbed


@contextmanager
def running_house(folder: Path, root: Path, authority: Authority) -> Iterator[House]:
    """Protect a clear title in every way that tests need into a folder, and serve all."""
    for name, plan, said in (
        ("tiny", PLAN, signal(BOX)),
        ("untold", replace(PLAN, pssh=(BOX,)), signal()),
        ("rotating", ROTATING, signal(box(HD, NEXT_HD, SOUND))),
        ("second", SECOND, signal(box(NEXT_HD, NEXT_SOUND))),
    ):
        (root / name).mkdir()
        protect(folder, root / name, plan, systems=(said,))
    (root / "tiny" / "joined.mpd").write_text(joined_manifest(root), encoding="utf-8")
    licenses = LicenseServer(policy(), identity=authority.identity)
    bed = Testbed(root / "tiny", oca_count=1, licenses=licenses, link=FAST, link_in_process=True)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(bed):
        yield House(root, portal, bed)


def joined_manifest(root: Path) -> str:
    """Return an MPD of two Periods: the title, and the same again under other keys."""
    name = "{urn:mpeg:dash:schema:mpd:2011}"
    first, second = (
        ElementTree.parse(root / title / "manifest.mpd").getroot() for title in ("tiny", "second")
    )
    first.set("mediaPresentationDuration", "PT12S")
    for number, period in enumerate((*first.iter(f"{name}Period"), *second.iter(f"{name}Period"))):
        period.set("id", f"p{number}")
        period.set("start", f"PT{number * 6}S")
        if number:
            base = ElementTree.Element(f"{name}BaseURL")
            base.text = "../second/"
            period.insert(0, base)
            first.append(period)
    return ElementTree.tostring(first, encoding="unicode")


class Cinema:
    """The house as one test has it: a service that does as it is told, and its journal."""

    def __init__(self, house: House, folder: Path, authority: Authority, device: SyntheticDevice):
        self.folder = folder
        self.device = device
        self._house = house
        self._root = authority.identity.root
        self.goes_by(policy())
        self._ask(self._licenses.heal)
        self._heard = len(self._ask(self._licenses.asked))

    @property
    def _licenses(self) -> LicenseServer:
        assert self._house.bed.licenses is not None
        return self._house.bed.licenses

    def _ask(self, call: Callable[..., Awaitable[Told]], *arguments: object) -> Told:
        return self._house.portal.call(call, *arguments)

    def url(self, path: str = "tiny/manifest.mpd") -> str:
        """Return where something in the house is."""
        return self._house.bed.url("").removesuffix("tiny/") + path

    def goes_by(self, policy: ServicePolicy) -> None:
        """Have the service go by another policy."""
        self._ask(self._licenses.apply, policy)

    def fail(self, fault: Fault) -> None:
        """Have the service fail."""
        self._ask(self._licenses.fail, fault)

    def heard(self, purpose: str = "") -> list[Asked]:
        """Return what the service was asked in this test."""
        heard = self._ask(self._licenses.asked)[self._heard :]
        return [one for one in heard if purpose in ("", one.purpose)]

    def outcomes(self, purpose: str = "") -> list[str]:
        """Return how those requests ended."""
        return [one.outcome for one in self.heard(purpose)]

    @contextmanager
    def link(self, spec: LinkSpec) -> Iterator[None]:
        """Have the viewer's link be another one for a while."""
        self._ask(self._house.bed.shape, spec)
        yield
        self._ask(self._house.bed.shape, FAST)

    def widevine(
        self,
        device: SyntheticDevice | None = None,
        *,
        output: Output | None = None,
        with_token: bool = False,
    ) -> Widevine:
        """Return a key system that trusts the service; with_token: and knows where it is."""
        return Widevine(
            (device or self.device).wvd,
            license_url=f"{self._house.bed.license_url}widevine" if with_token else "",
            headers=HEADERS if with_token else (),
            root_certificate=self._root,
            output=output,
        )
