"""Widevine end to end, against a service that says what a test wants."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from licensing import KEY, KID, OTHER_KEY, OTHER_KID, URL, WidevineService, container, device
from protected import sample
from pywidevine.license_protocol_pb2 import License, LicenseRequest, SignedMessage, WidevinePsshData

from drm.contract import InitData, LicenseAnswer, perform
from drm.contract import LicenseRequest as Request
from drm.errors import (
    DrmError,
    InitDataError,
    KeySystemError,
    LicenseDenied,
    PackageMissing,
)
from drm.policy import Hdcp, Output, SecurityLevel
from drm.pssh import WIDEVINE, write_pssh, write_widevine_pssh
from drm.widevine import Widevine

INIT = InitData(WIDEVINE, (KID, OTHER_KID))


def made(service: WidevineService, **settings: object) -> Widevine:
    """Return a key system for a service's own device and root."""
    given = {"license_url": URL, "root_certificate": service.root, **settings}
    return Widevine(device(), **given)  # type: ignore[arg-type]


def renewable(**more: object) -> License.Policy:
    return License.Policy(can_play=True, can_renew=True, renewal_delay_seconds=30, **more)  # type: ignore[arg-type]


def test_a_licence_brings_content_keys_that_decrypt() -> None:
    service = WidevineService()

    keys = perform(made(service).open(INIT), service)

    assert keys.kids == {KID, OTHER_KID}
    for kid, key in ((KID, KEY), (OTHER_KID, OTHER_KEY)):
        one = sample(kid, key)
        assert keys.decryptor(kid, "cenc").decrypt(one.data, one.iv) == one.clear


def test_who_asks_is_encrypted_with_a_certificate_that_is_fetched_once() -> None:
    service = WidevineService()
    system = made(service)

    perform(system.open(INIT), service)
    perform(system.open(INIT), service)

    assert [one.purpose for one in service.asked] == ["certificate", "license", "license"]
    assert service.asked[0].body == b"\x08\x04"
    assert system.service_certificate == service.certificate
    for request in (service.request(1), service.request(2)):
        assert request.HasField("encrypted_client_id")
        assert not request.HasField("client_id")


def test_a_certificate_that_was_kept_is_not_asked_for() -> None:
    service = WidevineService()
    system = made(service, service_certificate=service.certificate)

    perform(system.open(INIT), service)

    assert [one.purpose for one in service.asked] == ["license"]


def test_without_privacy_no_certificate_is_needed() -> None:
    service = WidevineService()

    perform(made(service, privacy=False).open(INIT), service)

    assert [one.purpose for one in service.asked] == ["license"]
    assert service.request().HasField("client_id")


def test_a_certificate_of_another_root_is_not_accepted() -> None:
    service = WidevineService()
    system = Widevine(device(), license_url=URL)

    with pytest.raises(KeySystemError, match="certificate was not accepted"):
        perform(system.open(INIT), service)

    assert system.service_certificate == b""


def test_a_fetched_certificate_is_fetched_again_after_a_bad_request() -> None:
    service = WidevineService()
    system = made(service)
    perform(system.open(INIT), service)

    with pytest.raises(KeySystemError):
        perform(system.open(INIT), lambda _: LicenseAnswer(400, b"another service"))
    perform(system.open(INIT), service)

    assert [one.purpose for one in service.asked][2:] == ["certificate", "license"]


def test_the_box_of_the_media_is_sent_as_it_is() -> None:
    service = WidevineService()
    data = write_widevine_pssh((KID,), content_id=b"film")

    perform(made(service).open(InitData(WIDEVINE, pssh=write_pssh(WIDEVINE, data))), service)

    assert service.request().content_id.widevine_pssh_data.pssh_data == [data]


def test_boxes_that_name_different_keys_are_asked_for_in_one_licence() -> None:
    service = WidevineService()
    one, two = (write_widevine_pssh((kid,), content_id=b"film") for kid in (KID, OTHER_KID))
    other = write_widevine_pssh((OTHER_KID,), content_id=b"another")

    def asked(*boxes: bytes) -> WidevinePsshData:
        pssh = b"".join(write_pssh(WIDEVINE, data) for data in boxes)
        perform(made(service).open(InitData(WIDEVINE, pssh=pssh)), service)
        (data,) = service.request().content_id.widevine_pssh_data.pssh_data
        return WidevinePsshData.FromString(data)

    assert [kid.hex() for kid in asked(one, two, one).key_ids] == [KID, OTHER_KID]
    assert asked(one, two).content_id == b"film"
    assert asked(one, other).SerializeToString() == one
    assert asked(one, b"\xff").SerializeToString() == one


def test_init_data_is_made_of_key_ids_where_there_is_no_box() -> None:
    service = WidevineService()

    perform(made(service).open(InitData(WIDEVINE, (KID,), content_id=b"film")), service)

    (data,) = service.request().content_id.widevine_pssh_data.pssh_data
    said = WidevinePsshData.FromString(data)
    assert (list(said.key_ids), said.content_id) == ([bytes.fromhex(KID)], b"film")
    with pytest.raises(InitDataError, match="neither"):
        perform(made(service).open(InitData(WIDEVINE)), service)


def test_an_offline_licence_is_asked_for_as_one() -> None:
    service = WidevineService(policy=License.Policy(can_play=True, can_persist=True))

    keys = perform(made(service, offline=True).open(INIT), service)

    assert service.request().content_id.widevine_pssh_data.license_type == 2
    assert keys.policy.offline


def test_keys_that_the_output_may_not_have_are_refused_and_the_others_play() -> None:
    service = WidevineService(
        keys={KEY: container(KID), OTHER_KEY: container(OTHER_KID, hdcp=4, level=2, label="UHD")}
    )
    able = Output(Hdcp.V2_2, SecurityLevel.SW_SECURE_DECODE)

    poor = perform(made(service).open(INIT), service)
    rich = perform(made(service, output=able).open(INIT), service)

    assert poor.kids == {KID}
    assert poor.refused == {OTHER_KID: "needs HDCP V2_2, the output has NONE"}
    assert rich.kids == {KID, OTHER_KID}
    rule = rich.policy.rule(OTHER_KID)
    assert rule is not None
    assert rule.label == "UHD"


@pytest.mark.parametrize("signing", [True, False], ids=["keys in the licence", "keys derived"])
def test_a_licence_is_renewed_with_its_own_keys(signing: bool) -> None:
    url = "https://licences.example/renewal"
    service = WidevineService(policy=renewable(renewal_server_url=url), signing=signing)
    system = made(service, headers=(("X-Token", "t"),))
    keys = perform(system.open(INIT), service)
    rules = keys.policy.rules
    service.policy = renewable(license_duration_seconds=77)

    for count in (1, 2):
        assert perform(system.renew(keys), service) is keys
        license_id = service.request().content_id.existing_license.license_id
        assert license_id.version == count - 1
        assert license_id.session_id == b"session"

    assert keys.policy.license_duration_s == 77
    assert keys.policy.rules == rules
    assert keys.kids == {KID, OTHER_KID}
    assert [one.url for one in service.asked][-2:] == [url, URL]
    assert service.request().type == LicenseRequest.RENEWAL
    assert not service.request().HasField("client_id")
    assert ("X-Token", "t") in service.asked[-1].headers


@pytest.mark.parametrize("privacy", [True, False])
def test_a_renewal_says_again_who_asks_where_the_licence_wants_it(privacy: bool) -> None:
    service = WidevineService(policy=renewable(always_include_client_id=True))
    system = made(service, privacy=privacy)
    keys = perform(system.open(INIT), service)

    perform(system.renew(keys), service)

    assert service.request().HasField("encrypted_client_id") == privacy
    assert service.request().HasField("client_id") != privacy


def test_a_licence_that_is_not_renewable_is_asked_for_anew() -> None:
    service = WidevineService()
    system = made(service)
    keys = perform(system.open(INIT), service)
    decryptor = keys.decryptor(KID, "cenc")
    one = sample(KID, KEY)

    assert perform(system.renew(keys), service) is keys

    assert service.request().type == LicenseRequest.NEW
    assert decryptor.decrypt(one.data, one.iv) == one.clear


def test_a_renewal_that_is_old_or_another_licences_or_changed_is_not_accepted() -> None:
    service = WidevineService(policy=renewable())
    system = made(service)
    keys = perform(system.open(INIT), service)
    other = perform(system.open(INIT), service)
    macs = service.macs
    answers: list[LicenseAnswer] = []

    def remembered(request: Request) -> LicenseAnswer:
        answers.append(service(request))
        return answers[-1]

    perform(system.renew(other), remembered)
    before = other.policy

    with pytest.raises(KeySystemError, match="old one"):
        perform(system.renew(other), lambda _: answers[0])
    with pytest.raises(KeySystemError, match="signature"):
        perform(system.renew(keys), lambda _: answers[0])
    service.edit = lambda said: setattr(said.id, "request_id", b"x")
    with pytest.raises(KeySystemError, match="another licence's"):
        perform(system.renew(other), service)
    service.edit = lambda said: setattr(said.policy, "can_play", False)
    with pytest.raises(LicenseDenied, match="playback"):
        perform(system.renew(other), service)

    assert service.macs == macs
    assert other.policy is before


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        (lambda said: said.policy.Clear(), LicenseDenied, "does not allow playback"),
        (lambda said: said.ClearField("key"), LicenseDenied, "no content key"),
        (lambda said: setattr(said.id, "request_id", b"?"), KeySystemError, "no licence for this"),
        (lambda said: setattr(said.policy, "license_duration_seconds", -1), KeySystemError, "no l"),
        (lambda said: setattr(said.key[1], "key", b"short"), KeySystemError, "no licence for this"),
        (lambda said: said.key.add(type="KEY_CONTROL"), KeySystemError, "no licence for this"),
    ],
)
def test_a_licence_that_is_none_for_us_is_told_as_such(
    change: object, kind: type[DrmError], why: str
) -> None:
    service = WidevineService(edit=change)  # type: ignore[arg-type]

    with pytest.raises(kind, match=why):
        perform(made(service).open(INIT), service)


def test_a_licence_for_another_request_is_not_accepted() -> None:
    service = WidevineService()
    system = made(service)
    perform(system.open(INIT), service)
    replayed = service(service.asked[-1])

    with pytest.raises(KeySystemError, match="no licence for this request"):
        perform(system.open(INIT), lambda _: replayed)


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [(1, LicenseDenied, "device"), (2, LicenseDenied, "revoked"), (3, KeySystemError, "")],
)
@pytest.mark.parametrize("status", [200, 403, 500])
def test_an_error_in_the_services_own_words_is_understood(
    code: int, kind: type[KeySystemError], reason: str, status: int
) -> None:
    service = WidevineService()
    body = SignedMessage(type="ERROR_RESPONSE", msg=bytes((8, code))).SerializeToString()

    with pytest.raises(KeySystemError) as caught:
        perform(made(service, privacy=False).open(INIT), lambda _: LicenseAnswer(status, body))

    assert type(caught.value) is kind
    assert caught.value.status == status
    assert getattr(caught.value, "reason", "") == reason
    assert caught.value.retriable == (code == 3)


def test_more_exchanges_run_at_once_than_one_cdm_takes() -> None:
    service = WidevineService()
    system = made(service, privacy=False)
    exchanges = [system.open(INIT) for _ in range(40)]
    asked = [next(exchange) for exchange in exchanges]

    for exchange, (request,) in zip(exchanges, asked, strict=True):
        with pytest.raises(StopIteration) as done:
            exchange.send((service(request),))
        assert done.value.value.kids == {KID, OTHER_KID}


def test_a_device_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    service = WidevineService()
    path = tmp_path / "device.wvd"
    system = Widevine(path, license_url=URL, root_certificate=service.root)

    with pytest.raises(KeySystemError, match="device file"):
        system.warm()
    path.write_bytes(device())

    assert perform(system.open(INIT), service).kids == {KID, OTHER_KID}


@pytest.mark.parametrize("data", [b"", b"WVD\x02", b"x" * 100, device()[:-30]])
def test_a_device_file_that_is_none_is_told_as_such(data: bytes) -> None:
    with pytest.raises(KeySystemError, match="not a device file"):
        Widevine(data).warm()


def test_a_root_that_is_none_is_told_as_such() -> None:
    with pytest.raises(KeySystemError, match="root certificate"):
        Widevine(device(), root_certificate=b"\xff").warm()


def test_a_service_without_a_certificate_says_why_nothing_plays() -> None:
    system = made(WidevineService())

    with pytest.raises(KeySystemError, match="service certificate"):
        perform(system.open(INIT), lambda _: LicenseAnswer(404))
    with pytest.raises(KeySystemError, match="0 bytes"):
        perform(system.open(INIT), lambda _: LicenseAnswer(200))


def test_pywidevine_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "drm.widevine_cdm", None)

    with pytest.raises(PackageMissing, match="pywidevine"):
        Widevine(device()).warm()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=600), st.sampled_from((b"", b"\x08\x02", b"\x08\x02\x12", b"\x08\x03")))
def test_an_arbitrary_answer_gives_an_error(body: bytes, start: bytes) -> None:
    service = WidevineService()
    system = made(service, privacy=False)

    with pytest.raises(DrmError) as caught:
        perform(system.open(INIT), lambda _: LicenseAnswer(200, start + body))

    assert len(str(caught.value)) < 300


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_licence_changed_anywhere_gives_an_error_or_the_right_keys(data: st.DataObject) -> None:
    service = WidevineService()
    system = made(service, privacy=False)
    one = sample(KID, KEY)

    def spoiled(request: Request) -> LicenseAnswer:
        body = bytearray(service(request).body)
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] ^= data.draw(st.integers(1, 255))
        return LicenseAnswer(200, bytes(body))

    try:
        keys = perform(system.open(INIT), spoiled)
    except DrmError:
        return
    assert keys.decryptor(KID, "cenc").decrypt(one.data, one.iv) == one.clear


def test_a_licence_made_to_be_work_is_done_with_soon() -> None:
    service = WidevineService()
    system = made(service, privacy=False)
    system.warm()
    began_s = time.process_time()

    for body in (b"\x12\x00" * 60_000, b"\x0b" * 100_000, bytes(1 << 20)):
        exchange = system.open(INIT)
        next(exchange)
        with pytest.raises(DrmError):
            exchange.send((LicenseAnswer(200, body),))

    assert time.process_time() - began_s < 2
