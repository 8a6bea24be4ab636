"""A protected title, its licence service and the link, seen by whoever follows the manifest."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from pywidevine.pssh import PSSH

from drm.cenc import Decryptor
from drm.pssh import WIDEVINE, write_pssh, write_widevine_pssh
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.protect import protect
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.policy import (
    Entitlement,
    ProtectedTitle,
    ServicePolicy,
    keys_for,
)
from netplay.edge.license.server import LicenseServer
from netplay.edge.link import LinkSpec
from netplay.edge.testbed import Testbed
from netplay.manifest import parse_manifest
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init
from netplay.naming import Protection

from .clients import (
    LAPTOP,
    TOKEN,
    WidevineClient,
    bearer,
    clearkey_keys,
    clearkey_request,
    license_of,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

VIDEO = Tier((ContentKey(bytes(range(16)), b"the key of video"),), kind="video")
AUDIO = Tier((ContentKey(bytes(range(1, 17)), b"the key of audio"),), kind="audio")
KIDS = tuple(tier.keys[0].kid.hex() for tier in (VIDEO, AUDIO))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def protected(folder: Path, tmp_path: Path) -> Path:
    """Return a title whose manifests say where licences are, wherever that will be."""
    pssh = write_pssh(WIDEVINE, write_widevine_pssh(KIDS))
    plan = EncryptionPlan(scheme="cbcs", tiers=(VIDEO, AUDIO), pssh=(pssh,))
    systems = (
        SystemSignal(
            system=WIDEVINE, pssh=b64encode(pssh).decode(), license_url="{license}widevine"
        ),
        SystemSignal(system="clearkey", license_url="{license}clearkey"),
        SystemSignal(system="identity", license_url=f"{{license}}key/{{kid}}?token={TOKEN}"),
    )
    target = tmp_path / "protected"
    target.mkdir()
    protect(folder, target, plan, systems=systems)
    return target


def stated(text: str, url: str) -> dict[str, Protection]:
    """Return what a manifest says to each key system, of its lowest rung."""
    (period, *_) = parse_manifest(text, url).periods
    rung = next(each for each in period.representations if each.name.startswith("video"))
    return {each.system: each for each in rung.protections}


async def test_the_manifest_leads_to_keys_that_open_the_media(
    protected: Path, folder: Path, authority: Authority, laptop: SyntheticDevice
) -> None:
    title = ProtectedTitle(name="film", keys=(*keys_for(VIDEO), *keys_for(AUDIO)))
    policy = ServicePolicy(
        titles=(title,),
        entitlements=(Entitlement(token=TOKEN, titles=frozenset({"film"})),),
        models=(LAPTOP,),
    )
    licenses = LicenseServer(policy, identity=authority.identity)
    bed = Testbed(
        protected, oca_count=1, link=LinkSpec.constant(50_000, rtt_s=0.01), licenses=licenses
    )
    client = WidevineClient(laptop, authority.identity.root)

    async with bed, httpx.AsyncClient(headers=bearer(TOKEN)) as http:
        said = stated((await http.get(bed.mpd_url)).text, bed.mpd_url)
        playlist = (await http.get(bed.url("video-36p-60k/media.m3u8"))).text
        challenge = client.challenge(PSSH(said[WIDEVINE].pssh))
        answer = await http.post(said[WIDEVINE].license_url, content=challenge)
        plain = await http.post(said["clearkey"].license_url, content=clearkey_request(KIDS))
        bare = await http.get(f"{bed.license_url}key/{KIDS[0]}?token={TOKEN}")
        init = (await http.get(bed.url("video-36p-60k/init.mp4"))).content
        segment = (await http.get(bed.url("video-36p-60k/00001.m4s"))).content

    keys = client.keys(answer.content)
    assert said[WIDEVINE].license_url == f"{bed.license_url}widevine"
    assert f'URI="{bed.license_url}key/{KIDS[0]}?token={TOKEN}"' in playlist
    assert keys == clearkey_keys(plain.content)
    assert bare.content == keys[KIDS[0]]
    assert not license_of(answer.content).policy.can_persist
    found = FragmentReader(read_init(init)).feed(segment)
    clear_home = folder / "video-36p-60k"
    reader = FragmentReader(read_init((clear_home / "init.mp4").read_bytes()))
    clear = reader.feed((clear_home / "00001.m4s").read_bytes())
    assert len(found) == len(clear) > 0
    for sample, original in zip(found, clear, strict=True):
        how = sample.encryption
        assert how is not None
        decryptor = Decryptor(keys[how.kid.hex()], "cbcs")
        opened = decryptor.decrypt(sample.data, how.iv, how.subsamples, how.pattern)
        assert opened == bytes(original.data)
        assert bytes(sample.data) != bytes(original.data)
