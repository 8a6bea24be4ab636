"""A Widevine service in the test's own process, which says in a licence what it is told.

Own root, own device, own licences, signed with pywidevine's messages: so a test can give
any policy, rule or container, and spoil any byte.
"""

from __future__ import annotations

import functools
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pywidevine.cdm import Cdm
from pywidevine.device import Device, DeviceTypes
from pywidevine.license_protocol_pb2 import (
    ClientIdentification,
    DrmCertificate,
    License,
    LicenseRequest,
    SignedDrmCertificate,
    SignedMessage,
)

from drm.contract import LicenseAnswer
from drm.contract import LicenseRequest as Request

__all__ = ["KEY", "KID", "OTHER_KEY", "OTHER_KID", "URL", "WidevineService", "container"]

URL = "https://licences.example/widevine"
KID, OTHER_KID = "00112233445566778899aabbccddeeff", "31323334353637383930313233343536"
"""The second one's bytes are decimal digits, which pywidevine takes for a number."""
KEY, OTHER_KEY = bytes.fromhex("5ec2e7ca11ab1e0fade0fbad5eedf00d"), bytes(range(200, 216))

Container = License.KeyContainer
SHA1 = hashes.SHA1


@functools.cache
def rsa_key(_name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public(key: rsa.RSAPrivateKey) -> bytes:
    form = serialization.PublicFormat.PKCS1
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def certified(kind: int, key: rsa.RSAPrivateKey) -> SignedDrmCertificate:
    """Return a certificate for a key, signed by the root."""
    certificate = DrmCertificate(
        type=kind,  # type: ignore[arg-type]
        serial_number=b"1",
        creation_time_seconds=1,
        public_key=public(key),
        system_id=4711,
        provider_id="example",
    ).SerializeToString()
    pss = rsa_padding.PSS(rsa_padding.MGF1(SHA1()), SHA1.digest_size)
    signature = rsa_key("root").sign(certificate, pss, SHA1())
    return SignedDrmCertificate(drm_certificate=certificate, signature=signature)


def container(kid: str, *, level: int = 1, label: str = "", hdcp: int = 0) -> Container:
    """Return a content key's container, yet without its key."""
    made = Container(type=Container.CONTENT, id=bytes.fromhex(kid), track_label=label or None)
    made.level = level  # type: ignore[assignment]
    made.required_protection.hdcp = hdcp  # type: ignore[assignment]
    return made


@functools.cache
def device() -> bytes:
    """Return a `.wvd` of a device that never existed."""
    key = rsa_key("device")
    token = certified(DrmCertificate.DEVICE, key).SerializeToString()
    client = ClientIdentification(type=ClientIdentification.DRM_DEVICE_CERTIFICATE, token=token)
    private = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return Device(
        type_=DeviceTypes.CHROME,
        security_level=3,
        flags=None,
        private_key=private,
        client_id=client.SerializeToString(),
    ).dumps()


@functools.cache
def service_certificate() -> bytes:
    """Return the service's certificate as it is handed out; a signature differs each time."""
    signed = certified(DrmCertificate.SERVICE, rsa_key("service")).SerializeToString()
    return SignedMessage(type="SERVICE_CERTIFICATE", msg=signed).SerializeToString()


@dataclass
class WidevineService:
    """Answers like a licence server.

    Attributes:
        keys: What it has, by container.
        policy: What it allows.
        signing: Whether a licence brings the keys of renewals, or leaves them to be derived.
        edit: Changes a License before it is signed.
        asked: Every request so far.
    """

    keys: dict[bytes, Container] = field(
        default_factory=lambda: {KEY: container(KID), OTHER_KEY: container(OTHER_KID)}
    )
    policy: License.Policy = field(default_factory=lambda: License.Policy(can_play=True))
    signing: bool = True
    edit: Callable[[License], None] = lambda _: None
    asked: list[Request] = field(default_factory=list)
    macs: tuple[bytes, bytes] = (b"", b"")

    @property
    def root(self) -> bytes:
        return DrmCertificate(
            type=DrmCertificate.ROOT, public_key=public(rsa_key("root"))
        ).SerializeToString()

    @property
    def certificate(self) -> bytes:
        return service_certificate()

    def __call__(self, request: Request) -> LicenseAnswer:
        """Answer a request."""
        self.asked.append(request)
        if request.purpose == "certificate":
            return LicenseAnswer(200, self.certificate)
        message = SignedMessage.FromString(request.body)
        asked = LicenseRequest.FromString(message.msg)
        answer = self._renewal if asked.type == LicenseRequest.RENEWAL else self._license
        return LicenseAnswer(200, answer(message, asked).SerializeToString())

    def request(self, place: int = -1) -> LicenseRequest:
        """Return what one of the requests says."""
        return LicenseRequest.FromString(SignedMessage.FromString(self.asked[place].body).msg)

    def _license(self, message: SignedMessage, asked: LicenseRequest) -> SignedMessage:
        session_key = secrets.token_bytes(16)
        contexts = Cdm.derive_context(message.msg)
        wrapping, *macs = Cdm.derive_keys(*contexts, key=session_key)
        server = macs[0]
        said = License(policy=self.policy, license_start_time=asked.request_time)
        said.id.request_id = asked.content_id.widevine_pssh_data.request_id
        said.id.session_id = b"session"
        said.id.version = 0
        if self.signing:
            macs = [secrets.token_bytes(32), secrets.token_bytes(32)]
            said.key.append(_filled(Container(type="SIGNING"), b"".join(macs), wrapping))
        said.key.extend(_filled(one, key, wrapping) for key, one in self.keys.items())
        self.macs = macs[0], macs[1]
        self.edit(said)
        body = said.SerializeToString()
        oaep = rsa_padding.OAEP(rsa_padding.MGF1(SHA1()), SHA1(), None)
        return SignedMessage(
            type="LICENSE",
            msg=body,
            signature=hmac.digest(server, body, "sha256"),
            session_key=rsa_key("device").public_key().encrypt(session_key, oaep),
        )

    def _renewal(self, message: SignedMessage, asked: LicenseRequest) -> SignedMessage:
        server, client = self.macs
        assert hmac.digest(client, message.msg, "sha256") == message.signature
        claimed = asked.content_id.existing_license.license_id
        said = License(policy=self.policy, license_start_time=asked.request_time, id=claimed)
        said.id.version += 1
        self.edit(said)
        body = said.SerializeToString()
        signature = hmac.digest(server, body, "sha256")
        return SignedMessage(type="LICENSE", msg=body, signature=signature)


def _filled(one: Container, key: bytes, wrapping: bytes) -> Container:
    made = Container()
    made.CopyFrom(one)
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(wrapping), modes.CBC(bytes(16))).encryptor()
    made.iv = bytes(16)
    made.key = cipher.update(padder.update(key) + padder.finalize()) + cipher.finalize()
    return made
