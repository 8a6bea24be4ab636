"""What one request is given: the same rules for every key system, as one function of values.

A request names key ids or a title, brings a token and comes from a device of some security
level. It gets a `Grant`, which may hold fewer keys than were asked for and says why, or
`Denied`, which says why not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drm.policy import Hdcp, SecurityLevel
from netplay.edge.license.policy import (
    DAY_S,
    Entitlement,
    LicensedKey,
    ProtectedTitle,
    ServicePolicy,
    Terms,
)

__all__ = ["Denied", "Grant", "Wish", "entitled", "granted"]


class Denied(Exception):
    """The request gets no licence; the answer says so.

    Attributes:
        reason: For programs, e.g. "device_revoked".
        status: Of the HTTP answer.
    """

    def __init__(self, reason: str, message: str, *, status: int = 403) -> None:
        self.reason = reason
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a request asks for.

    Attributes:
        kids: Key ids, 32 hexadecimal digits each; empty: all that the title has.
        title: A title's name, used where there are no key ids.
        period: Only keys of this crypto period, where there are no key ids.
        token: What the request brought; "" is nothing.
        level: What the device can do.
        states_hdcp: The key system's licences can demand HDCP.
        persistent: To be stored, for playback offline.
    """

    kids: tuple[str, ...] = ()
    title: str = ""
    period: int | None = None
    token: str = field(default="", repr=False)
    level: SecurityLevel = SecurityLevel.SW_SECURE_CRYPTO
    states_hdcp: bool = True
    persistent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a request is given.

    Attributes:
        title: The title's name.
        keys: At least one.
        left_out: Key ids that were asked for and are not given, and why.
        terms: Of the title.
        persistent: The licence may be stored.
        duration_s: It ends so long from now; 0: never.
    """

    title: str
    keys: tuple[LicensedKey, ...]
    left_out: Mapping[str, str]
    terms: Terms
    persistent: bool
    duration_s: int

    def spoiled(self) -> "Grant":
        """Return it with the right key ids and every key wrong."""
        wrong = (replace(key, key=bytes(byte ^ 255 for byte in key.key)) for key in self.keys)
        return replace(self, keys=tuple(wrong))


def granted(policy: ServicePolicy, wish: Wish, *, now_s: float) -> Grant:
    """Return what a request is given.

    Args:
        policy: The service's.
        wish: What the request asks for.
        now_s: Unix time.

    Raises:
        Denied: Nothing.
    """
    title = _title(policy, wish)
    entitlement = entitled(policy, title.name, wish.token, now_s=now_s)
    if wish.persistent and not title.terms.offline_days:
        raise Denied("offline_not_allowed", f"{title.name} may not be stored")
    keys: list[LicensedKey] = []
    left_out: dict[str, str] = {}
    for kid, key in _asked_for(title, wish).items():
        why = "unknown" if key is None else _objection(title, key, wish, now_s)
        if key is None or why:
            left_out[kid] = why
        else:
            keys.append(key)
    if not keys:
        told = "; ".join(f"{kid}: {why}" for kid, why in left_out.items())
        raise Denied("no_usable_key", f"no key of {title.name} for this device now: {told}")
    return Grant(
        title=title.name,
        keys=tuple(keys),
        left_out=left_out,
        terms=title.terms,
        persistent=wish.persistent,
        duration_s=_duration_s(title.terms, entitlement, persistent=wish.persistent, now_s=now_s),
    )


def entitled(policy: ServicePolicy, title: str, token: str, *, now_s: float) -> Entitlement:
    """Return the entitlement of a token to a title, the one that lasts longest.

    Raises:
        Denied: There is none.
    """
    mine = [each for each in policy.entitlements if each.token == token]
    if not mine:
        said = "not one this service gave" if token else "none was sent"
        raise Denied("token_unknown", f"a token is needed: {said}", status=401)
    here = [each for each in mine if title in each.titles]
    if not here:
        raise Denied("not_entitled", f"this token is not entitled to {title}")
    lasting = [each for each in here if each.until_s is None or each.until_s > now_s]
    if not lasting:
        raise Denied("entitlement_expired", f"this token's entitlement to {title} has ended")
    return max(lasting, key=lambda each: float("inf") if each.until_s is None else each.until_s)


def _title(policy: ServicePolicy, wish: Wish) -> ProtectedTitle:
    """Return the one title that is asked for."""
    if not wish.kids:
        title = policy.title(wish.title)
        if title is None:
            raise Denied("title_unknown", f"no title {wish.title!r} here", status=404)
        return title
    found = {title.name: title for kid in wish.kids if (title := policy.title_with(kid))}
    if not found:
        told = ", ".join(wish.kids)
        raise Denied("title_unknown", f"no title here has a key {told}", status=404)
    if len(found) > 1:
        raise Denied("several_titles", f"one title a licence, not {', '.join(sorted(found))}")
    return next(iter(found.values()))


def _asked_for(title: ProtectedTitle, wish: Wish) -> dict[str, LicensedKey | None]:
    """Return the keys to consider, in order, by key id; None for an id the title has not."""
    if wish.kids and not title.together:
        known = {key.kid: key for key in title.keys}
        return {kid: known.get(kid) for kid in wish.kids}
    every: dict[str, LicensedKey | None] = dict.fromkeys(wish.kids)
    for key in title.keys:
        if wish.period is None or key.period in (None, wish.period):
            every[key.kid] = key
    return every


def _objection(title: ProtectedTitle, key: LicensedKey, wish: Wish, now_s: float) -> str:
    """Return why a key is not given; "" if it is."""
    if key.level > wish.level:
        return f"needs {key.level.name}, the device has {wish.level.name}"
    # A key system that cannot demand HDCP must not be trusted with what needs it.
    if key.hdcp > Hdcp.NONE and not wish.states_hdcp:
        return f"needs HDCP {key.hdcp.name}, which this key system cannot demand"
    if title.rotation is not None and key.period is not None:
        current = title.rotation.current(now_s)
        if key.period > current + title.rotation.ahead:
            return f"crypto period {key.period} is not due yet"
        if title.rotation.behind is not None and key.period < current - title.rotation.behind:
            return f"crypto period {key.period} is over"
    return ""


def _duration_s(terms: Terms, until: Entitlement, *, persistent: bool, now_s: float) -> int:
    """Return how long the licence lasts, which is never longer than the entitlement."""
    lasts_s = terms.offline_days * DAY_S if persistent else terms.license_duration_s
    if until.until_s is None:
        return lasts_s
    # At least a second: 0 would be for ever.
    left_s = max(1, int(until.until_s - now_s))
    return min(lasts_s, left_s) if lasts_s else left_s
