"""ClearKey licences and HLS keys, as bytes over HTTP without a socket."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from drm.policy import Hdcp
from netplay.edge.license.policy import DAY_S, ProtectedTitle, ServicePolicy, Terms, licensed_keys
from netplay.edge.license.service import LicenseService

from .clients import LICENSES, TOKEN, clearkey_keys, clearkey_request, client_of

pytestmark = pytest.mark.anyio

NOW_S = 1_000_000.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def service(policy: ServicePolicy) -> LicenseService:
    return LicenseService(policy, clock=lambda: NOW_S)


def with_terms(policy: ServicePolicy, terms: Terms) -> ServicePolicy:
    film, *others = policy.titles
    return replace(policy, titles=(replace(film, terms=terms), *others))


async def test_a_licence_brings_the_keys_their_rules_and_the_policy(
    service: LicenseService, policy: ServicePolicy
) -> None:
    audio, hd, uhd = policy.titles[0].keys

    async with client_of(service, token=TOKEN) as http:
        answer = await http.post("/clearkey", content=clearkey_request([audio.kid, hd.kid]))

    said = json.loads(answer.content)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert clearkey_keys(answer.content) == {audio.kid: audio.key, hd.kid: hd.key}
    assert said["type"] == "temporary"
    assert [key["kty"] for key in said["keys"]] == ["oct", "oct"]
    assert said["keys"][1]["rule"] == {"hdcp": 1, "security_level": 1, "label": "HD"}
    assert said["policy"] == {"license_duration_s": 3600, "started_utc_s": int(NOW_S)}
    (asked,) = service.journal
    assert (asked.system, asked.purpose, asked.outcome) == ("clearkey", "license", "granted")
    assert (asked.title, asked.kids) == ("film", (audio.kid, hd.kid))
    assert uhd.kid not in answer.text


async def test_what_needs_a_robust_device_is_left_out(
    service: LicenseService, policy: ServicePolicy
) -> None:
    audio, _, uhd = policy.titles[0].keys

    async with client_of(service, token=TOKEN) as http:
        answer = await http.post("/clearkey", content=clearkey_request([audio.kid, uhd.kid]))

    assert clearkey_keys(answer.content) == {audio.kid: audio.key}
    (asked,) = service.journal
    assert list(asked.left_out) == [uhd.kid]


async def test_an_offline_licence_says_that_it_may_be_stored(
    service: LicenseService, policy: ServicePolicy
) -> None:
    service.policy = with_terms(policy, Terms(offline_days=30))
    kid = policy.titles[0].keys[0].kid

    async with client_of(service, token=TOKEN) as http:
        answer = await http.post("/clearkey", content=clearkey_request([kid], "persistent-license"))

    said = json.loads(answer.content)
    assert said["type"] == "persistent-license"
    assert said["policy"]["offline"] is True
    assert said["policy"]["license_duration_s"] == 30 * DAY_S
    assert next(iter(service.journal)).persistent


async def test_a_licence_that_can_be_renewed_says_when_and_where(
    service: LicenseService, policy: ServicePolicy
) -> None:
    terms = Terms(license_duration_s=60, can_renew=True, renewal_delay_s=40, renewal_retry_s=5)
    service.policy = with_terms(policy, terms)
    request = clearkey_request([policy.titles[0].keys[0].kid])

    async with client_of(service, token=TOKEN) as http:
        first = json.loads((await http.post("/clearkey?token=x", content=request)).content)
        again = await http.post(first["policy"]["renewal_url"], content=request)

    assert first["policy"] == {
        "license_duration_s": 60,
        "can_renew": True,
        "renewal_after_s": 40,
        "renewal_retry_s": 5,
        "renewal_url": f"{LICENSES}/clearkey/renewal",
        "started_utc_s": int(NOW_S),
    }
    assert again.status_code == 200
    assert [asked.purpose for asked in service.journal] == ["license", "renewal"]


async def test_the_token_may_stand_in_the_query_where_a_playlist_has_no_headers(
    service: LicenseService, policy: ServicePolicy
) -> None:
    key = policy.titles[0].keys[0]

    async with client_of(service) as http:
        answer = await http.get(f"/key/{key.kid}?token={TOKEN}")
        refused = await http.get(f"/key/{key.kid}")

    assert answer.content == key.key
    assert (refused.status_code, refused.json()["error"]) == (401, "token_unknown")
    assert [(each.system, each.purpose) for each in service.journal] == [("identity", "key")] * 2


async def test_a_bare_key_cannot_demand_hdcp_so_it_is_not_given(
    service: LicenseService, policy: ServicePolicy
) -> None:
    async with client_of(service, token=TOKEN) as http:
        answer = await http.get(f"/key/{policy.titles[0].keys[1].kid}")

    assert (answer.status_code, answer.json()["error"]) == (403, "no_usable_key")


async def test_one_hls_key_is_one_key_even_of_a_title_that_keeps_them_together(
    service: LicenseService, policy: ServicePolicy
) -> None:
    sd, hd, uhd = licensed_keys("SD", "HD", "UHD")
    title = ProtectedTitle(name="film", keys=(sd, hd, replace(uhd, hdcp=Hdcp.V2)), together=True)
    service.policy = replace(policy, titles=(title,))

    async with client_of(service, token=TOKEN) as http:
        given = await http.get(f"/key/{hd.kid.upper()}")
        refused = await http.get(f"/key/{uhd.kid}")

    assert given.content == hd.key
    assert (refused.status_code, refused.json()["error"]) == (403, "no_usable_key")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b'{"kids": []}',
        b'{"kids": "abc"}',
        b'{"kids": [1]}',
        b'{"kids": ["AAAA"]}',
        b'{"kids": ["AAAAAAAAAAAAAAAAAAAAAA=="]}',
        b'{"kids": ["AAAAAAAAAAAAAAAAAAAAAA"], "type": "for-ever"}',
        b'{"kids": ["AAAAAAAAAAAAAAAAAAAAAA"], "type": []}',
        b"[" * 30_000,
        json.dumps({"kids": ["A" * 22] * 300}).encode(),
    ],
)
async def test_what_is_no_request_is_refused_as_such(service: LicenseService, body: bytes) -> None:
    async with client_of(service, token=TOKEN) as http:
        answer = await http.post("/clearkey", content=body)

    assert (answer.status_code, answer.json()["error"]) == (400, "malformed")


async def test_a_body_without_end_is_not_read_to_its_end(service: LicenseService) -> None:
    async with client_of(service, token=TOKEN) as http:
        answer = await http.post("/clearkey", content=bytes(65 * 1024))

    assert answer.status_code == 413


async def test_a_key_system_that_is_not_served_is_not_found(service: LicenseService) -> None:
    async with client_of(service) as http:
        statuses = [
            (await http.post(path, content=b"x")).status_code
            for path in ("/widevine", "/identity", "/playready", "/widevine/renewal")
        ]

    assert statuses == [404] * 4
