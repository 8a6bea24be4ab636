"""Who may have which key, and on what terms: all a licence service knows, as plain values.

Nothing here is asked twice: a service holds one `ServicePolicy` and is given another when
something changes (an entitlement ends, a device is revoked). Content keys and tokens are
fields, because somebody must know them, but no `repr` shows one.

Source: the fields of `Terms` are those of Widevine's License message (`License.Policy`),
which says more than ClearKey can.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drm.policy import Hdcp, SecurityLevel

if TYPE_CHECKING:
    from netplay.edge.encryption.plan import Tier

__all__ = [
    "DAY_S",
    "DeviceModel",
    "Entitlement",
    "LicensedKey",
    "ProtectedTitle",
    "RateLimit",
    "Rotation",
    "ServicePolicy",
    "Terms",
    "keys_for",
    "licensed_keys",
]

DAY_S = 86_400
OFFLINE_DAYS = range(7, 31)
KEY_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LicensedKey:
    """One content key and the rule of the rungs that it opens.

    Attributes:
        kid: Key id, 32 lower-case hexadecimal digits.
        key: The key, sixteen bytes.
        label: What it opens, e.g. "SD", "UHD" or "AUDIO".
        level: A device below it gets a licence without this key.
        hdcp: Stated in the licence; the client, which knows its output, keeps to it.
        period: Its crypto period, counted from 0; None: the key never changes.
    """

    kid: str
    key: bytes = field(repr=False)
    label: str = ""
    level: SecurityLevel = SecurityLevel.SW_SECURE_CRYPTO
    hdcp: Hdcp = Hdcp.NONE
    period: int | None = None

    def __post_init__(self) -> None:
        if len(self.kid) != 2 * KEY_BYTES or not set(self.kid) <= set("0123456789abcdef"):
            raise ValueError(f"a key id is 32 lower-case hexadecimal digits, not {self.kid!r}")
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"the key of {self.kid} has {len(self.key)} bytes, not {KEY_BYTES}")
        if self.period is not None and self.period < 0:
            raise ValueError(f"crypto periods are counted from 0, not {self.period}")


def licensed_keys(*labels: str, periods: int = 0) -> tuple[LicensedKey, ...]:
    """Return a new random key for each label, or one for each label and crypto period."""
    spans: Iterable[int | None] = range(periods) if periods else (None,)
    return tuple(
        LicensedKey(
            kid=secrets.token_hex(KEY_BYTES),
            key=secrets.token_bytes(KEY_BYTES),
            label=label,
            period=period,
        )
        for period in spans
        for label in labels
    )


def keys_for(
    tier: Tier,
    *,
    label: str = "",
    level: SecurityLevel = SecurityLevel.SW_SECURE_CRYPTO,
    hdcp: Hdcp = Hdcp.NONE,
) -> tuple[LicensedKey, ...]:
    """Return the keys that a tier of a title was encrypted with, and the rule for all of them.

    Where keys take turns, each is of a crypto period of its own, in their order.
    """
    turns = len(tier.keys) > 1
    return tuple(
        LicensedKey(
            kid=key.kid.hex(),
            key=key.key,
            label=label,
            level=level,
            hdcp=hdcp,
            period=turn if turns else None,
        )
        for turn, key in enumerate(tier.keys)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a licence allows and for how long; seconds are whole, and 0 is no limit.

    Attributes:
        license_duration_s: A streaming licence ends so long after it was given.
        playback_duration_s: It ends so long after playback first began.
        rental_duration_s: Playback must begin within this.
        can_renew: The licence may be renewed; what follows applies only then.
        renewal_delay_s: Renewal is first due so long after the licence began.
        renewal_retry_s: And again so long after each attempt that failed.
        renewal_recovery_s: Playback may go on so long without an answer.
        renewal_url: Where renewals go; empty: the service that gave the licence.
        renewal_names_client: Widevine renewals must say again which device asks.
        renew_with_usage: It is to be renewed when playback begins.
        offline_days: How long a stored licence lasts, 7 to 30; 0: none may be stored.
    """

    license_duration_s: int = 0
    playback_duration_s: int = 0
    rental_duration_s: int = 0
    can_renew: bool = False
    renewal_delay_s: int = 0
    renewal_retry_s: int = 0
    renewal_recovery_s: int = 0
    renewal_url: str = ""
    renewal_names_client: bool = False
    renew_with_usage: bool = False
    offline_days: int = 0

    def __post_init__(self) -> None:
        durations = {
            "license_duration_s": self.license_duration_s,
            "playback_duration_s": self.playback_duration_s,
            "rental_duration_s": self.rental_duration_s,
            "renewal_delay_s": self.renewal_delay_s,
            "renewal_retry_s": self.renewal_retry_s,
            "renewal_recovery_s": self.renewal_recovery_s,
        }
        for name, value in durations.items():
            if value < 0:
                raise ValueError(f"{name} is 0 or more, not {value}")
        if self.offline_days and self.offline_days not in OFFLINE_DAYS:
            raise ValueError(f"an offline licence lasts 7 to 30 days, not {self.offline_days}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """When the keys of a live title's crypto periods may be had.

    Attributes:
        period_s: How long a crypto period is.
        began_s: Unix time at which period 0 began.
        ahead: So many periods before theirs, keys are given out.
        behind: So many periods after theirs they still are; None: always.
    """

    period_s: float
    began_s: float
    ahead: int = 1
    behind: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.period_s < math.inf or self.ahead < 0 or (self.behind or 0) < 0:
            raise ValueError("a crypto period takes time, and ahead and behind are 0 or more")

    def current(self, now_s: float) -> int:
        """Return the period of a moment in Unix time; negative before the first."""
        return math.floor((now_s - self.began_s) / self.period_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedTitle:
    """A title and its keys.

    Attributes:
        name: Also its content id.
        keys: Of all rungs, tracks and crypto periods.
        terms: Of every licence for it.
        rotation: None: the keys of every crypto period can be had at any time.
        together: A licence brings every key of the title, whichever were asked for.
    """

    name: str
    keys: tuple[LicensedKey, ...] = ()
    terms: Terms = Terms()
    rotation: Rotation | None = None
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """What the bearer of a token may watch.

    Attributes:
        token: As it stands behind `Authorization: Bearer`; empty: whoever brings none.
        titles: Names of titles.
        until_s: Unix time of its end, which no licence outlives; None: it has no end.
    """

    titles: frozenset[str]
    token: str = field(default="", repr=False)
    until_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceModel:
    """One make of device that the service knows.

    Attributes:
        system_id: Its number in certificates.
        name: What it is called in logs.
        level: The best its devices can do.
    """

    system_id: int
    name: str
    level: SecurityLevel = SecurityLevel.SW_SECURE_DECODE

    @property
    def widevine_level(self) -> int:
        """Widevine's own scale: 1 (hardware all through), 2 or 3 (software)."""
        if self.level >= SecurityLevel.HW_SECURE_DECODE:
            return 1
        return 2 if self.level == SecurityLevel.HW_SECURE_CRYPTO else 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How often one bearer may ask: at once `burst` times, and then `per_s` a second."""

    burst: int
    per_s: float

    def __post_init__(self) -> None:
        if self.burst < 1 or not 0 < self.per_s < math.inf:
            raise ValueError("a rate limit lets at least one request through, and then more")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePolicy:
    """All that a licence service goes by.

    Attributes:
        titles: What it has keys for; no two share a name or a key id.
        entitlements: Who may watch what; one token may have several.
        models: Devices it gives Widevine licences to.
        revoked_serials: Devices it does not, whatever their model: serial numbers in
            hexadecimal, as `SyntheticDevice.serial` has them.
        revoked_models: System ids of models broken as a whole.
        rate: None: everyone may ask as often as they like.
        privacy_required: Refuse Widevine challenges that show who asks in the clear.
        latency_s: How long every answer takes, refusals for asking too often excepted.
        challenge_age_s: A Widevine challenge made longer ago, or later than now by as
            much, is refused.
    """

    titles: tuple[ProtectedTitle, ...] = ()
    entitlements: tuple[Entitlement, ...] = ()
    models: tuple[DeviceModel, ...] = ()
    revoked_serials: frozenset[str] = frozenset()
    revoked_models: frozenset[int] = frozenset()
    rate: RateLimit | None = None
    privacy_required: bool = False
    latency_s: float = 0.0
    challenge_age_s: float = 600.0

    def __post_init__(self) -> None:
        if not 0 <= self.latency_s < math.inf:
            raise ValueError(f"latency_s is 0 or more, not {self.latency_s}")
        names = [title.name for title in self.titles]
        kids = [key.kid for title in self.titles for key in title.keys]
        if len(set(names)) < len(names) or len(set(kids)) < len(kids):
            raise ValueError("two titles share a name, or two keys an id")

    def title(self, name: str) -> ProtectedTitle | None:
        """Return a title by its name."""
        return next((title for title in self.titles if title.name == name), None)

    def title_with(self, kid: str) -> ProtectedTitle | None:
        """Return the title that a key id belongs to."""
        return next((t for t in self.titles if any(key.kid == kid for key in t.keys)), None)

    def model(self, system_id: int) -> DeviceModel | None:
        """Return a device model by its system id."""
        return next((model for model in self.models if model.system_id == system_id), None)
