"""ClearKey and HLS keys by URI: who is asked, for what, and what becomes of the answer."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from protected import ClearKeyService, coded, sample

from drm.clearkey import ClearKey
from drm.contract import InitData, Keys, LicenseAnswer, LicenseRequest, perform
from drm.errors import (
    DrmError,
    InitDataError,
    KeyMissing,
    KeyRefused,
    KeySystemError,
    LicenseDenied,
    LicenseExpired,
)
from drm.held import HeldKeys
from drm.identity import IdentityKey
from drm.initdata import CLEARKEY, IDENTITY, uri_kid
from drm.policy import Hdcp, Output, Policy, SecurityLevel
from drm.pssh import COMMON, write_pssh
from drm.secret import Secret

KID, OTHER = "00112233445566778899aabbccddeeff", "0f" * 16
KEY, OTHER_KEY = bytes.fromhex("5ec2e7ca11ab1e0fade0fbad5eedf00d"), bytes(range(16, 32))
URL = "https://licences.example/clearkey"
KEY_URL = "https://keys.example/film/1.key?token=t"


def nobody(request: LicenseRequest) -> LicenseAnswer:
    raise AssertionError(f"{request!r} was not to be made")


def test_keys_of_the_app_need_nobody() -> None:
    system = ClearKey({KID: KEY.hex(), OTHER: OTHER_KEY})

    named = perform(system.open(InitData(CLEARKEY, (KID,))), nobody)
    unnamed = perform(system.open(InitData(CLEARKEY)), nobody)

    assert named.kids == {KID}
    assert unnamed.kids == {KID, OTHER}
    one = sample(KID, KEY)
    assert named.decryptor(KID, "cenc").decrypt(one.data, one.iv) == one.clear


def test_only_what_the_app_has_not_is_asked_for() -> None:
    service = ClearKeyService({OTHER: OTHER_KEY})
    system = ClearKey({KID: KEY}, license_url=URL, headers=(("Authorization", "Bearer t"),))

    keys = perform(
        system.open(InitData(CLEARKEY, pssh=write_pssh(COMMON, kids=(KID, OTHER)))), service
    )

    assert keys.kids == {KID, OTHER}
    assert json.loads(service.asked[0].body) == {
        "kids": [coded(bytes.fromhex(OTHER))],
        "type": "temporary",
    }
    assert service.asked[0].headers == (
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer t"),
    )


def test_a_url_of_the_manifest_is_used_where_the_app_has_none_and_gets_no_headers() -> None:
    service = ClearKeyService({KID: KEY})
    init = InitData(CLEARKEY, (KID,), license_url="https://manifest.example/")

    perform(ClearKey().open(init), service)
    perform(ClearKey(license_url=URL, headers=(("X-Token", "t"),)).open(init), service)

    assert [one.url for one in service.asked] == ["https://manifest.example/", URL]
    with pytest.raises(ValueError, match="headers"):
        ClearKey(headers=(("X-Token", "t"),))


@pytest.mark.parametrize(
    "url",
    [
        "http://licences.example/",
        "ftp://a/",
        "file:///etc/passwd",
        "x",
        "https://[x",
        "https://",
        "http://[::x]/",
    ],
)
def test_keys_are_asked_for_over_https_only(url: str) -> None:
    with pytest.raises(KeySystemError, match="https"):
        perform(ClearKey(license_url=url).open(InitData(CLEARKEY, (KID,))), nobody)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_this_machine_may_be_asked_without(host: str) -> None:
    system = ClearKey(license_url=f"http://{host}:8080/clearkey")

    keys = perform(system.open(InitData(CLEARKEY, (KID,))), ClearKeyService({KID: KEY}))

    assert keys.kids == {KID}


def test_a_licence_that_comes_after_the_keys_were_closed_is_overwritten() -> None:
    service = ClearKeyService({KID: KEY})
    system = ClearKey(license_url=URL)
    keys = perform(system.open(InitData(CLEARKEY, (KID,))), service)
    renewal = system.renew(keys)
    (request,) = next(renewal)

    system.close(keys)

    with pytest.raises(KeySystemError, match="closed"):
        renewal.send((service(request),))
    assert not keys.kids


def test_headers_go_to_one_origin_however_it_is_written() -> None:
    service = ClearKeyService({KID: KEY})
    token = (("X-Token", "t"),)
    for url in ("https://licences.example:443/", "https://LICENCES.example/x"):
        service.members = {"policy": {"renewal_url": url}}
        system = ClearKey(license_url=URL, headers=token)
        perform(system.renew(perform(system.open(InitData(CLEARKEY, (KID,))), service)), service)

    for url in ("https://licences.example:8443/", "https://licences.example.org/"):
        service.members = {"policy": {"renewal_url": url}}
        system = ClearKey(license_url=URL, headers=token)
        perform(system.renew(perform(system.open(InitData(CLEARKEY, (KID,))), service)), service)

    renewals = [one for one in service.asked if one.purpose == "renewal"]
    assert [token[0] in one.headers for one in renewals] == [True, True, False, False]


def test_nobody_to_ask_is_said() -> None:
    with pytest.raises(InitDataError, match="no key id"):
        perform(ClearKey().open(InitData(CLEARKEY)), nobody)
    with pytest.raises(KeyMissing, match=KID):
        perform(ClearKey().open(InitData(CLEARKEY, (KID,))), nobody)


def test_a_licence_may_bring_a_policy_and_rules() -> None:
    rule = {"hdcp": 4, "security_level": 2, "label": "UHD"}
    entry = {"kty": "oct", "kid": coded(bytes.fromhex(OTHER)), "k": coded(OTHER_KEY), "rule": rule}
    plain = {"kty": "oct", "kid": coded(bytes.fromhex(KID)), "k": coded(KEY)}
    body = {
        "keys": [plain, entry],
        "policy": {
            "license_duration_s": 60,
            "renewal_after_s": 30,
            "can_renew": True,
            "renewal_url": "https://licences.example/renewal",
            "unheard_of": [],
        },
    }

    def serve(_: LicenseRequest) -> LicenseAnswer:
        return LicenseAnswer(200, json.dumps(body).encode())

    keys = perform(ClearKey(license_url=URL).open(InitData(CLEARKEY, (KID, OTHER))), serve)
    able = ClearKey(license_url=URL, output=Output(Hdcp.V2_2, SecurityLevel.SW_SECURE_DECODE))

    assert keys.kids == {KID}
    assert keys.refused == {OTHER: "needs HDCP V2_2, the output has NONE"}
    with pytest.raises(KeyRefused, match="HDCP"):
        keys.decryptor(OTHER, "cenc")
    assert keys.policy.license_duration_s == 60
    assert keys.policy.renewal_url == "https://licences.example/renewal"
    assert perform(able.open(InitData(CLEARKEY, (KID, OTHER))), serve).kids == {KID, OTHER}


def test_renewal_asks_again_where_the_licence_says_and_keeps_decryptors_working() -> None:
    service = ClearKeyService({KID: KEY}, policy={"renewal_url": "https://licences.example/again"})
    system = ClearKey(license_url=URL, headers=(("X-Token", "t"),))
    keys = perform(system.open(InitData(CLEARKEY, (KID,))), service)
    decryptor = keys.decryptor(KID, "cenc")
    one = sample(KID, KEY)
    service.members = {"policy": {"license_duration_s": 9, "renewal_url": "https://else.example/"}}

    assert perform(system.renew(keys), service) is keys
    perform(system.renew(keys), service)

    assert keys.policy.license_duration_s == 9
    assert decryptor.decrypt(one.data, one.iv) == one.clear
    assert [one.purpose for one in service.asked] == ["license", "renewal", "renewal"]
    assert [one.url for one in service.asked][1:] == [
        "https://licences.example/again",
        "https://else.example/",
    ]
    assert [("X-Token", "t") in one.headers for one in service.asked] == [True, True, False]


def test_a_key_that_a_renewal_leaves_out_decrypts_no_more() -> None:
    keys = HeldKeys("test", None, output=Output())
    keys.load([(KID, Secret(KEY)), (OTHER, Secret(OTHER_KEY))], Policy(), None)
    stays, goes = keys.decryptor(KID, "cenc"), keys.decryptor(OTHER, "cenc")
    one = sample(KID, KEY)

    keys.load([(KID, Secret(KEY))], Policy(), None)

    assert stays.decrypt(one.data, one.iv) == one.clear
    with pytest.raises(KeyMissing):
        goes.decrypt(one.data, one.iv)


def test_the_end_of_a_licence_is_held_to_until_it_is_renewed() -> None:
    now = [100.0]
    keys = HeldKeys("test", None, output=Output(), clock=lambda: now[0])
    keys.load([(KID, Secret(KEY))], Policy(license_duration_s=10), None)
    keys.decryptor(KID, "cenc")
    now[0] = 110.0

    with pytest.raises(LicenseExpired):
        keys.decryptor(KID, "cenc")
    keys.extend(Policy(license_duration_s=10))

    keys.decryptor(KID, "cenc")
    assert keys.loaded_s == 10.0


@pytest.mark.parametrize(
    ("status", "body", "kind", "said", "reason"),
    [
        (403, b'{"error":"device_revoked","message":"this device was revoked"}', LicenseDenied,
         "this device was revoked: device_revoked", "revoked"),
        (403, b'{"error":{"code":"not_entitled","message":"no"}}', LicenseDenied,
         "no: not_entitled", "entitlement"),
        (400, b'{"error":"device_unknown"}', LicenseDenied, "device_unknown", "device"),
        (401, b"log in\nand again", LicenseDenied, "log in", ""),
        (404, b"", KeySystemError, "", ""),
        (500, b"<html>", KeySystemError, "", ""),
        (500, b"\xff\xfe\x00", KeySystemError, "", ""),
        (500, b"{", KeySystemError, "{", ""),
    ],
)  # fmt: skip
def test_what_the_server_said_is_told(
    status: int, body: bytes, kind: type[KeySystemError], said: str, reason: str
) -> None:
    system = ClearKey(license_url=URL)

    with pytest.raises(KeySystemError) as caught:
        perform(system.open(InitData(CLEARKEY, (KID,))), lambda _: LicenseAnswer(status, body))

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.said) == (status, said)
    assert getattr(caught.value, "reason", "") == reason
    assert str(status) in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ((("retry-after", "7"),), 7.0),
        ((("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"),), None),
        ((), None),
    ],
)
def test_a_server_in_trouble_may_be_asked_later(
    headers: tuple[tuple[str, str], ...], wait_s: float | None
) -> None:
    answer = LicenseAnswer(503, b"", headers)

    with pytest.raises(KeySystemError) as caught:
        perform(ClearKey(license_url=URL).open(InitData(CLEARKEY, (KID,))), lambda _: answer)

    assert caught.value.retriable
    assert caught.value.retry_after_s == wait_s


def test_what_the_server_said_is_one_short_line_without_tokens() -> None:
    said = f"key {KEY.hex()} and {coded(KEY)} not\tgiven " + "x " * 300

    with pytest.raises(LicenseDenied) as caught:
        perform(
            ClearKey(license_url=URL).open(InitData(CLEARKEY, (KID,))),
            lambda _: LicenseAnswer(403, said.encode()),
        )

    assert caught.value.said.startswith("key … and … not given x x")
    assert len(caught.value.said) == 160


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"[]", "list of keys"),
        (b'{"keys":{}}', "list of keys"),
        (b'{"keys":[1]}', "oct"),
        (b'{"keys":[{"kty":"RSA"}]}', "oct"),
        (b'{"keys":[{"kty":"oct","kid":1}]}', "no text"),
        (b'{"keys":[{"kty":"oct","kid":"AA","k":"AA"}]}', "sixteen bytes"),
        (b'{"keys":[],"policy":1}', "no object"),
        (b'{"keys":[],"policy":{"license_duration_s":-1}}', "license_duration_s"),
        (b'{"keys":[],"policy":{"license_duration_s":true}}', "license_duration_s"),
        (b'{"keys":[],"policy":{"can_renew":1}}', "can_renew"),
        (b'{"keys":[],"policy":{"renewal_url":1}}', "renewal_url"),
        (b'{"keys":' + b"[" * 100_000, "not JSON"),
        (b'{"keys":[' + b"0," * 5_000 + b"0]}", "5001 keys"),
        (b" " * 300_000, "300000 bytes"),
    ],
)
def test_an_answer_that_is_no_licence_is_told_as_such(body: bytes, why: str) -> None:
    with pytest.raises(KeySystemError, match=why):
        perform(
            ClearKey(license_url=URL).open(InitData(CLEARKEY, (KID,))),
            lambda _: LicenseAnswer(200, body),
        )


@pytest.mark.parametrize("rule", [1, {"hdcp": "2"}, {"no_analog": 1}, {"label": 3}])
def test_a_rule_that_is_none_makes_no_licence(rule: object) -> None:
    entry = {"kty": "oct", "kid": coded(bytes.fromhex(KID)), "k": coded(KEY), "rule": rule}
    body = json.dumps({"keys": [entry]}).encode()

    with pytest.raises(KeySystemError, match="rule"):
        perform(
            ClearKey(license_url=URL).open(InitData(CLEARKEY, (KID,))),
            lambda _: LicenseAnswer(200, body),
        )


def test_a_licence_that_forbids_playback_is_a_refusal() -> None:
    service = ClearKeyService({KID: KEY}, policy={"can_play": False})

    with pytest.raises(LicenseDenied, match="playback"):
        perform(ClearKey(license_url=URL).open(InitData(CLEARKEY, (KID,))), service)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("keys", "kty", "kid", "k", "policy", "rule", "hdcp", "can_play")),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.binary(max_size=500) | json_values.map(lambda value: json.dumps(value).encode()))
@example(b'{"keys":[{"kty":"oct","kid":"' + b"A" * 22 + b'","k":"' + b"\\ud800" * 4 + b'"}]}')
@example(b'{"keys":[{"kty":"oct","kid":"' + b"A" * 22 + b'","k":"' + b"A" * 22 + b'"}]}')
@example(b'{"keys":' + b"1" * 5000 + b"}")
def test_an_arbitrary_answer_gives_keys_or_an_error(body: bytes) -> None:
    system = ClearKey(license_url=URL)
    for status in (200, 403, 500):
        answer = LicenseAnswer(status, body)
        exchange = system.open(InitData(CLEARKEY, (KID,)))
        next(exchange)
        try:
            exchange.send((answer,))
        except StopIteration as done:
            keys: Keys = done.value
            assert keys.kids
        except DrmError:
            pass


def test_an_hls_key_is_fetched_from_its_uri() -> None:
    asked: list[LicenseRequest] = []

    def serve(request: LicenseRequest) -> LicenseAnswer:
        asked.append(request)
        return LicenseAnswer(200, KEY)

    system = IdentityKey(origin="https://keys.example", headers=(("X-Token", "t"),))
    keys = perform(system.open(InitData(IDENTITY, key_uri=KEY_URL)), serve)
    perform(system.open(InitData(IDENTITY, key_uri="https://other.example/k")), serve)
    perform(system.renew(keys), serve)

    assert keys.kids == {uri_kid(KEY_URL)}
    assert [(one.url, one.method, one.purpose, one.headers) for one in asked] == [
        (KEY_URL, "GET", "key", (("X-Token", "t"),)),
        ("https://other.example/k", "GET", "key", ()),
        (KEY_URL, "GET", "key", (("X-Token", "t"),)),
    ]
    one = sample("", KEY)
    assert keys.decryptor(uri_kid(KEY_URL), "cenc").decrypt(one.data, one.iv) == one.clear


def test_an_hls_key_in_its_uri_is_asked_nowhere() -> None:
    uri = "data:;base64," + base64.b64encode(KEY).decode()

    keys = perform(IdentityKey().open(InitData(IDENTITY, (KID,), key_uri=uri)), nobody)

    assert keys.kids == {KID}


@pytest.mark.parametrize("uri", ["", "data:,short", "data:;base64,***", "data:," + "x" * 200])
def test_an_hls_uri_without_a_key_is_told_as_such(uri: str) -> None:
    with pytest.raises(InitDataError, match="HLS key"):
        perform(IdentityKey().open(InitData(IDENTITY, key_uri=uri)), nobody)


@pytest.mark.parametrize("body", [b"", bytes(15), bytes(17), bytes(32)])
def test_an_hls_key_is_sixteen_bytes(body: bytes) -> None:
    with pytest.raises(KeySystemError, match=f"{len(body)} bytes"):
        perform(
            IdentityKey().open(InitData(IDENTITY, key_uri=KEY_URL)),
            lambda _: LicenseAnswer(200, body),
        )


def test_a_driver_that_sends_too_many_answers_is_told() -> None:
    exchange = ClearKey(license_url=URL).open(InitData(CLEARKEY, (KID,)))
    next(exchange)

    with pytest.raises(ValueError, match="2 answers"):
        exchange.send((LicenseAnswer(200), LicenseAnswer(200)))
