"""Every key system here keeps the laws, and a key system that breaks one is found out."""

from __future__ import annotations

import doctest
import io
import logging
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from licensing import KEY, KID, OTHER_KEY, OTHER_KID, URL, WidevineService, device
from protected import ClearKeyService, sample
from pywidevine.license_protocol_pb2 import License

from drm.clearkey import ClearKey
from drm.contract import Exchange, InitData, Keys, LicenseAnswer, LicenseRequest, perform
from drm.errors import DrmError, KeyMissing, LicenseExpired
from drm.held import HeldKeys
from drm.identity import IdentityKey
from drm.initdata import CLEARKEY, IDENTITY
from drm.laws import check_key_system, spellings
from drm.policy import Output, Policy
from drm.pssh import WIDEVINE
from drm.secret import Secret
from drm.widevine import Widevine

ROOT = Path(__file__).resolve().parents[2]
CLEARKEY_URL = "https://licences.example/clearkey"
CLEARKEY_INIT = InitData(CLEARKEY, (KID,))
HLS_INIT = InitData(IDENTITY, (KID,), key_uri="https://keys.example/1.key")


def clearkey() -> ClearKey:
    return ClearKey(license_url=CLEARKEY_URL)


@pytest.mark.slow
@pytest.mark.parametrize("privacy", [True, False])
@pytest.mark.parametrize("renews", [True, False])
def test_widevine_keeps_the_laws(privacy: bool, renews: bool) -> None:
    policy = License.Policy(can_play=True, can_renew=renews, renewal_delay_seconds=1)
    service = WidevineService(policy=policy)

    check_key_system(
        lambda: Widevine(
            device(), license_url=URL, root_certificate=service.root, privacy=privacy
        ),
        init=InitData(WIDEVINE, (KID, OTHER_KID)),
        serve=service,
        samples=[sample(KID, KEY), sample(OTHER_KID, OTHER_KEY)],
        secrets=[KEY, OTHER_KEY],
    )  # fmt: skip


@pytest.mark.slow
def test_clearkey_keeps_the_laws_with_keys_of_its_own_and_with_a_server() -> None:
    service = ClearKeyService({KID: KEY})
    for make in (clearkey, lambda: ClearKey({KID: KEY})):
        check_key_system(
            make, init=CLEARKEY_INIT, serve=service, samples=[sample(KID, KEY)], secrets=[KEY]
        )


@pytest.mark.slow
def test_hls_keys_keep_the_laws() -> None:
    check_key_system(
        IdentityKey,
        init=HLS_INIT,
        serve=lambda _: LicenseAnswer(200, KEY),
        samples=[sample(KID, KEY)],
        secrets=[KEY],
    )


class Wrapping:
    """A key system that passes everything on; the ones below break one law each."""

    name = "broken"
    systems = frozenset((CLEARKEY,))
    asks_by_kid = True
    asks_at = ""

    def __init__(self) -> None:
        self.inner = clearkey()

    def warm(self) -> None:
        self.inner.warm()

    def open(self, init: InitData) -> Exchange:
        return self.inner.open(init)

    def renew(self, keys: Keys) -> Exchange:
        return self.inner.renew(keys)

    def close(self, keys: Keys) -> None:
        self.inner.close(keys)


class Showing(Wrapping):
    def __repr__(self) -> str:
        return f"<Showing {KEY.hex()}>"


class Foreign(Wrapping):
    def open(self, init: InitData) -> Exchange:
        keys = yield from self.inner.open(init)
        raise RuntimeError("of another library") if not keys.kids else KeyError(KID)


class Nameless(Wrapping):
    name = ""


class Elsewhere(Wrapping):
    systems = frozenset((WIDEVINE,))


class Hungry(Wrapping):
    def open(self, init: InitData) -> Exchange:
        while True:
            yield (LicenseRequest(CLEARKEY_URL, b'{"kids": []}'),)


class Keeping(Wrapping):
    def close(self, keys: Keys) -> None:
        """Forget to wipe."""


class Renaming(Wrapping):
    def renew(self, keys: Keys) -> Exchange:
        yield from self.inner.renew(keys)
        again: Keys = yield from self.inner.open(CLEARKEY_INIT)
        return again


class Exhausted(Wrapping):
    sessions = 0

    def open(self, init: InitData) -> Exchange:
        self.sessions += 1
        if self.sessions > 17:
            raise DrmError("too many sessions")
        keys = yield from self.inner.open(init)
        self.sessions -= 1
        return keys


class Quoting(Wrapping):
    def open(self, init: InitData) -> Exchange:
        try:
            return (yield from self.inner.open(init))
        except DrmError as error:
            raise DrmError(f"{error} (was {KEY!r})") from None


class Trusting(Wrapping):
    def close(self, keys: Keys) -> None:
        keys.wipe()


@pytest.mark.parametrize(
    "broken",
    [
        Showing,
        Foreign,
        Nameless,
        Elsewhere,
        Hungry,
        Keeping,
        Renaming,
        Exhausted,
        Quoting,
        Trusting,
    ],
)
def test_a_broken_law_is_found_out(broken: Callable[[], Wrapping]) -> None:
    with pytest.raises((AssertionError, KeyError)):
        check_key_system(
            broken,
            init=CLEARKEY_INIT,
            serve=ClearKeyService({KID: KEY}),
            samples=[sample(KID, KEY)],
            secrets=[KEY],
        )


def test_a_wrong_key_is_found_out() -> None:
    with pytest.raises(AssertionError, match="decrypts its sample"):
        check_key_system(
            clearkey,
            init=CLEARKEY_INIT,
            serve=ClearKeyService({KID: OTHER_KEY}),
            samples=[sample(KID, KEY)],
        )


# Secrets, wherever a program shows things.


def failures() -> Iterator[Callable[[], object]]:
    """Yield what fails while keys are near."""
    good = ClearKeyService({KID: KEY, OTHER_KID: OTHER_KEY})
    cut = ClearKeyService({KID: KEY}, policy={"can_play": 3})
    keys = perform(clearkey().open(CLEARKEY_INIT), good)
    yield lambda: perform(clearkey().open(CLEARKEY_INIT), cut)
    yield lambda: keys.decryptor(OTHER_KID, "cenc")
    yield lambda: keys.decryptor(KID, "rot13")
    yield lambda: keys.decryptor(KID, "cenc").decrypt(b"data", b"iv")
    expired = HeldKeys("test", None, output=Output())
    expired.load([(KID, Secret(KEY))], Policy(license_duration_s=0), None)
    yield lambda: expired.decryptor(KID, "cenc")
    for change in ("key", "policy"):
        service = WidevineService(edit=lambda said, change=change: said.ClearField(change))  # type: ignore[misc]
        system = Widevine(device(), license_url=URL, root_certificate=service.root, privacy=False)
        init = InitData(WIDEVINE, (KID,))
        yield lambda system=system, service=service, init=init: perform(system.open(init), service)  # type: ignore[misc]
    spoiled = WidevineService(edit=lambda said: setattr(said.key[2], "key", b"x"))
    system = Widevine(device(), license_url=URL, root_certificate=spoiled.root, privacy=False)
    yield lambda: perform(system.open(InitData(WIDEVINE, (KID,))), spoiled)


@pytest.mark.parametrize("number", range(8))
def test_no_key_is_in_a_traceback_even_with_the_locals_of_every_frame_of_ours(number: int) -> None:
    fail = list(failures())[number]
    planted = [one for key in (KEY, OTHER_KEY) for one in spellings(key)]

    with pytest.raises((DrmError, ValueError)) as caught:
        fail()

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    ours = [
        f"{frame.name}: {frame.locals}"
        for error in chain_of(shown)
        for frame in error.stack
        if "/tests/" not in frame.filename
    ]
    assert ours
    text = ("".join(ours) + str(caught.value) + repr(caught.value.__dict__)).encode()
    assert not [one for one in planted if one in text]


def chain_of(
    shown: traceback.TracebackException | None,
) -> Iterator[traceback.TracebackException]:
    while shown is not None:
        yield shown
        shown = shown.__cause__ or shown.__context__


def test_no_key_is_logged_at_any_level(capfd: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(1)
    service = WidevineService()
    try:
        system = Widevine(device(), license_url=URL, root_certificate=service.root)
        keys = perform(system.open(InitData(WIDEVINE, (KID,))), service)
        system.close(keys)
        perform(clearkey().open(CLEARKEY_INIT), ClearKeyService({KID: KEY}))
    finally:
        root.removeHandler(handler)
        root.setLevel(before)

    out, err = capfd.readouterr()
    shown = (stream.getvalue() + out + err).encode()
    assert not [one for key in (KEY, OTHER_KEY) for one in spellings(key) if one in shown]


def test_a_secret_is_overwritten_when_it_is_wiped_and_when_it_is_forgotten() -> None:
    first, second = Secret(KEY), Secret(bytearray(KEY))
    seen = [first.reveal(), second.reveal()]

    first.wipe()
    del second

    assert seen == [bytearray(16), bytearray(16)]
    assert first.empty
    assert repr(first) == "<Secret>"
    assert first != Secret(b"")
    with pytest.raises(TypeError):
        hash(first)
    with pytest.raises(TypeError, match="process"):
        pickle.dumps(first)


def test_wiped_keys_are_overwritten_in_place() -> None:
    secret = Secret(KEY)
    held = secret.reveal()
    keys = HeldKeys("test", None, output=Output())
    keys.load([(KID, secret)], Policy(), None)

    keys.wipe()

    assert held == bytearray(16)
    with pytest.raises(KeyMissing):
        keys.decryptor(KID, "cenc")


def test_a_licence_of_no_length_is_over_at_once() -> None:
    keys = HeldKeys("test", None, output=Output())
    keys.load([(KID, Secret(KEY))], Policy(license_duration_s=0), None)

    with pytest.raises(LicenseExpired):
        keys.decryptor(KID, "cenc")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "absent"),
    [
        ("", ("cryptography", "pywidevine", "numpy", "netplay", "typing", "dataclasses")),
        (
            "ClearKey, Widevine, IdentityKey, Platform, InitData, from_pssh",
            ("cryptography", "pywidevine", "numpy", "netplay"),
        ),
    ],
)
def test_importing_drm_loads_what_is_used_and_nothing_else(
    names: str, absent: tuple[str, ...]
) -> None:
    line = f"from drm import {names}" if names else "import drm"
    probe = f"import sys; before = set(sys.modules); {line}; print(*set(sys.modules) - before)"

    loaded = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert set(absent) & set(loaded) == set()


def test_names_of_drm_are_listed_before_they_are_loaded() -> None:
    probe = (
        "import drm, sys; print(set(drm.__all__) - set(dir(drm)), 'drm.clearkey' in sys.modules)"
    )

    told = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert told == "set() False\n"


def test_the_example_of_the_package_runs() -> None:
    import drm

    results = doctest.testmod(drm)

    assert results.attempted > 5
    assert results.failed == 0


def test_every_public_name_of_drm_is_there() -> None:
    import drm

    assert [getattr(drm, name) for name in drm.__all__]
    with pytest.raises(AttributeError, match="no attribute"):
        drm.nothing  # noqa: B018
