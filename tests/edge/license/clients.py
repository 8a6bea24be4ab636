"""The other end of the line: requests made by pywidevine and by hand, never by netplay."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pywidevine.cdm import Cdm
from pywidevine.device import Device
from pywidevine.license_protocol_pb2 import (
    ClientIdentification,
    License,
    LicenseIdentification,
    LicenseRequest,
    SignedMessage,
    WidevinePsshData,
)
from pywidevine.pssh import PSSH

from drm.policy import SecurityLevel
from netplay.edge.license import cipher
from netplay.edge.license.authority import Authority, SyntheticDevice, trusting
from netplay.edge.license.desk import Inquiry, Reply
from netplay.edge.license.grants import Denied
from netplay.edge.license.policy import DeviceModel, ServicePolicy
from netplay.edge.license.service import LicenseService
from netplay.edge.license.widevine import WidevineDesk

TOKEN = "let-me-in"
LAPTOP = DeviceModel(system_id=4711, name="laptop", level=SecurityLevel.SW_SECURE_DECODE)
RENEWAL_URL = "https://license.example/widevine/renewal"
LICENSES = "http://127.0.0.1:9"


def client_of(service: LicenseService, *, token: str = "") -> httpx.AsyncClient:
    """Return a client that talks to a service without a socket."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(service.app), base_url=LICENSES, headers=bearer(token)
    )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def widevine_pssh(
    kids: Sequence[str] = (), *, content_id: str = "", period: int | None = None
) -> PSSH:
    """Return a pssh box that names keys, or a title and perhaps one of its crypto periods."""
    data = WidevinePsshData(
        key_ids=[bytes.fromhex(kid) for kid in kids],
        content_id=content_id.encode() or None,
        crypto_period_index=period,
    )
    return PSSH.new(system_id=PSSH.SystemId.Widevine, init_data=data.SerializeToString())


def clearkey_request(kids: Sequence[str], session_type: str = "temporary") -> bytes:
    coded = [urlsafe_b64encode(bytes.fromhex(kid)).rstrip(b"=").decode() for kid in kids]
    return json.dumps({"kids": coded, "type": session_type}).encode()


def clearkey_keys(body: bytes) -> dict[str, bytes]:
    """Return the keys of a ClearKey licence by key id."""
    return {_raw(key["kid"]).hex(): _raw(key["k"]) for key in json.loads(body)["keys"]}


def _raw(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class WidevineClient:
    """pywidevine's Cdm on a synthetic device, and what it does not do: renewals."""

    def __init__(self, device: SyntheticDevice, root: bytes) -> None:
        self.device = Device.loads(device.wvd)
        self.cdm: Cdm = trusting(root).from_device(self.device)
        self.session = self.cdm.open()

    def challenge(self, pssh: PSSH, **said: Any) -> bytes:
        return self.cdm.get_license_challenge(self.session, pssh, **said)

    def keys(self, body: bytes) -> dict[str, bytes]:
        """Return the content keys of a licence, which pywidevine accepts."""
        self.cdm.parse_license(self.session, body)
        return {key.kid.hex: key.key for key in self.cdm.get_keys(self.session, "CONTENT")}

    def renewal(
        self, license_: License, *, now_s: float, client_id: ClientIdentification | None = None
    ) -> Renewal:
        """Return what renews the licence that this session has the keys of."""
        (signing,) = self.cdm.get_keys(self.session, "SIGNING")
        return Renewal(license_.id, signing.key, now_s, client_id)


class Renewal:
    """A request for renewal, and the key that checks its answer."""

    def __init__(
        self,
        identification: LicenseIdentification,
        macs: bytes,
        now_s: float,
        client_id: ClientIdentification | None,
    ) -> None:
        self._server, client = macs[:32], macs[32:]
        existing = LicenseRequest.ContentIdentification.ExistingLicense(license_id=identification)
        asked = LicenseRequest(
            client_id=client_id,
            type=LicenseRequest.RENEWAL,
            content_id=LicenseRequest.ContentIdentification(existing_license=existing),
            request_time=int(now_s),
        ).SerializeToString()
        self.body = SignedMessage(
            type=SignedMessage.LICENSE_REQUEST, msg=asked, signature=cipher.mac(asked, client)
        ).SerializeToString()

    def read(self, body: bytes) -> License:
        """Return the renewed licence, whose signature is right."""
        message = SignedMessage.FromString(body)
        assert cipher.is_mac(message.msg, message.signature, self._server)
        return License.FromString(message.msg)


def license_of(body: bytes) -> License:
    return License.FromString(SignedMessage.FromString(body).msg)


class Counter:
    """A desk and the policy it goes by."""

    def __init__(self, authority: Authority, policy: ServicePolicy) -> None:
        self.desk = WidevineDesk(authority.identity)
        self.policy = policy

    def reply(self, body: bytes, *, token: str = TOKEN, later_s: float = 0) -> Reply:
        return self.desk.reply(
            Inquiry(
                body=body,
                token=token,
                policy=self.policy,
                now_s=time.time() + later_s,
                renewal_url=RENEWAL_URL,
            )
        )


@contextmanager
def refused(reason: str, status: int = 403) -> Iterator[None]:
    with pytest.raises(Denied) as denied:
        yield
    assert (denied.value.reason, denied.value.status) == (reason, status)


def kids_of(policy: ServicePolicy) -> list[str]:
    return [key.kid for key in policy.titles[0].keys]


def tampered(challenge: bytes, **changes: object) -> bytes:
    """Return a challenge with fields of its request changed and its signature kept."""
    message = SignedMessage.FromString(challenge)
    request = LicenseRequest.FromString(message.msg)
    for name, value in changes.items():
        setattr(request, name, value)
    message.msg = request.SerializeToString()
    return message.SerializeToString()
