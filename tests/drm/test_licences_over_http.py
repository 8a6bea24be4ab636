"""Whole exchanges over HTTP, with the licence service that demos and harnesses use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from protected import sample

from drm.clearkey import ClearKey
from drm.contract import Exchange, InitData, Keys, LicenseAnswer, LicenseRequest
from drm.errors import KeySystemError, LicenseDenied
from drm.identity import IdentityKey
from drm.initdata import CLEARKEY, IDENTITY
from drm.policy import Hdcp, Output, SecurityLevel
from drm.pssh import WIDEVINE
from drm.widevine import Widevine
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.faults import Fault
from netplay.edge.license.policy import (
    DeviceModel,
    Entitlement,
    LicensedKey,
    ProtectedTitle,
    ServicePolicy,
    Terms,
)
from netplay.edge.license.server import LicenseServer

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TOKEN = (("Authorization", "Bearer let-me-in"),)
LAPTOP = DeviceModel(system_id=4711, name="laptop", level=SecurityLevel.SW_SECURE_DECODE)
SD = LicensedKey(kid="11" * 16, key=bytes(range(16)), label="SD")
UHD = LicensedKey(kid="22" * 16, key=bytes(range(16, 32)), label="UHD", hdcp=Hdcp.V2_2)
TERMS = Terms(license_duration_s=600, can_renew=True, renewal_delay_s=300)
POLICY = ServicePolicy(
    titles=(ProtectedTitle(name="film", keys=(SD, UHD), terms=TERMS),),
    entitlements=(Entitlement(token="let-me-in", titles=frozenset({"film"})),),
    models=(LAPTOP,),
    privacy_required=True,
)
INIT = InitData(WIDEVINE, (SD.kid, UHD.kid))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def laptop(authority: Authority) -> SyntheticDevice:
    return authority.device(LAPTOP)


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[LicenseServer]:
    async with LicenseServer(POLICY, identity=authority.identity) as running:
        yield running


async def performed(exchange: Exchange) -> Keys:
    """Run an exchange over HTTP, as a driver does."""
    async with httpx.AsyncClient() as client:
        try:
            requests = next(exchange)
            while True:
                requests = exchange.send(tuple([await asked(client, one) for one in requests]))
        except StopIteration as done:
            keys: Keys = done.value
            return keys


async def asked(client: httpx.AsyncClient, request: LicenseRequest) -> LicenseAnswer:
    answer = await client.request(
        request.method, request.url, content=request.body, headers=list(request.headers)
    )
    return LicenseAnswer(answer.status_code, answer.content, tuple(answer.headers.items()))


def widevine(
    server: LicenseServer,
    authority: Authority,
    device: SyntheticDevice,
    *,
    output: Output | None = None,
    token: tuple[tuple[str, str], ...] = TOKEN,
) -> Widevine:
    return Widevine(
        device.wvd,
        license_url=f"{server.url}widevine",
        headers=token,
        root_certificate=authority.identity.root,
        output=output,
    )


def decrypts(keys: Keys, key: LicensedKey) -> bool:
    one = sample(key.kid, key.key)
    return keys.decryptor(key.kid, "cenc").decrypt(one.data, one.iv) == one.clear


async def test_a_widevine_licence_in_privacy_mode_is_given_used_and_renewed(
    server: LicenseServer, authority: Authority, laptop: SyntheticDevice
) -> None:
    system = widevine(server, authority, laptop)

    keys = await performed(system.open(INIT))
    again = await performed(system.renew(keys))
    await performed(system.renew(keys))

    assert again is keys
    assert decrypts(keys, SD)
    assert keys.refused == {UHD.kid: "needs HDCP V2_2, the output has NONE"}
    assert (keys.policy.license_duration_s, keys.policy.renewal_after_s) == (600, 300)
    asked = await server.asked()
    assert [one.purpose for one in asked] == ["certificate", "license", "renewal", "renewal"]
    assert [one.outcome for one in asked] == ["granted"] * 4


async def test_an_output_that_is_good_enough_gets_every_key(
    server: LicenseServer, authority: Authority, laptop: SyntheticDevice
) -> None:
    keys = await performed(
        widevine(server, authority, laptop, output=Output(Hdcp.V2_2)).open(INIT)
    )  # fmt: skip

    assert decrypts(keys, SD)
    assert decrypts(keys, UHD)


async def test_a_revoked_device_and_a_stranger_are_told_why(
    server: LicenseServer, authority: Authority, laptop: SyntheticDevice
) -> None:
    stranger = widevine(server, authority, laptop, token=(("Authorization", "Bearer guess"),))

    with pytest.raises(LicenseDenied) as unknown:
        await performed(stranger.open(INIT))
    await server.apply(replace(POLICY, revoked_serials=frozenset({laptop.serial})))
    with pytest.raises(LicenseDenied) as revoked:
        await performed(widevine(server, authority, laptop).open(INIT))

    assert (unknown.value.status, unknown.value.reason) == (401, "")
    assert "token" in unknown.value.said
    assert revoked.value.reason == "revoked"


async def test_whatever_goes_wrong_at_the_service_is_an_error_and_the_next_try_works(
    server: LicenseServer, authority: Authority, laptop: SyntheticDevice
) -> None:
    system = widevine(server, authority, laptop)
    await performed(system.open(INIT))
    faults = (
        Fault(kind="status", status=503, retry_after_s=9),
        Fault(kind="malformed"),
        Fault(kind="forged"),
        Fault(kind="replay"),
        Fault(kind="redirect", location="http://elsewhere.example/"),
    )
    errors = []

    for fault in faults:
        await server.fail(fault)
        with pytest.raises(KeySystemError) as caught:
            await performed(system.open(INIT))
        errors.append((caught.value.retriable, caught.value.retry_after_s))
    keys = await performed(system.open(INIT))

    assert errors == [(True, 9.0), (False, None), (False, None), (False, None), (False, None)]
    assert decrypts(keys, SD)


async def test_a_service_that_gives_wrong_keys_is_believed_until_the_media_says_otherwise(
    server: LicenseServer, authority: Authority, laptop: SyntheticDevice
) -> None:
    await server.fail(Fault(kind="wrong_key", purpose="license"))

    keys = await performed(widevine(server, authority, laptop).open(INIT))

    assert not decrypts(keys, SD)


async def test_a_renewal_that_fails_leaves_the_licence_as_it_was(
    server: LicenseServer, authority: Authority, laptop: SyntheticDevice
) -> None:
    system = widevine(server, authority, laptop)
    keys = await performed(system.open(INIT))
    before = keys.policy

    for fault in (Fault(kind="status"), Fault(kind="malformed"), Fault(kind="forged")):
        await server.fail(fault)
        with pytest.raises(KeySystemError):
            await performed(system.renew(keys))

    assert keys.policy is before
    assert decrypts(keys, SD)
    await performed(system.renew(keys))


async def test_clearkey_and_hls_keys_come_from_the_same_service(server: LicenseServer) -> None:
    clearkey = ClearKey(license_url=f"{server.url}clearkey", headers=TOKEN)
    hls = IdentityKey(origin=server.url, headers=TOKEN)

    keys = await performed(clearkey.open(InitData(CLEARKEY, (SD.kid, UHD.kid))))
    await performed(clearkey.renew(keys))
    key = await performed(
        hls.open(InitData(IDENTITY, (SD.kid,), key_uri=f"{server.url}key/{SD.kid}"))
    )

    assert decrypts(keys, SD)
    assert decrypts(key, SD)
    assert set(keys.refused) == {UHD.kid}
    assert keys.policy.license_duration_s == 600
    assert [one.purpose for one in await server.asked()] == ["license", "renewal", "key"]
