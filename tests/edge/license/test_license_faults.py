"""What goes wrong on demand, how often one may ask, and what the journal keeps of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import anyio
import httpx
import pytest

from netplay.edge.license.authority import Authority
from netplay.edge.license.faults import Fault, Faults, RateLimiter
from netplay.edge.license.journal import Asked
from netplay.edge.license.policy import RateLimit, ServicePolicy
from netplay.edge.license.service import LicenseService
from netplay.errors import ExtraMissing

from .clients import (
    TOKEN,
    WidevineClient,
    clearkey_keys,
    clearkey_request,
    client_of,
    kids_of,
    license_of,
    widevine_pssh,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def service(policy: ServicePolicy, authority: Authority) -> LicenseService:
    return LicenseService(policy, identity=authority.identity)


@pytest.fixture
async def http(service: LicenseService) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service, token=TOKEN) as client:
        yield client


@pytest.fixture
def request_body(policy: ServicePolicy) -> bytes:
    return clearkey_request(kids_of(policy)[:2])


def told(service: LicenseService) -> list[tuple[int, str, str]]:
    return [(asked.status, asked.outcome, asked.fault) for asked in service.journal]


async def test_a_status_strikes_as_often_as_it_was_told_to(
    service: LicenseService, http: httpx.AsyncClient, request_body: bytes
) -> None:
    service.faults.add(Fault(kind="status", status=503, times=2, retry_after_s=7))

    answers = [await http.post("/clearkey", content=request_body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert [answer.headers.get("retry-after") for answer in answers] == ["7", "7", None]
    assert told(service) == [(503, "status", "status")] * 2 + [(200, "granted", "")]


async def test_a_fault_waits_for_a_request_of_its_purpose(
    service: LicenseService, http: httpx.AsyncClient, request_body: bytes
) -> None:
    service.faults.add(Fault(kind="status", status=500, times=None, purpose="renewal"))

    first = await http.post("/clearkey", content=request_body)
    renewals = [await http.post("/clearkey/renewal", content=request_body) for _ in range(2)]
    service.faults.clear()
    healed = await http.post("/clearkey/renewal", content=request_body)

    assert first.status_code == 200
    assert [answer.status_code for answer in renewals] == [500, 500]
    assert healed.status_code == 200


async def test_a_slow_service_answers_rightly_and_late(
    service: LicenseService, http: httpx.AsyncClient, request_body: bytes
) -> None:
    service.faults.add(Fault(kind="slow", delay_s=0.05))

    answer = await http.post("/clearkey", content=request_body)

    (asked,) = service.journal
    assert len(clearkey_keys(answer.content)) == 2
    assert asked.answered_s is not None
    assert asked.answered_s - asked.asked_s >= 0.049
    assert (asked.outcome, asked.fault) == ("granted", "slow")


async def test_a_far_service_takes_its_time_for_every_answer(
    service: LicenseService, http: httpx.AsyncClient, request_body: bytes
) -> None:
    service.policy = replace(service.policy, latency_s=0.05)
    service.faults.add(Fault(kind="status"))

    answers = [await http.post("/clearkey", content=request_body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [503, 200]
    for asked in service.journal:
        assert asked.answered_s is not None
        assert asked.answered_s - asked.asked_s >= 0.049


async def test_a_service_that_hangs_never_answers(
    service: LicenseService, http: httpx.AsyncClient, request_body: bytes
) -> None:
    service.faults.add(Fault(kind="hang"))

    with anyio.move_on_after(0.05) as scope:
        await http.post("/clearkey", content=request_body)

    assert scope.cancelled_caught


@pytest.mark.parametrize("path", ["clearkey", "widevine"])
async def test_wrong_keys_come_under_the_right_ids_and_with_a_right_signature(
    service: LicenseService, http: httpx.AsyncClient, client: WidevineClient, path: str
) -> None:
    service.faults.add(Fault(kind="wrong_key"))
    right = {key.kid: key.key for key in service.policy.titles[0].keys[:2]}

    if path == "clearkey":
        answer = await http.post("/clearkey", content=clearkey_request(list(right)))
        wrong = clearkey_keys(answer.content)
    else:
        challenge = client.challenge(widevine_pssh(list(right)))
        wrong = client.keys((await http.post("/widevine", content=challenge)).content)

    assert set(wrong) == set(right)
    assert set(wrong.values()).isdisjoint(right.values())
    assert told(service) == [(200, "wrong_key", "wrong_key")]


async def test_a_malformed_answer_breaks_off_half_way(
    service: LicenseService, http: httpx.AsyncClient, request_body: bytes
) -> None:
    service.faults.add(Fault(kind="malformed"))

    answer = await http.post("/clearkey", content=request_body)

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_an_old_licence_is_replayed_once_there_is_one(
    service: LicenseService, http: httpx.AsyncClient, client: WidevineClient
) -> None:
    service.faults.add(Fault(kind="replay"))
    pssh = widevine_pssh(kids_of(service.policy))

    first = await http.post("/widevine", content=client.challenge(pssh))
    second = await http.post("/widevine", content=client.challenge(pssh))
    third = await http.post("/widevine", content=client.challenge(pssh))

    assert second.content == first.content
    assert third.content != first.content
    assert [outcome for _, outcome, _ in told(service)] == ["granted", "replay", "granted"]


async def test_a_forged_licence_differs_from_what_was_signed(
    service: LicenseService, http: httpx.AsyncClient, client: WidevineClient, request_body: bytes
) -> None:
    service.faults.add(Fault(kind="forged", times=2))

    answer = await http.post(
        "/widevine", content=client.challenge(widevine_pssh(kids_of(service.policy)))
    )
    unsigned = await http.post("/clearkey", content=request_body)

    assert license_of(answer.content).policy.license_duration_seconds == 3601
    assert len(clearkey_keys(unsigned.content)) == 2


async def test_a_redirect_sends_the_client_elsewhere_with_its_method(
    service: LicenseService, http: httpx.AsyncClient, request_body: bytes
) -> None:
    service.faults.add(Fault(kind="redirect", location="http://elsewhere.example/"))

    answer = await http.post("/clearkey", content=request_body)

    assert answer.status_code == 307
    assert answer.headers["location"] == "http://elsewhere.example/"


async def test_a_challenge_whose_answer_was_spoiled_may_come_again(
    service: LicenseService, http: httpx.AsyncClient, client: WidevineClient
) -> None:
    service.faults.add(Fault(kind="malformed"))
    challenge = client.challenge(widevine_pssh(kids_of(service.policy)))

    await http.post("/widevine", content=challenge)
    again = await http.post("/widevine", content=challenge)
    replayed = await http.post("/widevine", content=challenge)

    assert client.keys(again.content)
    assert (replayed.status_code, replayed.json()["error"]) == (403, "replayed")


async def test_the_service_certificate_is_a_purpose_of_its_own(
    service: LicenseService, http: httpx.AsyncClient, client: WidevineClient
) -> None:
    service.faults.add(Fault(kind="status", status=500, purpose="certificate"))
    asked = client.cdm.service_certificate_challenge

    answers = [await http.post("/widevine", content=asked) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 200]
    assert {each.purpose for each in service.journal} == {"certificate"}


async def test_who_asks_too_often_is_told_when_to_come_back(
    policy: ServicePolicy, request_body: bytes
) -> None:
    now_s = 1_000_000.0
    entitlements = (*policy.entitlements, replace(policy.entitlements[0], token="other"))
    limited = replace(policy, rate=RateLimit(burst=2, per_s=0.25), entitlements=entitlements)
    service = LicenseService(limited, clock=lambda: now_s)

    async with client_of(service, token=TOKEN) as http, client_of(service, token="other") as other:
        answers = [await http.post("/clearkey", content=request_body) for _ in range(3)]
        others = await other.post("/clearkey", content=request_body)
        now_s += 4
        later = [await http.post("/clearkey", content=request_body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "4"
    assert answers[2].json()["error"] == "rate_limited"
    assert others.status_code == 200
    assert [answer.status_code for answer in later] == [200, 429]
    assert told(service)[2] == (429, "rate_limited", "")


def test_a_bucket_fills_no_further_than_its_burst() -> None:
    now_s = 0.0
    limiter = RateLimiter(lambda: now_s)
    limit = RateLimit(burst=2, per_s=1)
    limiter.wait_s("me", limit)
    now_s = 1000

    waits = [limiter.wait_s("me", limit) for _ in range(3)]

    assert waits == [0, 0, 1]


def test_a_limiter_forgets_whom_it_has_not_seen_for_ten_thousand_others() -> None:
    limiter = RateLimiter(lambda: 0.0)
    limit = RateLimit(burst=1, per_s=1)
    limiter.wait_s("me", limit)

    assert limiter.wait_s("me", limit) == 1
    for number in range(10_000):
        limiter.wait_s(str(number), limit)
    assert limiter.wait_s("me", limit) == 0


def test_faults_strike_in_the_order_they_were_added() -> None:
    faults = Faults()
    faults.add(Fault(kind="hang"), Fault(kind="status", times=2), Fault(kind="slow"))

    struck = [faults.strike("license", can_replay=False) for _ in range(5)]

    assert [fault.kind if fault else None for fault in struck] == [
        "hang", "status", "status", "slow", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "nonsense"},
        {"kind": "slow", "delay_s": -1},
        {"kind": "status", "times": 0},
        {"kind": "status", "purpose": "lunch"},
        {"kind": "redirect"},
        {"kind": "hang", "location": "http://elsewhere.example/"},
    ],
)
def test_a_fault_that_cannot_be_is_a_mistake(said: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Fault(**said)  # type: ignore[arg-type]


async def test_the_journal_keeps_what_a_test_needs_and_no_secret(
    service: LicenseService, http: httpx.AsyncClient, client: WidevineClient, request_body: bytes
) -> None:
    await http.post("/clearkey", content=request_body)
    await http.post("/widevine", content=client.challenge(widevine_pssh(kids_of(service.policy))))
    journal = list(service.journal)

    kept = repr(journal) + json.dumps([asked.to_json() for asked in journal])

    assert [asked.system for asked in journal] == ["clearkey", "widevine"]
    assert [Asked.from_json(asked.to_json()) for asked in journal] == journal
    assert TOKEN not in kept
    for key in service.policy.titles[0].keys:
        assert key.key.hex() not in kept
        assert repr(key.key)[2:-1] not in kept


def test_widevine_without_its_extra_says_which_one(
    monkeypatch: pytest.MonkeyPatch, policy: ServicePolicy, authority: Authority
) -> None:
    monkeypatch.setitem(sys.modules, "netplay.edge.license.widevine", None)
    monkeypatch.delattr("netplay.edge.license.widevine")

    with pytest.raises(ExtraMissing) as missing:
        LicenseService(policy, identity=authority.identity)

    assert missing.value.extra == "widevine"


@pytest.mark.slow
def test_a_clearkey_service_loads_no_cipher() -> None:
    probe = (
        "import sys, netplay.edge.license.serve, netplay.edge.license.server;"
        "print(*sorted(sys.modules))"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {"cryptography", "pywidevine", "Crypto", "google.protobuf"}.isdisjoint(loaded)
