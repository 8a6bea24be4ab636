"""The seam for a platform's own CDM: PlayReady, FairPlay, or Widevine in hardware.

Such a module makes its challenges itself, keeps its keys itself and decrypts itself, so
nothing of its cryptography is here. An app wraps it in a `PlatformCdm`; `Platform` makes a
key system of that, with the licence service, the errors and the lifetime that all others
have. `drm.laws.check_key_system` shows whether a wrapper keeps the contract.

What a wrapper is given as init data is in its platform's own form: a PlayReady object, the
content id behind FairPlay's skd://, the data of the system's pssh box otherwise. FairPlay's
application certificate and PlayReady's SOAP headers are the wrapper's to know.

Source: the shape is that of W3C EME's MediaKeySession (generateRequest, message, update,
keyStatuses).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NoReturn, Protocol, TypeVar

from drm.contract import Decryptor, Exchange, Headers, InitData, Keys, LicenseAnswer
from drm.errors import DrmError, KeyMissing, KeyRefused, KeySystemError, LicenseDenied
from drm.initdata import FAIRPLAY_HLS, system_named, with_what_pssh_says
from drm.policy import Policy
from drm.pssh import FAIRPLAY, read_pssh
from drm.service import Service, check, the_answer

__all__ = ["Message", "Platform", "PlatformCdm", "PlatformSession"]

T = TypeVar("T")

MAX_ROUNDS = 8
"""Individualization, licence, acknowledgement: three were ever heard of."""


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """What a platform's CDM wants sent to its licence service.

    Attributes:
        body: The challenge.
        url: Where it insists on sending it; "": the licence URL.
        headers: Of the message itself, e.g. Content-Type and SOAPAction.
    """

    body: bytes
    url: str = ""
    headers: Headers = ()


class PlatformSession(Protocol):
    """One licence in a platform's CDM. What it raises counts as a failure of the CDM."""

    def start(self) -> Message | None:
        """Return the first message; None where it has its keys already."""
        ...

    def update(self, answer: bytes) -> Message | None:
        """Take an answer; return the next message, or None when the keys are there."""
        ...

    def renew(self) -> Message | None:
        """Return a message that asks for more time; None if it cannot."""
        ...

    def kids(self) -> Mapping[str, str]:
        """Return key id to "usable", or to why it is not, e.g. "output-restricted"."""
        ...

    def policy(self) -> Policy:
        """Return what the platform tells of the licence; `Policy()` if nothing."""
        ...

    def decryptor(self, kid: str, scheme: str) -> Decryptor:
        """Return what decrypts under a usable key. ValueError: not with this scheme."""
        ...

    def close(self) -> None:
        """Forget the licence."""
        ...


class PlatformCdm(Protocol):
    """A platform's CDM as an app wraps it."""

    @property
    def name(self) -> str:
        """What messages call it, e.g. "playready"."""
        ...

    @property
    def systems(self) -> frozenset[str]:
        """What `InitData.system` says for it."""
        ...

    def warm(self) -> None:
        """Load what the first session needs."""
        ...

    def session(self, init: InitData, payload: bytes) -> PlatformSession:
        """Begin a session.

        Args:
            init: As the manifest or the media states it.
            payload: The init data in the platform's own form.
        """
        ...


class _PlatformKeys:
    """Keys that stay in a platform's CDM."""

    def __init__(self, name: str, owner: object, session: PlatformSession, init: InitData) -> None:
        self._name = name
        self.owner = owner
        self.session: PlatformSession | None = session
        self.init = init
        self._lock = threading.Lock()
        self._kids: Mapping[str, str] = MappingProxyType({})
        self._policy = Policy()

    def refresh(self) -> None:
        """Ask the CDM again what it has."""
        if self.session is not None:
            self._kids = MappingProxyType(dict(self.session.kids()))
            self._policy = self.session.policy()

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(kid for kid, status in self._kids.items() if status == "usable")

    @property
    def refused(self) -> Mapping[str, str]:
        return {kid: status for kid, status in self._kids.items() if status != "usable"}

    @property
    def policy(self) -> Policy:
        return self._policy

    def decryptor(self, kid: str, scheme: str) -> Decryptor:
        status = self._kids.get(kid)
        session = self.session
        if status is None or session is None:
            raise KeyMissing(kid)
        if status != "usable":
            raise KeyRefused(kid, status)
        return session.decryptor(kid, scheme)

    def wipe(self) -> None:
        with self._lock:
            session, self.session = self.session, None
        self._kids = MappingProxyType({})
        if session is not None:
            session.close()

    def __repr__(self) -> str:
        return f"<Keys {self._name}: {len(self.kids)} kids>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys stay in the process that was given them")


class Platform:
    """A key system of a platform's CDM.

    Args:
        cdm: The app's wrapper.
        license_url: Where to ask; "": what the manifest says.
        headers: For the licence URL's origin only.

    Raises:
        ValueError: Headers come without a URL.
    """

    def __init__(self, cdm: PlatformCdm, *, license_url: str = "", headers: Headers = ()) -> None:
        self._cdm = cdm
        self._service = Service(cdm.name, license_url, headers)

    @property
    def name(self) -> str:
        """The CDM's."""
        return self._cdm.name

    asks_by_kid = False
    """Platforms take init data in their own form, never a bare key id."""

    @property
    def systems(self) -> frozenset[str]:
        """The CDM's."""
        return self._cdm.systems

    @property
    def asks_at(self) -> str:
        """The URL that the app gave; "" if it gave none."""
        return self._service.url

    def warm(self) -> None:
        """Let the CDM load what it needs."""
        self._cdm.warm()

    def open(self, init: InitData) -> Exchange:
        """Ask for a licence, in as many rounds as the CDM takes.

        Raises:
            KeySystemError, LicenseDenied: The CDM or its service failed or refused.
        """
        init = with_what_pssh_says(init)
        payload = _payload(init)
        session = self._told("no session", lambda: self._cdm.session(init, payload))
        keys = _PlatformKeys(self.name, self, session, init)
        done = False
        try:
            first = self._told("no challenge could be made", session.start)
            yield from self._talk(keys, session, first, purpose="license")
            if not keys.kids and not keys.refused:
                raise LicenseDenied(self.name, "the licence holds no key")
            done = True
        finally:
            if not done:
                keys.wipe()
        return keys

    def renew(self, keys: Keys) -> Exchange:
        """Ask for more time.

        Raises:
            ValueError: The keys are another key system's.
            KeySystemError, LicenseDenied: The CDM or its service failed or refused, or does
                not renew.
        """
        mine = self._own(keys)
        session = mine.session
        if session is None:
            raise KeySystemError(self.name, "the licence was closed")
        first = self._told("no renewal could be made", session.renew)
        if first is None:
            raise KeySystemError(self.name, "this licence is not renewed")
        yield from self._talk(mine, session, first, purpose="renewal")
        return mine

    def close(self, keys: Keys) -> None:
        """End the CDM's session."""
        self._own(keys).wipe()

    def _talk(
        self,
        keys: _PlatformKeys,
        session: PlatformSession,
        message: Message | None,
        *,
        purpose: str,
    ) -> Exchange:
        for _ in range(MAX_ROUNDS):
            if message is None:
                self._told("no key statuses", keys.refresh)
                return keys
            request = self._service.request(
                purpose,
                message.body,
                stated=keys.init.license_url,
                elsewhere=message.url,
                content_type="application/octet-stream",
            )
            request = replace(request, headers=_joined(request.headers, message.headers))
            answer = the_answer(self.name, (yield (request,)))
            check(self.name, answer, "the licence")
            message = self._updated(session, answer)
        raise KeySystemError(self.name, f"no keys after {MAX_ROUNDS} rounds")

    def _updated(self, session: PlatformSession, answer: LicenseAnswer) -> Message | None:
        what = "the licence was not accepted"
        return self._told(what, lambda: session.update(answer.body))

    def _told(self, what: str, call: Callable[[], T]) -> T:
        """Return what the CDM says; its errors become ours, and bring no frames with them."""
        try:
            return call()
        except DrmError:
            raise
        except Exception as error:  # noqa: BLE001 (an app's wrapper may raise anything)
            kind = type(error).__name__
        raise KeySystemError(self.name, f"{what} ({kind})")

    def _own(self, keys: Keys) -> _PlatformKeys:
        if not isinstance(keys, _PlatformKeys) or keys.owner is not self:
            raise ValueError("these keys are another key system's")
        return keys

    def __repr__(self) -> str:
        return f"<Platform {self.name}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key system stays in its process")


def _joined(ours: Headers, theirs: Headers) -> Headers:
    """Return headers with the message's own in front of the service's."""
    named = {name.lower() for name, _ in theirs}
    return theirs + tuple(one for one in ours if one[0].lower() not in named)


def _payload(init: InitData) -> bytes:
    """Return init data in the platform's own form."""
    system = system_named(init.system)
    if system in (FAIRPLAY, FAIRPLAY_HLS):
        return init.content_id
    boxes = [box for box in read_pssh(init.pssh) if system_named(box.system) == system]
    return boxes[0].data if boxes else b""
