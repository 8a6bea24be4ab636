"""The laws of a key system, as a contract suite for anybody who writes or wraps one.

`check_key_system(make, …)` runs a key system against a service that answers rightly, one
that fails in every way, and one that is cut off, and looks for keys wherever a program
shows things. A broken law is an `AssertionError` that names it.

The laws: it asks over https or of this machine only; it holds the keys it says and no
others; whatever a service answers, it gives keys or a DrmError; a failed exchange leaves
nothing open and the next one works; what is left half way costs nothing; a failed renewal
leaves the keys as they were; wiped keys decrypt nothing; and no key is ever shown.
"""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from drm.contract import (
    Exchange,
    InitData,
    Keys,
    KeySystem,
    LicenseAnswer,
    LicenseRequest,
    is_confidential,
    perform,
)
from drm.errors import DrmError, KeyMissing, KeySystemError, LicenseDenied

__all__ = ["ProtectedSample", "check_key_system", "spellings"]

MAX_REQUESTS = 8
ABANDONED = 20
"""Exchanges left half way: more than the seventeen sessions that pywidevine allows."""

NO_SUCH_KID = "ee" * 16
_KID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_PURPOSES = ("license", "certificate", "renewal", "key")

Serve = Callable[[LicenseRequest], LicenseAnswer]


@dataclass(frozen=True, slots=True)
class ProtectedSample:
    """A sample to try a key with, and what it is in the clear."""

    kid: str
    scheme: str
    data: bytes = field(repr=False)
    iv: bytes
    clear: bytes = field(repr=False)
    subsamples: tuple[tuple[int, int], ...] = ()
    pattern: tuple[int, int] | None = None


def check_key_system(
    make: Callable[[], KeySystem],
    *,
    init: InitData,
    serve: Serve,
    samples: Sequence[ProtectedSample] = (),
    secrets: Sequence[bytes] = (),
) -> None:
    """Hold a key system to its contract.

    Args:
        make: Returns a new key system, with whatever URL and settings it needs.
        init: Init data that `serve` has keys for.
        serve: Answers a request as a sound service does, any number of times.
        samples: What its keys decrypt; at least one makes the suite worth more.
        secrets: The keys themselves, to look for where they must not be.

    Raises:
        AssertionError: A law is broken.
    """
    suite = _Suite(make, init, serve, samples, secrets)
    suite.names_itself()
    suite.gives_keys_that_decrypt()
    suite.shows_no_key()
    suite.survives_every_answer()
    suite.can_be_abandoned()
    suite.serves_several_at_once()
    suite.renews_the_same_keys_or_leaves_them()
    suite.knows_its_own_keys()
    suite.wipes()


def spellings(secret: bytes) -> frozenset[bytes]:
    """Return the ways in which a key could be shown: raw, hexadecimal, base64, as repr."""
    coded = {secret.hex().encode(), secret.hex().upper().encode()}
    coded |= {b64encode(secret).rstrip(b"="), urlsafe_b64encode(secret).rstrip(b"=")}
    coded |= {repr(secret)[2:-1].encode(), str(list(secret))[1:-1].encode()}
    coded |= {str(int.from_bytes(secret, "big")).encode()}
    return frozenset(coded | {secret})


class _Suite:
    def __init__(
        self,
        make: Callable[[], KeySystem],
        init: InitData,
        serve: Serve,
        samples: Sequence[ProtectedSample],
        secrets: Sequence[bytes],
    ) -> None:
        self._make = make
        self._init = init
        self._serve = serve
        self._samples = samples
        self._spelled = frozenset(one for secret in secrets for one in spellings(secret))

    def names_itself(self) -> None:
        system = self._make()
        assert system.name, "a key system has a name"
        assert self._init.system in ("", *system.systems), "systems hold what init data says"
        system.warm()
        system.warm()

    def gives_keys_that_decrypt(self) -> None:
        system = self._make()
        keys = self._opened(system)
        for sample in self._samples:
            assert _decrypted(keys, sample) == sample.clear, "a key decrypts its sample"
        for kid in (*keys.kids, *keys.refused):
            assert _KID.fullmatch(kid), f"key id {kid!r} is 32 lower-case hexadecimal digits"
        assert not keys.kids & set(keys.refused), "a key is refused or usable, not both"
        _raises(KeyMissing, "an unknown key id", keys.decryptor, NO_SUCH_KID, "cenc")
        for kid in keys.kids:
            _raises(ValueError, "no such scheme", keys.decryptor, kid, "rot13")
        system.close(keys)

    def shows_no_key(self) -> None:
        system = self._make()
        keys = self._opened(system)
        seen: list[object] = [system, keys, keys.policy, keys.refused]
        seen += [keys.decryptor(one.kid, one.scheme) for one in self._samples]
        for one in seen:
            self._is_clean(f"{one!r} {one!s} {one}".encode(), f"the text of {type(one)}")
        for held in (system, keys):
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                _raises(TypeError, "pickled", pickle.dumps, held, protocol)
            _raises(TypeError, "copied", copy.copy, held)
            _raises(TypeError, "copied deeply", copy.deepcopy, held)
        system.close(keys)

    def survives_every_answer(self) -> None:
        system = self._make()
        for name, spoiled in _spoilings():
            error = self._error(system, spoiled)
            if error is not None:
                shown = traceback.TracebackException.from_exception(error, capture_locals=True)
                self._is_clean("".join(shown.format()).encode(), f"the traceback of {name}")
                _is_as_expected(name, error)
            self._is_sound(system)

    def _error(self, system: KeySystem, spoiled: Serve) -> DrmError | None:
        """Return the error of an exchange whose answers are spoiled; None if it gave keys."""
        service = _Spoiler(self._serve, spoiled)
        try:
            system.close(perform(system.open(self._init), service))
        except DrmError as error:
            return error
        return None

    def can_be_abandoned(self) -> None:
        system = self._make()
        left: list[Exchange] = []
        for _ in range(ABANDONED):
            exchange = system.open(self._init)
            try:
                next(exchange)
            except StopIteration:
                return  # it asks nothing, so there is no half way
            left.append(exchange)
        self._is_sound(system)
        for exchange in left:
            exchange.close()
        self._is_sound(system)

    def serves_several_at_once(self) -> None:
        system = self._make()
        first, second = system.open(self._init), system.open(self._init)
        asked = [_step(one, None) for one in (first, second)]
        opened: list[Keys] = []
        for _ in range(MAX_REQUESTS):
            for place, exchange in ((1, second), (0, first)):
                requests = asked[place]
                if isinstance(requests, tuple):
                    asked[place] = _step(exchange, tuple(map(self._serve, requests)))
        for one in asked:
            assert not isinstance(one, tuple), f"an exchange ends within {MAX_REQUESTS} rounds"
            opened.append(one)
        assert opened[0] is not opened[1], "each exchange has keys of its own"
        system.close(opened[0])
        self._still_decrypts(opened[1])
        system.close(opened[1])

    def renews_the_same_keys_or_leaves_them(self) -> None:
        system = self._make()
        keys = self._opened(system)
        before = keys.policy
        for _, spoiled in _spoilings():
            try:
                perform(system.renew(keys), spoiled)
            except DrmError:
                assert keys.policy == before, "a failed renewal changes no policy"
            self._still_decrypts(keys)
        try:
            renewed = perform(system.renew(keys), self._serve)
        except KeySystemError:
            renewed = keys  # a service need not renew
        assert renewed is keys, "renewal returns the same keys"
        self._still_decrypts(keys)
        system.close(keys)
        _raises(DrmError, "renewed when closed", perform, system.renew(keys), self._serve)

    def knows_its_own_keys(self) -> None:
        system, other = self._make(), self._make()
        keys = self._opened(system)
        _raises(ValueError, "closed by another key system", other.close, keys)
        _raises(ValueError, "renewed by another key system", next, other.renew(keys))
        system.close(keys)

    def wipes(self) -> None:
        system = self._make()
        keys = self._opened(system)
        made = [keys.decryptor(one.kid, one.scheme) for one in self._samples]
        kids = keys.kids
        system.close(keys)
        system.close(keys)
        keys.wipe()
        assert not keys.kids, "wiped keys are none"
        for kid in kids:
            _raises(KeyMissing, "wiped keys", keys.decryptor, kid, "cenc")
        for decryptor, one in zip(made, self._samples, strict=True):
            sample = (one.data, one.iv, one.subsamples, one.pattern)
            _raises(KeyMissing, "a decryptor of wiped keys", decryptor.decrypt, *sample)

    def _opened(self, system: KeySystem) -> Keys:
        asked = 0

        def serve(request: LicenseRequest) -> LicenseAnswer:
            nonlocal asked
            asked += 1
            assert asked <= MAX_REQUESTS, f"more than {MAX_REQUESTS} requests for one licence"
            assert is_confidential(request.url), f"asks over https or on this machine: {request!r}"
            assert request.method in ("GET", "POST"), f"method {request.method!r}"
            assert request.purpose in _PURPOSES, f"purpose {request.purpose!r}"
            return self._serve(request)

        return perform(system.open(self._init), serve)

    def _is_sound(self, system: KeySystem) -> None:
        keys = self._opened(system)
        self._still_decrypts(keys)
        system.close(keys)

    def _still_decrypts(self, keys: Keys) -> None:
        for sample in self._samples:
            assert _decrypted(keys, sample) == sample.clear, "a key still decrypts its sample"

    def _is_clean(self, shown: bytes, where: str) -> None:
        assert not any(one in shown for one in self._spelled), f"a key is shown in {where}"


class _Spoiler:
    """A service that answers rightly until the last question, and that one wrongly."""

    def __init__(self, serve: Serve, spoiled: Serve) -> None:
        self._serve = serve
        self._spoiled = spoiled

    def __call__(self, request: LicenseRequest) -> LicenseAnswer:
        if request.purpose == "certificate":
            return self._serve(request)
        return self._spoiled(request)


def _spoilings() -> Iterator[tuple[str, Serve]]:
    """Yield a name and a service for each way to answer wrongly."""
    for status in (204, 301, 400, 401, 403, 404, 408, 429, 500, 502, 503):
        yield f"status {status}", partial(_answer, status, b"no")
    bodies = {
        "nothing": b"",
        "zeros": bytes(64),
        "one byte": b"\x08",
        "text": b"certainly not a licence",
        "a web page": b"<html><body>log in first</body></html>",
        "deep JSON": b'{"keys":' + b"[" * 50_000,
        "JSON without keys": b'{"keys":[]}',
        "half a message": b"\x08\x02\x12\xff\xff\xff\xff\x0f",
        "much": bytes(2 << 20),
    }
    for name, body in bodies.items():
        yield name, partial(_answer, 200, body)


def _answer(status: int, body: bytes, _request: LicenseRequest) -> LicenseAnswer:
    return LicenseAnswer(status, body)


def _is_as_expected(name: str, error: DrmError) -> None:
    if name in ("status 500", "status 503", "status 429"):
        assert isinstance(error, KeySystemError), f"{name} is the service's failure"
        assert error.retriable, f"{name} may pass"
    if name in ("status 401", "status 403"):
        assert isinstance(error, LicenseDenied), f"{name} is a refusal"


def _step(
    exchange: Exchange, answers: tuple[LicenseAnswer, ...] | None
) -> tuple[LicenseRequest, ...] | Keys:
    """Return the next requests of an exchange, or its keys."""
    try:
        return next(exchange) if answers is None else exchange.send(answers)
    except StopIteration as done:
        keys: Keys = done.value
        return keys


def _decrypted(keys: Keys, one: ProtectedSample) -> bytes:
    made = keys.decryptor(one.kid, one.scheme)
    return made.decrypt(one.data, one.iv, one.subsamples, one.pattern)


def _raises(
    kind: type[Exception], what: str, call: Callable[..., object], *arguments: object
) -> None:
    try:
        call(*arguments)
    except kind:
        return
    raise AssertionError(f"{what}: {kind.__name__} was expected")
