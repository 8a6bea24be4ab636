"""Widevine's licence protocol, the server's half.

A challenge is a LicenseRequest signed by the device's certificate. Its licence's keys are
derived from a new session key and the challenge itself, so a licence fits one challenge of
one device and no other. A renewal is signed with keys that came inside the licence, so only
its holder can ask for one; it brings new times, and no content keys.

Source: the messages of the licence protocol as pywidevine publishes them
(license_protocol.proto), and what its Cdm accepts.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace

from google.protobuf.message import DecodeError
from pywidevine.license_protocol_pb2 import (
    OFFLINE,
    STREAMING,
    License,
    LicenseIdentification,
    LicenseRequest,
    SignedMessage,
    WidevinePsshData,
)

from netplay.edge.license import cipher
from netplay.edge.license.attest import Attestation, Attested, refuse_revoked
from netplay.edge.license.authority import ServiceIdentity
from netplay.edge.license.desk import Inquiry, Reply
from netplay.edge.license.faults import Purpose
from netplay.edge.license.grants import Denied, Grant, Wish
from netplay.edge.license.policy import LicensedKey

__all__ = ["WidevineDesk", "forged"]

MEDIA_TYPE = "application/octet-stream"
MOST_LICENSES = 10_000
Container = License.KeyContainer


@dataclass(frozen=True, slots=True)
class _Issued:
    """A licence that may be renewed.

    Attributes:
        server: Signs its renewals.
        client: Signs requests for them.
        version: That of the last renewal; a licence's own is 0.
    """

    server: bytes = field(repr=False)
    client: bytes = field(repr=False)
    id: LicenseIdentification
    device: Attested
    title: str
    wish: Wish
    version: int = 0


class WidevineDesk:
    """Answers challenges, renewals and requests for the service certificate.

    Remembers the last ten thousand licences, and of each challenge that was answered well
    that it was, for as long as it could be sent again.
    """

    system = "widevine"

    def __init__(self, identity: ServiceIdentity) -> None:
        self._certificate = identity.certificate
        self._attestation = Attestation(identity)
        self._issued: OrderedDict[bytes, _Issued] = OrderedDict()
        self._answered: OrderedDict[bytes, float] = OrderedDict()

    def purpose(self, body: bytes) -> Purpose:
        """Return what a request wants, from a glance at it; never raises."""
        try:
            message = SignedMessage.FromString(body)
            if message.type == SignedMessage.SERVICE_CERTIFICATE_REQUEST:
                return "certificate"
            asked = LicenseRequest.FromString(message.msg)
        except DecodeError:
            return "license"
        return "renewal" if asked.type == LicenseRequest.RENEWAL else "license"

    def reply(self, inquiry: Inquiry) -> Reply:
        """Return the answer to a request.

        Raises:
            Denied: It gets none.
        """
        try:
            message = SignedMessage.FromString(inquiry.body)
            if message.type == SignedMessage.SERVICE_CERTIFICATE_REQUEST:
                return self._certified()
            asked = LicenseRequest.FromString(message.msg)
        except DecodeError as error:
            raise Denied("malformed", "not a Widevine message", status=400) from error
        stated = message.HasField("type") and asked.HasField("type")
        if not stated or message.type != SignedMessage.LICENSE_REQUEST:
            raise Denied("malformed", "not a licence request", status=400)
        match asked.type:
            case LicenseRequest.NEW:
                reply = self._licensed(message, asked, inquiry)
            case LicenseRequest.RENEWAL:
                reply = self._renewed(message, asked, inquiry)
            case _:
                raise Denied("malformed", "neither a new licence nor a renewal", status=400)
        if inquiry.fault in (None, "slow"):
            self._answered[message.signature] = inquiry.now_s
        return reply

    def _certified(self) -> Reply:
        message = SignedMessage(type=SignedMessage.SERVICE_CERTIFICATE, msg=self._certificate)
        return Reply(body=message.SerializeToString(), media_type=MEDIA_TYPE)

    def _licensed(self, message: SignedMessage, asked: LicenseRequest, inquiry: Inquiry) -> Reply:
        """Return a new licence."""
        device = self._device(message, asked, inquiry)
        self._refuse_replays(message, asked, inquiry)
        refuse_revoked(inquiry.policy, device)
        wish, request_id = _wish(asked)
        wish = replace(wish, token=inquiry.token, level=device.model.level)
        grant = inquiry.granted(wish)
        session_key = secrets.token_bytes(16)
        keys = cipher.derived(session_key, message.msg)
        server, client = secrets.token_bytes(32), secrets.token_bytes(32)
        identity = LicenseIdentification(
            request_id=request_id,
            session_id=secrets.token_bytes(16),
            type=OFFLINE if grant.persistent else STREAMING,
            version=0,
        )
        license_ = License(
            id=identity,
            policy=_policy(grant, inquiry.renewal_url),
            license_start_time=asked.request_time or int(inquiry.now_s),
            key=[_signing(server + client, keys), *(_content(key, keys) for key in grant.keys)],
        ).SerializeToString()
        if grant.terms.can_renew:
            self._remember(_Issued(server, client, identity, device, grant.title, wish))
        answer = SignedMessage(
            type=SignedMessage.LICENSE,
            msg=license_,
            signature=cipher.mac(license_, keys.server),
            session_key=cipher.wrapped(session_key, device.public_key),
        )
        return _reply(answer, grant, device, tuple(key.kid for key in grant.keys))

    def _renewed(self, message: SignedMessage, asked: LicenseRequest, inquiry: Inquiry) -> Reply:
        """Return new times for a licence that was given before."""
        claimed = asked.content_id.existing_license.license_id
        issued = self._issued.get(claimed.session_id)
        if issued is None or not cipher.is_mac(message.msg, message.signature, issued.client):
            raise Denied("bad_signature", "not from the holder of a licence given here")
        self._refuse_others(asked, inquiry, issued)
        self._refuse_replays(message, asked, inquiry)
        # An answer may be lost on its way, so the version before the last is renewed again.
        if not issued.version - 1 <= claimed.version <= issued.version:
            raise Denied("replayed", "the renewal of a licence that was renewed since")
        refuse_revoked(inquiry.policy, issued.device)
        grant = inquiry.granted(replace(issued.wish, token=inquiry.token))
        if not grant.terms.can_renew:
            raise Denied("not_renewable", f"licences for {grant.title} are no longer renewed")
        identity = LicenseIdentification()
        identity.CopyFrom(issued.id)
        identity.version = claimed.version + 1
        license_ = License(
            id=identity,
            policy=_policy(grant, inquiry.renewal_url),
            license_start_time=asked.request_time or int(inquiry.now_s),
        ).SerializeToString()
        self._remember(replace(issued, version=identity.version))
        answer = SignedMessage(
            type=SignedMessage.LICENSE,
            msg=license_,
            signature=cipher.mac(license_, issued.server),
        )
        return _reply(answer, grant, issued.device, ())

    def _device(self, message: SignedMessage, asked: LicenseRequest, inquiry: Inquiry) -> Attested:
        """Return the device that signed a challenge."""
        device = self._named(asked, inquiry)
        if not cipher.is_signed(message.msg, message.signature, device.public_key):
            raise Denied("bad_signature", "the challenge is not as its device signed it")
        return device

    def _named(self, asked: LicenseRequest, inquiry: Inquiry) -> Attested:
        """Return the device that a request says it is from."""
        client = asked.client_id
        if asked.HasField("encrypted_client_id"):
            client = self._attestation.opened(asked.encrypted_client_id)
        elif inquiry.policy.privacy_required:
            raise Denied("privacy_required", "the client identification must be encrypted")
        return self._attestation.attested(client, inquiry.policy, now_s=inquiry.now_s)

    def _refuse_others(self, asked: LicenseRequest, inquiry: Inquiry, issued: _Issued) -> None:
        """Let a renewal through if it names no device and need not, or the right one."""
        names = asked.HasField("client_id") or asked.HasField("encrypted_client_id")
        title = inquiry.policy.title(issued.title)
        if not names and title is not None and title.terms.renewal_names_client:
            raise Denied("device_unknown", "renewals of this licence must say who asks")
        if names and self._named(asked, inquiry).serial != issued.device.serial:
            raise Denied("device_unknown", "the licence was given to another device")

    def _refuse_replays(
        self, message: SignedMessage, asked: LicenseRequest, inquiry: Inquiry
    ) -> None:
        """Let only requests through that are new, and were never answered.

        Raises:
            Denied: This one is not.
        """
        oldest_s = inquiry.now_s - inquiry.policy.challenge_age_s
        while self._answered and next(iter(self._answered.values())) < oldest_s - 1:
            self._answered.popitem(last=False)
        if asked.request_time and abs(asked.request_time - inquiry.now_s) > (
            inquiry.policy.challenge_age_s
        ):
            raise Denied("stale", "made too long ago, or by a clock that is wrong")
        if message.signature in self._answered:
            raise Denied("replayed", "this request has been answered before")

    def _remember(self, issued: _Issued) -> None:
        self._issued[issued.id.session_id] = issued
        self._issued.move_to_end(issued.id.session_id)
        if len(self._issued) > MOST_LICENSES:
            self._issued.popitem(last=False)


def forged(body: bytes) -> bytes:
    """Return a licence changed after it was signed: it lasts another second."""
    message = SignedMessage.FromString(body)
    license_ = License.FromString(message.msg)
    license_.policy.license_duration_seconds += 1
    message.msg = license_.SerializeToString()
    return message.SerializeToString()


def _wish(asked: LicenseRequest) -> tuple[Wish, bytes]:
    """Return what a challenge asks for, and its request id.

    Raises:
        Denied: That cannot be read.
    """
    if asked.content_id.WhichOneof("content_id_variant") != "widevine_pssh_data":
        raise Denied("malformed", "only Widevine init data is understood", status=400)
    content = asked.content_id.widevine_pssh_data
    try:
        headers = [WidevinePsshData.FromString(each) for each in content.pssh_data]
    except DecodeError as error:
        raise Denied("malformed", "init data that is none of Widevine's", status=400) from error
    kids = tuple(dict.fromkeys(kid.hex() for header in headers for kid in header.key_ids))
    named = next((header for header in headers if header.content_id), None)
    wish = Wish(kids=kids, persistent=content.license_type == OFFLINE)
    if named is not None:
        title = named.content_id.decode("utf-8", "replace")
        period = named.crypto_period_index if named.HasField("crypto_period_index") else None
        wish = replace(wish, title=title, period=period)
    return wish, content.request_id


def _policy(grant: Grant, renewal_url: str) -> License.Policy:
    terms = grant.terms
    policy = License.Policy(
        can_play=True,
        can_persist=grant.persistent,
        license_duration_seconds=grant.duration_s,
        playback_duration_seconds=terms.playback_duration_s,
        rental_duration_seconds=terms.rental_duration_s,
    )
    if terms.can_renew:
        policy.can_renew = True
        policy.renewal_delay_seconds = terms.renewal_delay_s
        policy.renewal_retry_interval_seconds = terms.renewal_retry_s
        policy.renewal_recovery_duration_seconds = terms.renewal_recovery_s
        policy.renewal_server_url = terms.renewal_url or renewal_url
        policy.renew_with_usage = terms.renew_with_usage
        policy.always_include_client_id = terms.renewal_names_client
    return policy


def _signing(macs: bytes, keys: cipher.LicenseKeys) -> Container:
    """Return the container with the keys of renewals."""
    iv = secrets.token_bytes(16)
    return Container(
        type=Container.SIGNING,
        iv=iv,
        key=cipher.cbc_encrypted(macs, keys.encryption, iv),
    )


def _content(key: LicensedKey, keys: cipher.LicenseKeys) -> Container:
    """Return a content key with the rules of the rungs that it opens."""
    iv = secrets.token_bytes(16)
    return Container(
        type=Container.CONTENT,
        id=bytes.fromhex(key.kid),
        iv=iv,
        key=cipher.cbc_encrypted(key.key, keys.encryption, iv),
        level=key.level.name,
        required_protection=Container.OutputProtection(hdcp=f"HDCP_{key.hdcp.name}"),
        track_label=key.label or None,
    )


def _reply(answer: SignedMessage, grant: Grant, device: Attested, kids: tuple[str, ...]) -> Reply:
    return Reply(
        body=answer.SerializeToString(),
        media_type=MEDIA_TYPE,
        title=grant.title,
        kids=kids,
        left_out=grant.left_out,
        device=device.serial,
        persistent=grant.persistent,
    )
