"""ClearKey: keys in the open, from the app itself or as JSON from a licence server.

It protects nothing against the viewer, and is what tests, demos and internal tools use. A
licence may bring a policy: members named as in `drm.policy`, which the W3C's format leaves
room for ("policy" beside "keys", and "rule" in a key).

Source: W3C Encrypted Media Extensions, clause 9.1 (Clear Key) and 9.1.3 and 9.1.4 (licence
request and licence); RFC 7517 (JSON Web Key).
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NoReturn

from drm.contract import Exchange, Headers, InitData, Keys, LicenseAnswer
from drm.errors import InitDataError, KeyMissing, KeySystemError, LicenseDenied
from drm.held import HeldKeys, own, warm_cipher
from drm.initdata import CLEARKEY, CLEARKEY_DASH, read_kid, with_what_pssh_says
from drm.policy import Hdcp, KeyRule, Output, Policy, SecurityLevel
from drm.pssh import COMMON
from drm.secret import Secret
from drm.service import Service, check, the_answer

__all__ = ["ClearKey"]

JSON = "application/json"
MAX_KEYS = 4096
MAX_LICENSE_BYTES = 1 << 18
MAX_SECONDS = 1 << 40


@dataclass(frozen=True, slots=True)
class _Lease:
    """What the licence was asked with."""

    init: InitData

    def wipe(self) -> None:
        """There is no secret in it."""


class ClearKey:
    """The W3C's Clear Key: keys that the app has, or that a server sends as JSON.

    Args:
        keys: Key id to key, sixteen bytes each or 32 hexadecimal digits; never asked for.
        license_url: Where to ask for others; "": what the manifest says.
        headers: For the licence URL's origin only.
        output: What decides which keys of a licence are refused.

    Raises:
        ValueError: A key is not sixteen bytes, or headers come without a URL.
    """

    name = CLEARKEY
    systems = frozenset((CLEARKEY, CLEARKEY_DASH, COMMON))
    asks_by_kid = True

    def __init__(
        self,
        keys: Mapping[str, bytes | str] = MappingProxyType({}),
        *,
        license_url: str = "",
        headers: Headers = (),
        output: Output | None = None,
    ) -> None:
        self._service = Service(self.name, license_url, headers)
        self._output = output or Output()
        self._static: dict[str, Secret] = {}
        for kid, key in keys.items():
            raw = bytes.fromhex(key) if isinstance(key, str) else key
            if len(raw) != 16:
                raise ValueError(f"a key of {len(raw)} bytes; a content key has sixteen")
            self._static[read_kid(kid)] = Secret(raw)

    @property
    def asks_at(self) -> str:
        """The URL that the app gave; "" if it gave none."""
        return self._service.url

    def warm(self) -> None:
        """Import the cipher.

        Raises:
            PackageMissing: cryptography is not installed.
        """
        warm_cipher()

    def open(self, init: InitData) -> Exchange:
        """Return the app's own keys, and ask for those it does not have.

        Raises:
            InitDataError: It names no key, and the app gave none.
            KeyMissing: There is no licence server, and the app has none of the keys.
            KeySystemError, LicenseDenied: The server failed or refused.
        """
        keys = HeldKeys(self.name, self, output=self._output)
        yield from self._fill(keys, with_what_pssh_says(init))
        return keys

    def renew(self, keys: Keys) -> Exchange:
        """Ask for the licence again: Clear Key has no renewal of its own.

        Raises:
            ValueError: The keys are another key system's.
            KeySystemError: They were closed.
        """
        held = own(keys, self)
        lease = held.lease
        if not isinstance(lease, _Lease):
            raise KeySystemError(self.name, "the licence was closed")
        yield from self._fill(held, lease.init, elsewhere=held.policy.renewal_url)
        return held

    def close(self, keys: Keys) -> None:
        """Wipe a licence's keys."""
        own(keys, self).wipe()

    def _fill(self, keys: HeldKeys, init: InitData, *, elsewhere: str = "") -> Exchange:
        wanted = init.kids or tuple(self._static)
        missing = tuple(kid for kid in wanted if kid not in self._static)
        license_ = _License()
        if missing and (self._service.url or init.license_url):
            request = self._service.request(
                "renewal" if elsewhere or keys.lease else "license",
                _request(missing),
                stated=init.license_url,
                elsewhere=elsewhere,
                content_type=JSON,
            )
            answer = the_answer(self.name, (yield (request,)))
            check(self.name, answer, "the licence")
            license_ = _read_license(answer)
        if not wanted:
            raise InitDataError("ClearKey init data", "no key id, and the app gave no keys")
        static = [(kid, self._static[kid]) for kid in wanted if kid in self._static]
        if not static and not license_.keys:
            raise KeyMissing(missing[0], "the app has no such key, and there is nobody to ask")
        copied = [(kid, Secret(secret.reveal())) for kid, secret in static]
        keys.load((*copied, *license_.keys.items()), license_.policy, _Lease(init))
        return keys

    def __repr__(self) -> str:
        return f"<ClearKey: {len(self._static)} keys of the app>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key system holds keys, which stay in their process")


def _request(kids: tuple[str, ...]) -> bytes:
    coded = [urlsafe_b64encode(bytes.fromhex(kid)).rstrip(b"=").decode() for kid in kids]
    return json.dumps({"kids": coded, "type": "temporary"}).encode()


class _License:
    """What a JSON licence holds."""

    def __init__(self) -> None:
        self.keys: dict[str, Secret] = {}
        self.policy = Policy()


def _read_license(answer: LicenseAnswer) -> _License:
    """Return a licence's keys and policy.

    Raises:
        KeySystemError: It is no Clear Key licence.
        LicenseDenied: It is one that does not allow playback.
    """
    found = _License()
    # Raised after the handler: a parser's error and its frames hold the licence.
    problem = _read_into(found, answer.body)
    if problem:
        raise KeySystemError(CLEARKEY, f"the answer is no licence: {problem}")
    if not found.policy.can_play:
        raise LicenseDenied(CLEARKEY, "the licence does not allow playback")
    if not found.keys:
        raise LicenseDenied(CLEARKEY, "the licence holds no key")
    return found


def _read_into(found: _License, body: bytes) -> str:
    """Read a licence, and return what is wrong with it; "" if nothing is."""
    if len(body) > MAX_LICENSE_BYTES:
        return f"{len(body)} bytes"
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "not JSON"
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        return "without a list of keys"
    if len(value["keys"]) > MAX_KEYS:
        return f"{len(value['keys'])} keys"
    rules: dict[str, KeyRule] = {}
    try:
        for entry in value["keys"]:
            kid, key = _read_key(entry)
            found.keys[kid] = key
            rules[kid] = _rule(entry.get("rule"))
        found.policy = replace(_policy(value.get("policy")), rules=tuple(rules.items()))
    except _Broken as broken:
        return str(broken)
    return ""


class _Broken(ValueError):
    """A part of a licence cannot be used; says which, without what it holds."""


def _read_key(entry: object) -> tuple[str, Secret]:
    if not isinstance(entry, dict) or entry.get("kty") != "oct":
        raise _Broken('a key that is not of kty "oct"')
    return _decoded(entry.get("kid")).hex(), Secret(_decoded(entry.get("k")))


def _decoded(text: object) -> bytes:
    """Return sixteen bytes from base64url, with padding or without."""
    if not isinstance(text, str) or len(text) > 64:
        raise _Broken("a key or key id that is no text")
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        raw = urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise _Broken("a key or key id that is not sixteen bytes of base64url")
    return raw


def _policy(value: object) -> Policy:
    """Return a policy from JSON; members that are not understood are left alone."""
    if value is None:
        return Policy()
    if not isinstance(value, dict):
        raise _Broken("a policy that is no object")
    url = value.get("renewal_url", "")
    if not isinstance(url, str):
        raise _Broken("a policy whose renewal_url is no text")
    return Policy(
        can_play=_flag(value, "can_play", unsaid=True),
        license_duration_s=_seconds(value, "license_duration_s"),
        rental_duration_s=_seconds(value, "rental_duration_s"),
        playback_duration_s=_seconds(value, "playback_duration_s"),
        soft_rental=_flag(value, "soft_rental", unsaid=True),
        soft_playback=_flag(value, "soft_playback"),
        can_renew=_flag(value, "can_renew"),
        renewal_after_s=_seconds(value, "renewal_after_s"),
        renewal_retry_s=_seconds(value, "renewal_retry_s"),
        renewal_recovery_s=_seconds(value, "renewal_recovery_s"),
        renewal_url=url,
        renew_with_usage=_flag(value, "renew_with_usage"),
        offline=_flag(value, "offline"),
        started_utc_s=_seconds(value, "started_utc_s"),
    )


def _seconds(value: Mapping[str, object], name: str) -> int | None:
    seconds = value.get(name)
    if seconds is None:
        return None
    if type(seconds) is not int or not 0 <= seconds < MAX_SECONDS:
        raise _Broken(f"a policy whose {name} is no number of seconds")
    return seconds


def _flag(value: Mapping[str, object], name: str, *, unsaid: bool = False) -> bool:
    flag = value.get(name, unsaid)
    if not isinstance(flag, bool):
        raise _Broken(f"a policy whose {name} is neither true nor false")
    return flag


def _rule(value: object) -> KeyRule:
    """Return what a key demands: {"hdcp": 0 to 5, "security_level": 1 to 5, "label": …}."""
    if value is None:
        return KeyRule()
    if not isinstance(value, dict):
        raise _Broken("a rule that is no object")
    hdcp, level = value.get("hdcp", 0), value.get("security_level", 1)
    no_analog, label = value.get("no_analog", False), value.get("label", "")
    if type(hdcp) is not int or type(level) is not int:
        raise _Broken("a rule whose hdcp or security_level is no number")
    if not isinstance(no_analog, bool) or not isinstance(label, str):
        raise _Broken("a rule whose no_analog or label is not what it should be")
    return KeyRule(Hdcp(hdcp), SecurityLevel(level), no_analog, label=label[:64])
