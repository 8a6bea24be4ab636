"""Widevine in software, on pywidevine, with a device of the user's own.

No device is shipped or fetched. The exchange: a service certificate (given, cached, or
asked for) so that the challenge shows nobody who asks; the challenge; the licence. Its
policy is read from the licence itself, which pywidevine discards.

Renewal: where the licence allows it, a RENEWAL request signed with the licence's own
keys, answered by another policy for the same keys; else the licence is asked for anew.
What OEMCrypto does beside that is not done: no key control blocks, no usage table, no
release of licences; entitlement keys are not understood.

Needs the package pywidevine, which is GPL-3.0-only and imported by `warm` or `open` only.

Source: license_protocol.proto as pywidevine publishes it.
"""

from __future__ import annotations

import hmac
import threading
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from drm.contract import Exchange, Headers, InitData, Keys, LicenseAnswer, LicenseRequest
from drm.errors import InitDataError, KeySystemError, LicenseDenied, PackageMissing
from drm.held import HeldKeys, own, warm_cipher
from drm.initdata import with_what_pssh_says
from drm.policy import Output
from drm.protobuf import Malformed
from drm.pssh import WIDEVINE, read_pssh, read_widevine_pssh, write_widevine_pssh
from drm.service import Service, check, the_answer
from drm.widevine_license import LICENSE, License, error_reason, read_license, read_signed

if TYPE_CHECKING:
    from collections.abc import Generator

    from drm.widevine_cdm import Loaded, MacKeys, WidevineDevice

__all__ = ["Widevine"]

CERTIFICATE_REQUEST = b"\x08\x04"
"""A SignedMessage of type SERVICE_CERTIFICATE_REQUEST, and nothing else in it."""

Asking = tuple[LicenseRequest, ...]
Told = tuple[LicenseAnswer, ...]


@dataclass(slots=True, repr=False)
class _Lease:
    """What renewal needs: how the licence was asked for, and the keys it is signed with."""

    init: InitData
    license: License
    macs: MacKeys

    def wipe(self) -> None:
        """Overwrite the keys."""
        self.macs.wipe()


class Widevine:
    """Widevine licences for one device.

    Args:
        device: A `.wvd` file's path or contents; the user's own.
        license_url: Where to ask; "": what the manifest says.
        headers: For the licence URL's origin only.
        service_certificate: The service's, as it hands it out; b"": asked for once, and
            kept. `service_certificate` of the object is what to store for the next run.
        privacy: Whether who asks is encrypted for the service. False for a service that
            has no certificate.
        output: What decides which keys of a licence are refused.
        offline: Ask for a licence that may be stored.
        root_certificate: A DrmCertificate to trust in place of Google's root, for a
            service of one's own; b"": Google's.

    Raises:
        ValueError: Headers come without a URL.
    """

    name = "widevine"
    systems = frozenset((WIDEVINE,))
    asks_by_kid = False

    def __init__(
        self,
        device: bytes | str | PathLike[str],
        *,
        license_url: str = "",
        headers: Headers = (),
        service_certificate: bytes = b"",
        privacy: bool = True,
        output: Output | None = None,
        offline: bool = False,
        root_certificate: bytes = b"",
    ) -> None:
        self._source = device if isinstance(device, bytes) else Path(device)
        self._service = Service(self.name, license_url, headers)
        self._certificate = service_certificate
        self._fetched = False
        self._privacy = privacy
        self._output = output or Output()
        self._type = "OFFLINE" if offline else "STREAMING"
        self._root = root_certificate
        self._lock = threading.Lock()
        self._loaded: WidevineDevice | None = None

    @property
    def service_certificate(self) -> bytes:
        """The service's certificate, given or fetched; b"" before it is known."""
        return self._certificate

    @property
    def asks_at(self) -> str:
        """The URL that the app gave; "" if it gave none."""
        return self._service.url

    def warm(self) -> None:
        """Import pywidevine and read the device file; takes some 300 ms the first time.

        Raises:
            PackageMissing: pywidevine or cryptography is not installed.
            KeySystemError: The device file cannot be read, or is none.
        """
        self._device()

    def _device(self) -> WidevineDevice:
        with self._lock:
            if self._loaded is None:
                warm_cipher()
                try:
                    from drm.widevine_cdm import WidevineDevice
                except ImportError:
                    raise PackageMissing("pywidevine") from None
                self._loaded = WidevineDevice(self._source, root=self._root)
                self._source = b""
            return self._loaded

    def open(self, init: InitData) -> Exchange:
        """Ask for a licence.

        Raises:
            InitDataError: There is no Widevine init data, and no key id to make it of.
            KeySystemError, LicenseDenied: The service failed or refused.
            PackageMissing: pywidevine is not installed.
        """
        keys = HeldKeys(self.name, self, output=self._output)
        yield from self._fill(keys, with_what_pssh_says(init), purpose="license")
        return keys

    def renew(self, keys: Keys) -> Exchange:
        """Ask for more time, or for the licence anew where it does not provide for that.

        Raises:
            ValueError: The keys are another key system's.
            KeySystemError, LicenseDenied: The service failed or refused, or they were closed.
        """
        held = own(keys, self)
        lease = held.lease
        if not isinstance(lease, _Lease):
            raise KeySystemError(self.name, "the licence was closed")
        if not held.policy.can_renew:
            yield from self._fill(held, lease.init, purpose="renewal")
            return held
        body = self._device().renewal(
            lease.license.identification,
            lease.macs,
            played_s=int(held.loaded_s),
            names_client=lease.license.names_client,
            certificate=self._certificate if self._privacy else b"",
        )
        request = self._service.request(
            "renewal", body, stated=lease.init.license_url, elsewhere=held.policy.renewal_url
        )
        answer = the_answer(self.name, (yield (request,)))
        self._check(answer, "the renewal")
        renewed = _renewed(answer, lease)
        lease.license = renewed
        held.extend(replace(renewed.policy, rules=held.policy.rules))
        return held

    def close(self, keys: Keys) -> None:
        """Wipe a licence's keys."""
        own(keys, self).wipe()

    def _fill(self, keys: HeldKeys, init: InitData, *, purpose: str) -> Exchange:
        data = _widevine_data(init)
        session = self._device().session()
        try:
            if self._privacy:
                certificate = self._certificate or (yield from self._asked_for_certificate(init))
                session.trust(certificate)
                self._fetched = self._fetched or not self._certificate
                self._certificate = certificate
            body = session.challenge(data, license_type=self._type)
            request = self._service.request(purpose, body, stated=init.license_url)
            answer = the_answer(self.name, (yield (request,)))
            if self._fetched and answer.status == 400:
                # The service may have changed its certificate: asked for again next time.
                self._certificate = b""
            self._check(answer, "the licence")
            loaded = session.load(answer)
        finally:
            session.close()
        self._take(keys, loaded, init)
        return keys

    def _asked_for_certificate(self, init: InitData) -> Generator[Asking, Told, bytes]:
        """Ask the service for its certificate."""
        request = self._service.request("certificate", CERTIFICATE_REQUEST, stated=init.license_url)
        answer = the_answer(self.name, (yield (request,)))
        self._check(answer, "the service certificate")
        return answer.body

    def _take(self, keys: HeldKeys, loaded: Loaded, init: InitData) -> None:
        policy = loaded.license.policy
        if not policy.can_play:
            raise LicenseDenied(self.name, "the licence does not allow playback")
        if not loaded.secrets:
            raise LicenseDenied(self.name, "the licence holds no content key")
        keys.load(loaded.secrets, policy, _Lease(init, loaded.license, loaded.macs))

    def _check(self, answer: LicenseAnswer, what: str) -> None:
        """Raise what an answer means, unless it is a success."""
        error = error_reason(answer.body)
        if error is not None:
            reason, meaning = error
            if not reason:
                raise KeySystemError(
                    self.name, f"{what} did not come", status=answer.status, said=meaning,
                    retriable=True,
                )  # fmt: skip
            raise LicenseDenied(
                self.name, f"{what} was refused", status=answer.status, said=meaning, reason=reason
            )
        check(self.name, answer, what)

    def __repr__(self) -> str:
        return "<Widevine>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key system holds a device, which stays in its process")


def _widevine_data(init: InitData) -> bytes:
    """Return the data of a Widevine pssh box: the one given, or one made of what is known.

    Several boxes that name keys are sent as one: messages one behind the other are read as
    their sum (protobuf's encoding, "Last One Wins"), so a title's keys come in one licence.
    """
    boxes = [box for box in read_pssh(init.pssh) if box.system == WIDEVINE and box.data]
    different = tuple(dict.fromkeys(box.data for box in boxes))
    if different:
        return b"".join(different) if _name_keys_alone(different) else different[0]
    if not init.kids and not init.content_id:
        raise InitDataError("Widevine init data", "neither a pssh box nor a key id")
    return write_widevine_pssh(init.kids, content_id=init.content_id)


def _name_keys_alone(boxes: tuple[bytes, ...]) -> bool:
    """Return whether boxes differ in the keys they name and in nothing else."""
    try:
        said = {replace(read_widevine_pssh(data), kids=()) for data in boxes}
    except InitDataError:
        return False
    return len(said) == 1


def _renewed(answer: LicenseAnswer, lease: _Lease) -> License:
    """Return what a renewal says, once its signature is found right.

    Raises:
        KeySystemError: It is no renewal of this licence, is an old one, or was changed.
        LicenseDenied: It ends the licence.
    """
    problem = "it is no licence message"
    renewed = None
    try:
        signed = read_signed(answer.body)
        expected = hmac.digest(lease.macs.server.reveal(), signed.core + signed.message, "sha256")
        if signed.kind != LICENSE or not hmac.compare_digest(expected, signed.signature):
            problem = "its signature is not this licence's"
        else:
            renewed = read_license(signed.message)
    except Malformed:
        pass
    if renewed is None:
        raise KeySystemError("widevine", f"the renewal was not accepted: {problem}")
    if renewed.request_id != lease.license.request_id:
        raise KeySystemError("widevine", "the renewal is another licence's")
    if renewed.version <= lease.license.version:
        raise KeySystemError("widevine", "the renewal is an old one")
    if not renewed.policy.can_play:
        raise LicenseDenied("widevine", "the renewal does not allow playback")
    return renewed
