"""The seam for platform CDMs, tried with a CDM of the shape of PlayReady's and FairPlay's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from protected import sample

from drm.cenc import Decryptor as Cipher
from drm.contract import Decryptor, InitData, LicenseAnswer, LicenseRequest, perform
from drm.errors import KeyMissing, KeyRefused, KeySystemError, LicenseDenied
from drm.initdata import FAIRPLAY_HLS
from drm.laws import check_key_system
from drm.platform import Message, Platform
from drm.policy import Policy
from drm.pssh import FAIRPLAY, PLAYREADY, write_pssh

KID, OTHER = "00112233445566778899aabbccddeeff", "0f" * 16
KEY = bytes.fromhex("5ec2e7ca11ab1e0fade0fbad5eedf00d")
URL = "https://licences.example/playready"
SOAP = (("Content-Type", "text/xml"), ("SOAPAction", "AcquireLicense"))


@dataclass
class FakeSession:
    """A session of a CDM that asks who it is talking to before it asks for keys."""

    cdm: FakeCdm
    payload: bytes
    held: dict[str, bytes] = field(default_factory=dict, repr=False)
    given: list[Cipher] = field(default_factory=list)
    round: int = 0

    def start(self) -> Message | None:
        return Message(b"hello " + self.payload, headers=SOAP)

    def update(self, answer: bytes) -> Message | None:
        self.round += 1
        if answer == b"welcome":
            return Message(b"challenge " + self.payload, url=self.cdm.challenge_url)
        if answer == b"round again":
            return Message(b"and again")
        if not answer.startswith(b"licence ") or len(answer) != 24:
            raise RuntimeError(f"0x8004 {answer!r}")
        self.held[KID] = answer[8:]
        return None

    def renew(self) -> Message | None:
        return Message(b"challenge again") if self.cdm.renews else None

    def kids(self) -> Mapping[str, str]:
        usable = dict.fromkeys(self.held, "usable")
        return {**usable, OTHER: "output-restricted"} if self.held else {}

    def policy(self) -> Policy:
        return Policy(license_duration_s=60 + self.round)

    def decryptor(self, kid: str, scheme: str) -> Decryptor:
        made = Cipher(self.held[kid], scheme, kid=kid)
        self.given.append(made)
        return made

    def close(self) -> None:
        self.held.clear()
        for one in self.given:
            one.wipe()
        self.cdm.closed += 1


@dataclass
class FakeCdm:
    name: str = "playready"
    systems: frozenset[str] = frozenset((PLAYREADY,))
    renews: bool = True
    challenge_url: str = ""
    opened: int = 0
    closed: int = 0
    payloads: list[bytes] = field(default_factory=list)

    def warm(self) -> None:
        """It is there already."""

    def session(self, init: InitData, payload: bytes) -> FakeSession:
        if init.content_id == b"refused":
            raise OSError("the CDM is gone")
        self.opened += 1
        self.payloads.append(payload)
        return FakeSession(self, payload)


def serve(request: LicenseRequest) -> LicenseAnswer:
    if request.body.startswith(b"hello"):
        return LicenseAnswer(200, b"welcome")
    return LicenseAnswer(200, b"licence " + KEY)


INIT = InitData(PLAYREADY, pssh=write_pssh(PLAYREADY))


@pytest.mark.slow
@pytest.mark.parametrize("renews", [True, False])
def test_a_wrapped_cdm_keeps_the_laws(renews: bool) -> None:
    cdm = FakeCdm(renews=renews)

    check_key_system(
        lambda: Platform(cdm, license_url=URL),
        init=INIT,
        serve=serve,
        samples=[sample(KID, KEY)],
        secrets=[KEY],
    )

    assert cdm.opened == cdm.closed


def test_messages_go_where_the_cdm_wants_with_the_headers_it_wants() -> None:
    asked: list[LicenseRequest] = []

    def noted(request: LicenseRequest) -> LicenseAnswer:
        asked.append(request)
        return serve(request)

    cdm = FakeCdm(challenge_url="https://else.example/")
    system = Platform(cdm, license_url=URL, headers=(("X-Token", "t"),))
    perform(system.open(InitData(PLAYREADY, license_url="https://manifest.example/")), noted)

    assert [one.url for one in asked] == [URL, "https://else.example/"]
    assert asked[0].headers == (*SOAP, ("X-Token", "t"))
    assert asked[1].headers == (("Content-Type", "application/octet-stream"),)


@pytest.mark.parametrize(
    ("system", "init", "payload"),
    [
        (PLAYREADY, InitData(PLAYREADY, (KID,)), b""),
        (FAIRPLAY, InitData(FAIRPLAY_HLS, key_uri="skd://film", content_id=b"film"), b"film"),
        ("x-other", InitData("x-other", pssh=b""), b""),
        (
            "11111111-2222-3333-4444-555555555555",
            InitData(
                "11111111-2222-3333-4444-555555555555",
                pssh=write_pssh("11111111-2222-3333-4444-555555555555", b"its own"),
            ),
            b"its own",
        ),
    ],
)
def test_init_data_is_given_in_the_platforms_own_form(
    system: str, init: InitData, payload: bytes
) -> None:
    cdm = FakeCdm(systems=frozenset((system,)))

    perform(Platform(cdm, license_url=URL).open(init), serve)

    assert cdm.payloads == [payload]


def test_what_the_cdm_says_of_its_keys_is_passed_on() -> None:
    cdm = FakeCdm()
    system = Platform(cdm, license_url=URL)

    keys = perform(system.open(INIT), serve)

    assert keys.kids == {KID}
    assert keys.refused == {OTHER: "output-restricted"}
    assert keys.policy.license_duration_s == 62
    with pytest.raises(KeyRefused, match="output-restricted"):
        keys.decryptor(OTHER, "cenc")
    perform(system.renew(keys), serve)
    assert keys.policy.license_duration_s == 63
    system.close(keys)
    assert not keys.kids
    assert not keys.refused
    assert cdm.closed == 1
    with pytest.raises(KeyMissing):
        keys.decryptor(KID, "cenc")


def test_a_cdm_that_fails_is_told_by_the_kind_of_its_error_alone() -> None:
    cdm = FakeCdm()
    system = Platform(cdm, license_url=URL)

    with pytest.raises(KeySystemError) as caught:
        perform(system.open(INIT), lambda _: LicenseAnswer(200, KEY))

    assert str(caught.value) == "playready: the licence was not accepted (RuntimeError)"
    assert caught.value.__context__ is None
    assert cdm.closed == 1
    with pytest.raises(KeySystemError, match="no session"):
        perform(system.open(InitData(PLAYREADY, content_id=b"refused")), serve)


def test_a_talk_that_never_ends_is_ended() -> None:
    cdm = FakeCdm()

    with pytest.raises(KeySystemError, match="8 rounds"):
        perform(
            Platform(cdm, license_url=URL).open(INIT), lambda _: LicenseAnswer(200, b"round again")
        )

    assert cdm.closed == 1


def test_a_refusal_ends_the_session() -> None:
    cdm = FakeCdm()

    with pytest.raises(LicenseDenied):
        perform(Platform(cdm, license_url=URL).open(INIT), lambda _: LicenseAnswer(403))

    assert cdm.closed == 1


def test_a_cdm_that_does_not_renew_says_so() -> None:
    system = Platform(FakeCdm(renews=False), license_url=URL)
    keys = perform(system.open(INIT), serve)

    with pytest.raises(KeySystemError, match="not renewed"):
        perform(system.renew(keys), serve)
