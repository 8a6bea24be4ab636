"""Keys held in this process's memory: what ClearKey, HLS and Widevine in software give.

A key that the licence does not allow on this output is overwritten at once, and only its
id and the reason are kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, Protocol
from weakref import WeakKeyDictionary

from drm.contract import Keys
from drm.errors import KeyMissing, KeyRefused, KeySystemError, LicenseExpired
from drm.policy import Output, Policy
from drm.secret import Secret

if TYPE_CHECKING:
    from drm.cenc import Decryptor

__all__ = ["HeldKeys", "Lease", "own"]


def own(keys: Keys, owner: object) -> HeldKeys:
    """Return keys as what they are to the key system that made them.

    Raises:
        ValueError: Another key system made them.
    """
    if not isinstance(keys, HeldKeys) or not keys.belongs_to(owner):
        raise ValueError("these keys are another key system's")
    return keys


class Lease(Protocol):
    """What a key system needs to renew a licence; wiped with its keys."""

    def wipe(self) -> None:
        """Overwrite whatever is secret in it."""
        ...


class HeldKeys:
    """One licence's keys. Safe to use from several threads.

    Args:
        system: The key system's name.
        owner: The key system itself, which alone renews and closes these keys.
        output: What decides whether a key is refused.
        clock: Seconds that only grow; the licence's duration is held to it.
    """

    def __init__(
        self,
        system: str,
        owner: object,
        *,
        output: Output,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system
        self._owner = owner
        self._output = output
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        self._secrets: dict[str, Secret] = {}
        self._given: WeakKeyDictionary[Decryptor, str] = WeakKeyDictionary()
        self._refused: Mapping[str, str] = MappingProxyType({})
        self._policy = Policy()
        self._loaded_at_s = self._since_s = clock()
        self._lease: Lease | None = None

    @property
    def kids(self) -> frozenset[str]:
        """Key ids that can be used."""
        return frozenset(self._secrets)

    @property
    def refused(self) -> Mapping[str, str]:
        """Key id to why the licence does not allow it here."""
        return self._refused

    @property
    def policy(self) -> Policy:
        """What the licence allows; another value once it is renewed."""
        return self._policy

    def belongs_to(self, owner: object) -> bool:
        """Return whether a key system made these keys."""
        return self._owner is owner

    @property
    def lease(self) -> Lease | None:
        """What the key system keeps with it."""
        return self._lease

    @property
    def loaded_s(self) -> float:
        """How long ago the keys arrived, in seconds; renewal does not change that."""
        return self._clock() - self._loaded_at_s

    def load(
        self, secrets: Iterable[tuple[str, Secret]], policy: Policy, lease: Lease | None
    ) -> None:
        """Take a licence's keys in place of those held.

        A decryptor given before keeps working if the new licence allows its key id, and is
        wiped if not.

        Raises:
            KeySystemError: They were closed while the licence was on its way; what came is
                overwritten.
        """
        rules = dict(policy.rules)
        allowed: dict[str, Secret] = {}
        refused: dict[str, str] = {}
        for kid, secret in secrets:
            rule = rules.get(kid)
            why = rule.refusal(self._output) if rule else ""
            if why:
                refused[kid] = why
                secret.wipe()
            else:
                allowed[kid] = secret
        with self._lock:
            if self._closed:
                Secret.wipe_all(allowed.values())
                raise KeySystemError(self._system, "the licence was closed")
            before, self._secrets = self._secrets, allowed
            self._refused = MappingProxyType(refused)
            old_lease, self._lease = self._lease, lease
            gone = [made for made, kid in self._given.items() if kid not in allowed]
            self._take(policy)
            self._loaded_at_s = self._since_s
        for made in gone:
            made.wipe()
        Secret.wipe_all(before.values())
        if old_lease is not None:
            old_lease.wipe()

    def extend(self, policy: Policy) -> None:
        """Take a renewal: keys and lease stay, the policy is another, its time starts now."""
        with self._lock:
            self._take(policy)

    def _take(self, policy: Policy) -> None:
        self._policy = policy
        self._since_s = self._clock()

    def decryptor(self, kid: str, scheme: str) -> Decryptor:
        """Return what decrypts under a key; a new one at each call, for one lane each.

        Raises:
            KeyMissing: There is no such key, or it was wiped.
            KeyRefused: There is, and the licence does not allow it here.
            LicenseExpired: The licence's duration is over.
            ValueError: No such scheme.
        """
        from drm.cenc import SCHEMES, Decryptor

        # Before a frame holds the key: an error's frames may be printed with their locals.
        if scheme not in SCHEMES:
            raise ValueError(f"no encryption scheme {scheme!r}; {', '.join(SCHEMES)} exist")
        if kid in self._refused:
            raise KeyRefused(kid, self._refused[kid])
        lasts_s = self._policy.license_duration_s
        with self._lock:
            secret = self._secrets.get(kid)
            if secret is None:
                raise KeyMissing(kid)
            if lasts_s is not None and self._clock() - self._since_s >= lasts_s:
                raise LicenseExpired(self._system)
            made = Decryptor(secret.reveal(), scheme, kid=kid)
            self._given[made] = kid
        return made

    def wipe(self) -> None:
        """Overwrite the keys, here and in every decryptor that was given."""
        with self._lock:
            self._closed = True
            secrets, self._secrets = self._secrets, {}
            given = list(self._given)
            self._given.clear()
            lease, self._lease = self._lease, None
        Secret.wipe_all(secrets.values())
        for decryptor in given:
            decryptor.wipe()
        if lease is not None:
            lease.wipe()

    def __repr__(self) -> str:
        refused = f", {len(self._refused)} refused" if self._refused else ""
        return f"<Keys {self._system}: {len(self._secrets)} kids{refused}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys stay in the process that was given them")
