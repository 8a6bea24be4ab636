"""netplay's own key systems against the service: what each rule and fault is to a player."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drm.clearkey import ClearKey
from drm.contract import Exchange, InitData, Keys, KeySystem, LicenseAnswer
from drm.errors import DrmError, KeyMissing, KeySystemError, LicenseDenied
from drm.identity import IdentityKey
from drm.policy import Hdcp, Output, SecurityLevel
from drm.pssh import WIDEVINE
from drm.widevine import Widevine
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.faults import Fault, FaultKind
from netplay.edge.license.policy import DAY_S, LicensedKey, RateLimit, ServicePolicy, Terms
from netplay.edge.license.server import LicenseServer
from netplay.edge.license.service import LicenseService

from .clients import LICENSES, TOKEN, bearer, client_of, kids_of

pytestmark = pytest.mark.anyio

HEADERS = tuple(bearer(TOKEN).items())
SCREEN = Output(hdcp=Hdcp.V2_3, security_level=SecurityLevel.HW_SECURE_ALL)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def service(policy: ServicePolicy, authority: Authority) -> LicenseService:
    return LicenseService(policy, identity=authority.identity)


@pytest.fixture
async def http(service: LicenseService) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service) as client:
        yield client


async def performed(exchange: Exchange, http: httpx.AsyncClient) -> Keys:
    """Return the keys of an exchange whose requests are made one after another."""
    try:
        requests = next(exchange)
        while True:
            answers = []
            for each in requests:
                came = await http.request(
                    each.method, each.url, content=each.body, headers=list(each.headers)
                )
                answers.append(
                    LicenseAnswer(came.status_code, came.content, tuple(came.headers.items()))
                )
            requests = exchange.send(tuple(answers))
    except StopIteration as done:
        keys: Keys = done.value
        return keys


def widevine(
    device: SyntheticDevice,
    authority: Authority,
    *,
    root: str = f"{LICENSES}/",
    output: Output = SCREEN,
    offline: bool = False,
) -> Widevine:
    return Widevine(
        device.wvd,
        license_url=f"{root}widevine",
        headers=HEADERS,
        output=output,
        root_certificate=authority.identity.root,
        offline=offline,
    )


def clearkey() -> ClearKey:
    return ClearKey(license_url=f"{LICENSES}/clearkey", headers=HEADERS, output=SCREEN)


def init(policy: ServicePolicy, system: str = WIDEVINE) -> InitData:
    return InitData(system, tuple(kids_of(policy)))


def opens(keys: Keys, key: LicensedKey) -> bool:
    """Return whether keys hold the right one: what it encrypted comes out in the clear."""
    clear, iv = b"a sample of media" * 3, bytes(range(16))
    cipher = Cipher(algorithms.AES(key.key), modes.CTR(iv)).encryptor()
    return keys.decryptor(key.kid, "cenc").decrypt(cipher.update(clear), iv) == clear


def use_terms(service: LicenseService, terms: Terms) -> None:
    film, *others = service.policy.titles
    service.policy = replace(service.policy, titles=(replace(film, terms=terms), *others))


def purposes(service: LicenseService) -> list[str]:
    return [each.purpose for each in service.journal]


@pytest.fixture(params=["widevine", "clearkey"])
def system(
    request: pytest.FixtureRequest, laptop: SyntheticDevice, authority: Authority
) -> KeySystem:
    return widevine(laptop, authority) if request.param == "widevine" else clearkey()


async def test_the_certificate_is_asked_for_once_and_every_challenge_is_private(
    service: LicenseService, http: httpx.AsyncClient, laptop: SyntheticDevice, authority: Authority
) -> None:
    service.policy = replace(service.policy, privacy_required=True)
    system = widevine(laptop, authority)

    first = await performed(system.open(init(service.policy)), http)
    second = await performed(system.open(init(service.policy)), http)

    assert purposes(service) == ["certificate", "license", "license"]
    assert first.kids == second.kids == set(kids_of(service.policy)[:2])


async def test_the_right_keys_come_and_those_of_other_rungs_stay_away(
    service: LicenseService, http: httpx.AsyncClient, system: KeySystem
) -> None:
    audio, hd, uhd = service.policy.titles[0].keys

    keys = await performed(system.open(init(service.policy, "")), http)

    assert keys.kids == {audio.kid, hd.kid}
    assert opens(keys, audio)
    assert opens(keys, hd)
    with pytest.raises(KeyMissing):
        keys.decryptor(uhd.kid, "cenc")
    assert keys.policy.license_duration_s == 3600


async def test_a_rung_that_needs_more_than_the_output_has_is_refused_and_the_rest_plays(
    service: LicenseService,
    http: httpx.AsyncClient,
    television: SyntheticDevice,
    authority: Authority,
) -> None:
    audio, hd, uhd = service.policy.titles[0].keys
    weak = Output(hdcp=Hdcp.V1, security_level=SecurityLevel.HW_SECURE_ALL)
    system = widevine(television, authority, output=weak)

    keys = await performed(system.open(init(service.policy)), http)

    assert keys.kids == {audio.kid, hd.kid}
    assert dict(keys.refused) == {uhd.kid: "needs HDCP V2_2, the output has V1"}


async def test_widevine_is_renewed_at_the_url_that_the_licence_names(
    service: LicenseService, http: httpx.AsyncClient, laptop: SyntheticDevice, authority: Authority
) -> None:
    terms = Terms(license_duration_s=60, can_renew=True, renewal_delay_s=40)
    use_terms(service, replace(terms, renewal_names_client=True))
    system = widevine(laptop, authority)
    keys = await performed(system.open(init(service.policy)), http)
    before = keys.policy
    use_terms(service, replace(terms, license_duration_s=90))

    for _ in range(2):
        await performed(system.renew(keys), http)

    assert (before.license_duration_s, before.renewal_after_s) == (60, 40)
    assert before.renewal_url == f"{LICENSES}/widevine/renewal"
    assert keys.policy.license_duration_s == 90
    assert opens(keys, service.policy.titles[0].keys[0])
    assert purposes(service)[2:] == ["renewal", "renewal"]
    assert [each.outcome for each in service.journal] == ["granted"] * 4


async def test_an_offline_licence_lasts_for_days(
    service: LicenseService, http: httpx.AsyncClient, laptop: SyntheticDevice, authority: Authority
) -> None:
    use_terms(service, Terms(offline_days=30))
    stored = widevine(laptop, authority, offline=True)

    keys = await performed(stored.open(init(service.policy)), http)

    assert keys.policy.offline
    assert keys.policy.license_duration_s == 30 * DAY_S
    assert abs((keys.policy.started_utc_s or 0) - time.time()) < 60


async def test_a_revoked_device_hears_that_it_is(
    service: LicenseService, http: httpx.AsyncClient, laptop: SyntheticDevice, authority: Authority
) -> None:
    service.policy = replace(service.policy, revoked_serials=frozenset({laptop.serial}))

    with pytest.raises(LicenseDenied, match="this device has been revoked") as denied:
        await performed(widevine(laptop, authority).open(init(service.policy)), http)

    assert (denied.value.reason, denied.value.status) == ("revoked", 403)


async def test_a_denied_entitlement_is_told_in_the_services_words(
    service: LicenseService, http: httpx.AsyncClient, system: KeySystem
) -> None:
    kid = service.policy.titles[1].keys[0].kid

    with pytest.raises(LicenseDenied, match="not entitled to series") as denied:
        await performed(system.open(InitData("", (kid,))), http)

    assert denied.value.status == 403


async def test_a_service_of_another_root_is_not_told_who_asks(
    service: LicenseService, http: httpx.AsyncClient, laptop: SyntheticDevice, stranger: Authority
) -> None:
    with pytest.raises(KeySystemError, match="certificate"):
        await performed(widevine(laptop, stranger).open(init(service.policy)), http)

    assert purposes(service) == ["certificate"]


async def test_who_asks_too_often_learns_how_long_to_wait(
    service: LicenseService, http: httpx.AsyncClient
) -> None:
    service.policy = replace(service.policy, rate=RateLimit(burst=1, per_s=0.1))
    await performed(clearkey().open(init(service.policy, "")), http)

    with pytest.raises(KeySystemError) as limited:
        await performed(clearkey().open(init(service.policy, "")), http)

    assert (limited.value.status, limited.value.retriable) == (429, True)
    assert 9 <= (limited.value.retry_after_s or 0) <= 10


@pytest.mark.parametrize(
    ("kind", "retriable"), [("status", True), ("malformed", False), ("redirect", False)]
)
async def test_a_service_that_fails_is_no_denial(
    service: LicenseService,
    http: httpx.AsyncClient,
    system: KeySystem,
    kind: FaultKind,
    retriable: bool,
) -> None:
    location = "ftp://elsewhere.example/" if kind == "redirect" else ""
    service.faults.add(Fault(kind=kind, purpose="license", location=location))

    with pytest.raises(KeySystemError) as failed:
        await performed(system.open(init(service.policy, "")), http)
    healed = await performed(system.open(init(service.policy, "")), http)

    assert not isinstance(failed.value, LicenseDenied)
    assert failed.value.retriable == retriable
    assert len(healed.kids) == 2


@pytest.mark.parametrize("kind", ["replay", "forged"])
async def test_a_widevine_licence_that_was_meant_otherwise_is_not_accepted(
    service: LicenseService,
    http: httpx.AsyncClient,
    laptop: SyntheticDevice,
    authority: Authority,
    kind: FaultKind,
) -> None:
    system = widevine(laptop, authority)
    await performed(system.open(init(service.policy)), http)
    service.faults.add(Fault(kind=kind, purpose="license"))

    with pytest.raises(KeySystemError, match="no licence for this request"):
        await performed(system.open(init(service.policy)), http)


async def test_a_forged_or_repeated_renewal_leaves_the_keys_as_they_were(
    service: LicenseService, http: httpx.AsyncClient, laptop: SyntheticDevice, authority: Authority
) -> None:
    use_terms(service, Terms(license_duration_s=60, can_renew=True))
    system = widevine(laptop, authority)
    keys = await performed(system.open(init(service.policy)), http)
    kinds: tuple[FaultKind, ...] = ("forged", "replay", "malformed", "status")
    service.faults.add(*(Fault(kind=kind, purpose="renewal") for kind in kinds))

    for _ in kinds:
        with pytest.raises(KeySystemError):
            await performed(system.renew(keys), http)

    assert keys.policy.license_duration_s == 60
    assert opens(keys, service.policy.titles[0].keys[0])
    await performed(system.renew(keys), http)


async def test_wrong_keys_are_taken_for_right_until_media_shows_otherwise(
    service: LicenseService, http: httpx.AsyncClient, system: KeySystem
) -> None:
    service.faults.add(Fault(kind="wrong_key"))

    keys = await performed(system.open(init(service.policy, "")), http)

    assert not opens(keys, service.policy.titles[0].keys[0])


async def test_an_hls_key_comes_by_its_uri(
    service: LicenseService, http: httpx.AsyncClient
) -> None:
    key = service.policy.titles[0].keys[0]
    uri = f"{LICENSES}/key/{key.kid}?token={TOKEN}"
    asked = InitData("identity", (key.kid,), key_uri=uri)

    keys = await performed(IdentityKey().open(asked), http)

    assert opens(keys, key)


@pytest.mark.slow
async def test_the_whole_exchange_over_sockets(
    policy: ServicePolicy, authority: Authority, laptop: SyntheticDevice
) -> None:
    film, *others = policy.titles
    terms = Terms(license_duration_s=60, can_renew=True, renewal_delay_s=30)
    policy = replace(policy, titles=(replace(film, terms=terms), *others), privacy_required=True)

    async with (
        LicenseServer(policy, identity=authority.identity) as licenses,
        httpx.AsyncClient() as http,
    ):
        system = widevine(laptop, authority, root=licenses.url)
        keys = await performed(system.open(init(policy)), http)
        await performed(system.renew(keys), http)
        opened = opens(keys, film.keys[0])
        await licenses.apply(replace(policy, revoked_serials=frozenset({laptop.serial})))
        with pytest.raises(DrmError):
            await performed(system.renew(keys), http)
        system.close(keys)
        asked = await licenses.asked()

    assert opened
    assert [each.outcome for each in asked] == ["granted"] * 3 + ["device_revoked"]
    assert [each.purpose for each in asked] == ["certificate", "license", "renewal", "renewal"]
