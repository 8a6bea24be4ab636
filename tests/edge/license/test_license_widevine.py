"""Widevine's protocol with pywidevine as the client: what a licence holds."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from pywidevine.exceptions import InvalidContext, SignatureMismatch
from pywidevine.license_protocol_pb2 import (
    License,
    LicenseRequest,
    SignedMessage,
)

from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.policy import (
    DAY_S,
    Entitlement,
    ProtectedTitle,
    Terms,
    licensed_keys,
)
from netplay.edge.license.widevine import forged

from .clients import (
    TOKEN,
    Counter,
    WidevineClient,
    kids_of,
    license_of,
    refused,
    widevine_pssh,
)


def test_pywidevine_gets_the_keys_it_asked_for(counter: Counter, client: WidevineClient) -> None:
    audio, hd, _ = counter.policy.titles[0].keys

    reply = counter.reply(client.challenge(widevine_pssh([audio.kid, hd.kid])))

    assert client.keys(reply.body) == {audio.kid: audio.key, hd.kid: hd.key}
    assert (reply.title, reply.kids) == ("film", (audio.kid, hd.kid))


def test_a_licence_states_the_rules_of_each_key_and_its_policy(
    counter: Counter, client: WidevineClient
) -> None:
    film, series = counter.policy.titles
    terms = Terms(license_duration_s=60, playback_duration_s=50, rental_duration_s=40)
    counter.policy = replace(counter.policy, titles=(replace(film, terms=terms), series))
    challenge = client.challenge(widevine_pssh(kids_of(counter.policy)))

    said = license_of(counter.reply(challenge).body)

    container = License.KeyContainer
    signing, audio, hd = said.key
    assert signing.type == container.SIGNING
    assert (audio.track_label, hd.track_label) == ("AUDIO", "HD")
    assert audio.level == container.SW_SECURE_CRYPTO
    assert audio.required_protection.hdcp == container.OutputProtection.HDCP_NONE
    assert hd.required_protection.hdcp == container.OutputProtection.HDCP_V1
    assert len(hd.key) == 32
    assert said.policy.can_play
    assert not said.policy.can_persist
    assert not said.policy.can_renew
    assert said.policy.license_duration_seconds == 60
    assert said.policy.playback_duration_seconds == 50
    assert said.policy.rental_duration_seconds == 40
    request = LicenseRequest.FromString(SignedMessage.FromString(challenge).msg)
    assert said.license_start_time == request.request_time
    assert said.id.request_id == request.content_id.widevine_pssh_data.request_id


def test_a_television_gets_what_a_laptop_does_not(
    counter: Counter, authority: Authority, television: SyntheticDevice, client: WidevineClient
) -> None:
    kids = kids_of(counter.policy)
    strong = WidevineClient(television, authority.identity.root)

    to_laptop = counter.reply(client.challenge(widevine_pssh(kids)))
    to_television = counter.reply(strong.challenge(widevine_pssh(kids)))

    assert set(client.keys(to_laptop.body)) == set(kids[:2])
    assert dict(to_laptop.left_out) == {
        kids[2]: "needs HW_SECURE_ALL, the device has SW_SECURE_DECODE"
    }
    assert set(strong.keys(to_television.body)) == set(kids)
    uhd = license_of(to_television.body).key[-1]
    assert uhd.level == License.KeyContainer.HW_SECURE_ALL
    assert uhd.required_protection.hdcp == License.KeyContainer.OutputProtection.HDCP_V2_2
    assert to_television.device == television.serial


def test_the_wrong_title_and_an_ended_entitlement_are_told_apart(
    counter: Counter, client: WidevineClient
) -> None:
    film, series = counter.policy.titles
    ended = Entitlement(token="old", titles=frozenset({"film"}), until_s=time.time() - 1)
    counter.policy = replace(counter.policy, entitlements=(*counter.policy.entitlements, ended))

    with refused("not_entitled"):
        counter.reply(client.challenge(widevine_pssh([series.keys[0].kid])))
    with refused("entitlement_expired"):
        counter.reply(client.challenge(widevine_pssh([film.keys[0].kid])), token="old")


@pytest.mark.parametrize("days", [7, 30])
def test_an_offline_licence_may_be_stored_for_days(
    counter: Counter, client: WidevineClient, days: int
) -> None:
    film, series = counter.policy.titles
    offline = replace(film, terms=Terms(offline_days=days))
    counter.policy = replace(counter.policy, titles=(offline, series))
    pssh = widevine_pssh([film.keys[0].kid])

    reply = counter.reply(client.challenge(pssh, license_type="OFFLINE"))

    said = license_of(reply.body)
    assert said.policy.can_persist
    assert said.policy.license_duration_seconds == days * DAY_S
    assert reply.persistent
    assert client.keys(reply.body)
    assert not license_of(counter.reply(client.challenge(pssh)).body).policy.can_persist


def test_an_offline_licence_that_is_not_allowed_is_refused(
    counter: Counter, client: WidevineClient
) -> None:
    with refused("offline_not_allowed"):
        counter.reply(
            client.challenge(widevine_pssh(kids_of(counter.policy)), license_type="OFFLINE")
        )


def test_the_next_crypto_periods_keys_are_asked_for_by_title_and_number(
    counter: Counter, client: WidevineClient
) -> None:
    keys = licensed_keys("SD", "HD", periods=3)
    live = ProtectedTitle(name="live", keys=keys)
    counter.policy = replace(
        counter.policy,
        titles=(live,),
        entitlements=(Entitlement(token=TOKEN, titles=frozenset({"live"})),),
    )

    for period in range(3):
        reply = counter.reply(client.challenge(widevine_pssh(content_id="live", period=period)))

        mine = {key.kid: key.key for key in keys if key.period == period}
        assert client.keys(reply.body) == mine


def test_a_licence_is_of_no_use_to_another_session(
    counter: Counter, client: WidevineClient
) -> None:
    kids = kids_of(counter.policy)
    old = counter.reply(client.challenge(widevine_pssh(kids))).body
    client.keys(old)
    client.challenge(widevine_pssh(kids))

    with pytest.raises(InvalidContext):
        client.keys(old)


def test_a_forged_licence_is_not_accepted(counter: Counter, client: WidevineClient) -> None:
    reply = counter.reply(client.challenge(widevine_pssh(kids_of(counter.policy))))

    with pytest.raises(SignatureMismatch):
        client.keys(forged(reply.body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff" * 20,
        b"\x08\x01",
        SignedMessage(type=SignedMessage.LICENSE, msg=b"").SerializeToString(),
        SignedMessage(
            type=SignedMessage.LICENSE_REQUEST,
            msg=LicenseRequest(type=LicenseRequest.RELEASE).SerializeToString(),
        ).SerializeToString(),
    ],
)
def test_what_is_no_challenge_is_refused_as_such(counter: Counter, body: bytes) -> None:
    assert counter.desk.purpose(body) == "license"
    with refused("malformed", 400):
        counter.reply(body)


def test_init_data_that_cannot_be_read_is_refused(counter: Counter, client: WidevineClient) -> None:
    pssh = widevine_pssh()
    pssh.init_data = b"\xff\xff\xff"

    with refused("malformed", 400):
        counter.reply(client.challenge(pssh))
