"""The service in a process of its own: real sockets, whole exchanges, and no leftovers."""

from __future__ import annotations

import doctest
import os
import time
from dataclasses import replace

import anyio
import httpx
import pytest

import netplay.edge.license
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.faults import Fault
from netplay.edge.license.policy import RateLimit, Rotation, ServicePolicy, Terms
from netplay.edge.license.server import LicenseServer
from netplay.edge.license.wording import policy_from_json, policy_to_json

from .clients import (
    TOKEN,
    WidevineClient,
    bearer,
    clearkey_keys,
    clearkey_request,
    kids_of,
    license_of,
    widevine_pssh,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_policy_comes_through_the_pipe_as_it_was(policy: ServicePolicy) -> None:
    film, *others = policy.titles
    film = replace(
        film,
        rotation=Rotation(period_s=10, began_s=5, behind=2),
        terms=Terms(can_renew=True, offline_days=7, renewal_url="https://elsewhere.example/"),
    )
    whole = replace(
        policy,
        titles=(film, *others),
        revoked_serials=frozenset({"ab", "cd"}),
        revoked_models=frozenset({1, 2}),
        rate=RateLimit(burst=3, per_s=0.5),
        privacy_required=True,
    )

    assert policy_from_json(policy_to_json(whole)) == whole
    assert policy_from_json(policy_to_json(policy)) == policy


@pytest.mark.slow
def test_the_example_of_the_package_runs() -> None:
    ran = doctest.testmod(netplay.edge.license)

    assert (ran.failed, ran.attempted > 0) == (0, True)


@pytest.mark.slow
async def test_clearkey_needs_no_widevine(policy: ServicePolicy) -> None:
    audio, hd, _ = policy.titles[0].keys

    async with (
        LicenseServer(policy) as licenses,
        httpx.AsyncClient(base_url=licenses.url, headers=bearer(TOKEN)) as http,
    ):
        answer = await http.post("clearkey", content=clearkey_request([audio.kid, hd.kid]))
        key = await http.get(f"key/{audio.kid}")
        absent = await http.post("widevine", content=b"\x08\x04")
        asked = await licenses.asked()

    assert clearkey_keys(answer.content) == {audio.kid: audio.key, hd.kid: hd.key}
    assert key.content == audio.key
    assert absent.status_code == 404
    assert [each.purpose for each in asked] == ["license", "key"]


@pytest.mark.slow
async def test_the_whole_widevine_exchange_over_http(
    policy: ServicePolicy, authority: Authority, client: WidevineClient, laptop: SyntheticDevice
) -> None:
    film, *others = policy.titles
    terms = Terms(license_duration_s=60, can_renew=True, renewal_delay_s=30)
    policy = replace(policy, titles=(replace(film, terms=terms), *others), privacy_required=True)
    audio, hd, uhd = film.keys

    async with (
        LicenseServer(policy, identity=authority.identity) as licenses,
        httpx.AsyncClient(base_url=licenses.url, headers=bearer(TOKEN)) as http,
    ):
        began_s = time.time()
        certificate = await http.post("widevine", content=client.cdm.service_certificate_challenge)
        client.cdm.set_service_certificate(client.session, certificate.content)
        challenge = client.challenge(widevine_pssh(kids_of(policy)))
        answer = await http.post("widevine", content=challenge)
        keys = client.keys(answer.content)
        held = license_of(answer.content)
        renewal = client.renewal(held, now_s=time.time())
        renewed = renewal.read(
            (await http.post(held.policy.renewal_server_url, content=renewal.body)).content
        )
        replayed = await http.post("widevine", content=challenge)
        asked = await licenses.asked()
        ended_s = time.time()

    assert keys == {audio.kid: audio.key, hd.kid: hd.key}
    assert held.policy.renewal_server_url == f"{licenses.url}widevine/renewal"
    assert renewed.id.version == 1
    assert replayed.json()["error"] == "replayed"
    assert [each.purpose for each in asked] == ["certificate", "license", "renewal", "license"]
    assert [each.outcome for each in asked] == ["granted", "granted", "granted", "replayed"]
    assert asked[1].device == laptop.serial
    assert set(asked[1].left_out) == {uhd.kid}
    moments = [moment for each in asked for moment in (each.asked_s, each.answered_s or 0)]
    assert [began_s, *moments, ended_s] == sorted([began_s, *moments, ended_s])


@pytest.mark.slow
async def test_a_running_service_is_told_to_fail_to_heal_and_to_go_by_another_policy(
    policy: ServicePolicy, authority: Authority, client: WidevineClient, laptop: SyntheticDevice
) -> None:
    pssh = widevine_pssh(kids_of(policy))

    async with (
        LicenseServer(policy, identity=authority.identity) as licenses,
        httpx.AsyncClient(base_url=licenses.url, headers=bearer(TOKEN)) as http,
    ):
        await licenses.fail(Fault(kind="status", status=502), Fault(kind="status", times=None))
        struck = [
            (await http.post("widevine", content=client.challenge(pssh))).status_code
            for _ in range(3)
        ]
        await licenses.heal()
        healed = await http.post("widevine", content=client.challenge(pssh))
        await licenses.apply(replace(policy, revoked_serials=frozenset({laptop.serial})))
        revoked = await http.post("widevine", content=client.challenge(pssh))

    assert struck == [502, 503, 503]
    assert healed.status_code == 200
    assert (revoked.status_code, revoked.json()["error"]) == (403, "device_revoked")


@pytest.mark.slow
async def test_a_client_that_does_not_wait_is_noted_as_one_that_left(
    policy: ServicePolicy,
) -> None:
    body = clearkey_request(kids_of(policy)[:1])

    async with (
        LicenseServer(policy) as licenses,
        httpx.AsyncClient(base_url=licenses.url, headers=bearer(TOKEN)) as http,
    ):
        await licenses.fail(Fault(kind="hang"), Fault(kind="slow", delay_s=60))
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                await http.post("clearkey", content=body, timeout=0.1)
        await licenses.apply(replace(policy, latency_s=60))
        with pytest.raises(httpx.ReadTimeout):
            await http.post("clearkey", content=body, timeout=0.1)
        await licenses.apply(policy)
        healed = await http.post("clearkey", content=body)
        with anyio.fail_after(5):
            while len(asked := await licenses.asked()) < 4:
                await anyio.lowlevel.checkpoint()

    assert healed.status_code == 200
    left = [each for each in asked if each.outcome != "granted"]
    assert [each.outcome for each in left] == ["hang", "slow", "left"]
    assert all(each.answered_s is None and each.status == 0 for each in left)


@pytest.mark.slow
async def test_no_service_outlives_its_block_and_a_stopped_one_refuses(
    policy: ServicePolicy,
) -> None:
    async with LicenseServer(policy) as licenses, httpx.AsyncClient() as http:
        pid = licenses.pid
        await licenses.stop()
        with pytest.raises(httpx.ConnectError):
            await http.get(licenses.url)

    assert not licenses.running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
