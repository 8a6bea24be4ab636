"""Who gets no Widevine licence: strangers, the revoked, and those who repeat themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pywidevine.exceptions import SignatureMismatch
from pywidevine.license_protocol_pb2 import (
    ClientIdentification,
    DrmCertificate,
    LicenseRequest,
    SignedDrmCertificate,
    SignedMessage,
)

from netplay.edge.license import cipher
from netplay.edge.license.attest import Attestation, Attested
from netplay.edge.license.authority import Authority, SyntheticDevice
from netplay.edge.license.clearkey import ClearKeyDesk
from netplay.edge.license.desk import Inquiry
from netplay.edge.license.grants import Denied
from netplay.edge.license.policy import (
    Entitlement,
    ProtectedTitle,
    ServicePolicy,
    licensed_keys,
)

from .clients import (
    LAPTOP,
    TOKEN,
    Counter,
    WidevineClient,
    kids_of,
    refused,
    tampered,
    widevine_pssh,
)


def test_in_privacy_mode_nobody_on_the_way_learns_who_asks(
    counter: Counter, client: WidevineClient, laptop: SyntheticDevice, authority: Authority
) -> None:
    counter.policy = replace(counter.policy, privacy_required=True)
    (kid, *_) = kids_of(counter.policy)
    answer = counter.reply(client.cdm.service_certificate_challenge).body

    provider = client.cdm.set_service_certificate(client.session, answer)
    challenge = client.challenge(widevine_pssh([kid]))
    reply = counter.reply(challenge)

    request = LicenseRequest.FromString(SignedMessage.FromString(challenge).msg)
    assert provider == "license.netplay.test"
    assert not request.HasField("client_id")
    assert bytes.fromhex(laptop.serial) not in challenge
    assert list(client.keys(reply.body)) == [kid]
    assert reply.device == laptop.serial
    # The same certificate, configured and not asked for.
    assert client.cdm.set_service_certificate(client.session, authority.identity.certificate)


def test_a_service_may_insist_on_privacy(counter: Counter, client: WidevineClient) -> None:
    counter.policy = replace(counter.policy, privacy_required=True)

    with refused("privacy_required"):
        counter.reply(client.challenge(widevine_pssh(kids_of(counter.policy))))


def test_a_client_of_another_root_refuses_our_certificate(
    counter: Counter, laptop: SyntheticDevice, stranger: Authority
) -> None:
    client = WidevineClient(laptop, stranger.identity.root)
    certificate = counter.reply(client.cdm.service_certificate_challenge).body

    with pytest.raises(SignatureMismatch):
        client.cdm.set_service_certificate(client.session, certificate)


def test_a_client_identification_for_another_service_is_not_opened(
    counter: Counter, laptop: SyntheticDevice, stranger: Authority
) -> None:
    client = WidevineClient(laptop, stranger.identity.root)
    client.cdm.set_service_certificate(client.session, stranger.identity.certificate)

    with refused("wrong_service", 400):
        counter.reply(client.challenge(widevine_pssh(kids_of(counter.policy))))


def test_a_challenge_changed_on_its_way_is_refused(
    counter: Counter, client: WidevineClient
) -> None:
    challenge = client.challenge(widevine_pssh(kids_of(counter.policy)))

    with refused("bad_signature"):
        counter.reply(tampered(challenge, key_control_nonce=7))
    assert counter.reply(challenge).kids


def test_a_challenge_signed_by_another_device_is_refused(
    counter: Counter, client: WidevineClient, authority: Authority, television: SyntheticDevice
) -> None:
    strong = WidevineClient(television, authority.identity.root)
    mine = SignedMessage.FromString(client.challenge(widevine_pssh(kids_of(counter.policy))))
    theirs = SignedMessage.FromString(strong.challenge(widevine_pssh(kids_of(counter.policy))))
    mine.signature = theirs.signature

    with refused("bad_signature"):
        counter.reply(mine.SerializeToString())


def test_a_device_of_another_root_is_unknown(
    counter: Counter, stranger: Authority, strangers_laptop: SyntheticDevice
) -> None:
    client = WidevineClient(strangers_laptop, stranger.identity.root)

    with refused("device_unknown"):
        counter.reply(client.challenge(widevine_pssh(kids_of(counter.policy))))


def test_a_device_that_vouches_for_itself_is_unknown(
    counter: Counter, client: WidevineClient
) -> None:
    message = SignedMessage.FromString(client.challenge(widevine_pssh(kids_of(counter.policy))))
    request = LicenseRequest.FromString(message.msg)
    token = SignedDrmCertificate.FromString(request.client_id.token)
    token.signer.CopyFrom(SignedDrmCertificate(drm_certificate=token.drm_certificate))
    request.client_id.token = token.SerializeToString()
    message.msg = request.SerializeToString()

    with refused("device_unknown"):
        counter.reply(message.SerializeToString())


def test_a_model_certificate_cannot_pass_for_a_device(
    counter: Counter, client: WidevineClient
) -> None:
    message = SignedMessage.FromString(client.challenge(widevine_pssh(kids_of(counter.policy))))
    request = LicenseRequest.FromString(message.msg)
    model = SignedDrmCertificate.FromString(request.client_id.token).signer.SerializeToString()
    twice = SignedDrmCertificate.FromString(model)
    twice.signer.ParseFromString(model)
    request.client_id.token = twice.SerializeToString()
    message.msg = request.SerializeToString()

    with refused("device_unknown"):
        counter.reply(message.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "leads_to", "answers_to"),
    [
        # A service's certificate, which the root has signed too, is no factory.
        (DrmCertificate.SERVICE, 4711, 4711),
        # A model makes no devices of another, better one.
        (DrmCertificate.DEVICE_MODEL, 4711, 4712),
    ],
)
def test_who_is_no_model_of_a_device_cannot_make_one(
    authority: Authority,
    policy: ServicePolicy,
    kind: DrmCertificate.Type,
    leads_to: int,
    answers_to: int,
) -> None:
    key = cipher.rsa_key()
    public = cipher.public_der(key)
    maker = DrmCertificate(type=kind, system_id=leads_to, public_key=public)
    device = DrmCertificate(type=DrmCertificate.DEVICE, system_id=answers_to, public_key=public)
    right = DrmCertificate(type=DrmCertificate.DEVICE, system_id=leads_to, public_key=public)
    model = DrmCertificate(type=DrmCertificate.DEVICE_MODEL, system_id=leads_to, public_key=public)

    def attested(made_by: DrmCertificate, made: DrmCertificate) -> Attested:
        signer = authority._signed(made_by, authority._root)
        token = authority._signed(made, key, signer=signer).SerializeToString()
        client = ClientIdentification(type=ClientIdentification.DRM_DEVICE_CERTIFICATE, token=token)
        return Attestation(authority.identity).attested(client, policy, now_s=0)

    assert attested(model, right).model.system_id == leads_to
    with refused("device_unknown"):
        attested(maker, device)


@pytest.mark.parametrize("token", [b"", b"\x08", b"\x0a\x02\x08\x02", bytes(100)])
def test_a_device_without_a_certificate_is_unknown(
    counter: Counter, client: WidevineClient, token: bytes
) -> None:
    challenge = client.challenge(widevine_pssh(kids_of(counter.policy)))
    message = SignedMessage.FromString(challenge)
    request = LicenseRequest.FromString(message.msg)
    request.client_id.token = token
    message.msg = request.SerializeToString()
    keybox = LicenseRequest.FromString(message.msg)
    keybox.client_id.type = ClientIdentification.KEYBOX

    with refused("device_unknown"):
        counter.reply(message.SerializeToString())
    message.msg = keybox.SerializeToString()
    with refused("device_unknown"):
        counter.reply(message.SerializeToString())


def test_a_model_that_the_service_does_not_know_is_unknown(
    counter: Counter, authority: Authority, toaster: SyntheticDevice
) -> None:
    client = WidevineClient(toaster, authority.identity.root)

    with refused("device_unknown"):
        counter.reply(client.challenge(widevine_pssh(kids_of(counter.policy))))


def test_a_revoked_device_gets_nothing_and_its_sisters_do(
    counter: Counter,
    authority: Authority,
    client: WidevineClient,
    sister: SyntheticDevice,
    laptop: SyntheticDevice,
) -> None:
    other = WidevineClient(sister, authority.identity.root)
    kids = kids_of(counter.policy)
    counter.policy = replace(counter.policy, revoked_serials=frozenset({laptop.serial}))

    with refused("device_revoked"):
        counter.reply(client.challenge(widevine_pssh(kids)))
    assert counter.reply(other.challenge(widevine_pssh(kids))).kids

    counter.policy = replace(counter.policy, revoked_models=frozenset({LAPTOP.system_id}))
    with refused("device_revoked"):
        counter.reply(other.challenge(widevine_pssh(kids)))


def test_a_device_whose_certificate_has_expired_gets_nothing(
    counter: Counter, authority: Authority, expired: SyntheticDevice
) -> None:
    client = WidevineClient(expired, authority.identity.root)

    with refused("device_expired"):
        counter.reply(client.challenge(widevine_pssh(kids_of(counter.policy))))


def test_a_request_is_answered_once(counter: Counter, client: WidevineClient) -> None:
    challenge = client.challenge(widevine_pssh(kids_of(counter.policy)))
    counter.reply(challenge)

    with refused("replayed"):
        counter.reply(challenge)
    with refused("replayed"):
        counter.reply(challenge, later_s=counter.policy.challenge_age_s - 2)


def test_a_denied_request_may_come_again(counter: Counter, client: WidevineClient) -> None:
    challenge = client.challenge(widevine_pssh(kids_of(counter.policy)))

    with refused("token_unknown", 401):
        counter.reply(challenge, token="")
    assert counter.reply(challenge).kids


@pytest.mark.parametrize("later_s", [700, -700])
def test_a_request_of_another_time_is_refused(
    counter: Counter, client: WidevineClient, later_s: float
) -> None:
    challenge = client.challenge(widevine_pssh(kids_of(counter.policy)))

    with refused("stale"):
        counter.reply(challenge, later_s=later_s)


def test_a_challenge_that_is_too_old_to_come_again_is_forgotten(
    counter: Counter, client: WidevineClient
) -> None:
    challenge = client.challenge(widevine_pssh(kids_of(counter.policy)))
    counter.reply(challenge)

    with refused("stale"):
        counter.reply(challenge, later_s=counter.policy.challenge_age_s + 2)
    assert not counter.desk._answered


def test_secrets_of_the_tree_are_not_shown(authority: Authority, laptop: SyntheticDevice) -> None:
    shown = repr(authority.identity) + repr(laptop)

    assert repr(authority.identity.private_key)[2:40] not in shown
    assert repr(laptop.wvd)[2:40] not in shown
    assert laptop.serial in shown


def test_a_client_identification_that_cannot_be_opened_is_refused(
    counter: Counter, client: WidevineClient, authority: Authority
) -> None:
    client.cdm.set_service_certificate(client.session, authority.identity.certificate)
    message = SignedMessage.FromString(client.challenge(widevine_pssh(kids_of(counter.policy))))
    request = LicenseRequest.FromString(message.msg)
    request.encrypted_client_id.encrypted_privacy_key = bytes(256)
    message.msg = request.SerializeToString()

    with refused("malformed", 400):
        counter.reply(message.SerializeToString())


@given(body=st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_and_nothing_worse(
    challenged: tuple[Counter, bytes], body: bytes
) -> None:
    desk = challenged[0].desk
    inquiry = Inquiry(body=body, token="", policy=ServicePolicy(), now_s=0)

    if desk.purpose(body) != "certificate":
        with pytest.raises(Denied):
            desk.reply(inquiry)
    with pytest.raises(Denied):
        ClearKeyDesk().reply(inquiry)


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_challenge_with_any_byte_changed_is_refused(
    challenged: tuple[Counter, bytes], place: int, flip: int
) -> None:
    counter, challenge = challenged
    changed = bytearray(challenge)
    changed[place % len(changed)] ^= flip

    with pytest.raises(Denied):
        counter.reply(bytes(changed))


@pytest.fixture(scope="module")
def challenged(authority: Authority, laptop: SyntheticDevice) -> tuple[Counter, bytes]:
    """Return a service and a challenge that it would answer."""
    (key,) = licensed_keys("SD")
    policy = ServicePolicy(
        titles=(ProtectedTitle(name="film", keys=(key,)),),
        entitlements=(Entitlement(token=TOKEN, titles=frozenset({"film"})),),
        models=(LAPTOP,),
    )
    client = WidevineClient(laptop, authority.identity.root)
    return Counter(authority, policy), client.challenge(widevine_pssh([key.kid]))
