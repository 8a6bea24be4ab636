"""`netplay play` of protected titles: what its options open, and that they stay unsaid."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from drm.pssh import WIDEVINE, write_pssh, write_widevine_pssh
from netplay.cli import main
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.protect import protect
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.license.authority import Authority
from netplay.edge.license.policy import (
    DeviceModel,
    Entitlement,
    ProtectedTitle,
    ServicePolicy,
    keys_for,
)
from netplay.edge.license.server import LicenseServer
from netplay.edge.testbed import Testbed

from .conftest import Netplay, spellings, without

TOKEN = secrets.token_urlsafe()
KEY = ContentKey(kid=secrets.token_bytes(16), key=secrets.token_bytes(16))
SOUND = ContentKey(kid=secrets.token_bytes(16), key=secrets.token_bytes(16))
STATED = [f"{one.kid.hex()}:{one.key.hex()}" for one in (KEY, SOUND)]
DEVICE = DeviceModel(system_id=4711, name="prompt")


@dataclass(frozen=True)
class House:
    """A running protected title, and the files of somebody who may watch it."""

    url: str
    licenses: str
    files: Path


@pytest.fixture(scope="module")
def house(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve the title with its licences."""
    root = tmp_path_factory.mktemp("protected")
    files = tmp_path_factory.mktemp("files")
    authority = Authority()
    (files / "device.wvd").write_bytes(authority.device(DEVICE).wvd)
    (files / "root").write_bytes(authority.identity.root)
    (files / "certificate").write_bytes(authority.identity.certificate)
    (files / "keys").write_text("# both\n" + "\n".join(STATED) + "\n")
    (files / "headers").write_text(f"Authorization: Bearer {TOKEN}\n")
    tiers = (Tier((SOUND,), kind="audio"), Tier((KEY,), kind="video"))
    kids = [KEY.kid.hex(), SOUND.kid.hex()]
    box = b64encode(write_pssh(WIDEVINE, write_widevine_pssh(kids))).decode()
    signals = (SystemSignal(system=WIDEVINE, pssh=box), SystemSignal(system="clearkey"))
    (root / "title").mkdir()
    protect(folder, root / "title", EncryptionPlan(scheme="cbcs", tiers=tiers), systems=signals)
    policy = ServicePolicy(
        titles=(
            ProtectedTitle(
                name="title", keys=tuple(key for tier in tiers for key in keys_for(tier))
            ),
        ),
        entitlements=(Entitlement(token=TOKEN, titles=frozenset({"title"})),),
        models=(DEVICE,),
        privacy_required=True,
    )
    licenses = LicenseServer(policy, identity=authority.identity)
    bed = Testbed(root / "title", oca_count=1, licenses=licenses)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(bed):
        yield House(bed.mpd_url, licenses.url, files)


def assert_unsaid(*written: str) -> None:
    """Say that no key, token or device is in what was written."""
    for text in written:
        assert TOKEN not in text
        for key in (KEY, SOUND):
            assert not [one for one in spellings(key.key) if one in text]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["key", "key-file", "header", "widevine", "certificate"])
def test_a_protected_title_plays_and_no_key_is_in_anything_that_was_written(
    netplay: Netplay, house: House, tmp_path: Path, way: str
) -> None:
    files, log = house.files, tmp_path / "log.jsonl"
    widevine: list[str | Path] = [
        *("--widevine-device", files / "device.wvd", "--widevine-root", files / "root"),
        *("--license-url", f"{house.licenses}widevine"),
        *("--license-header", f"@{files / 'headers'}"),
    ]
    options: dict[str, list[str | Path]] = {
        "key": ["--key", STATED[0], "--key", STATED[1]],
        "key-file": ["--key-file", files / "keys"],
        "header": [
            *("--license-url", f"{house.licenses}clearkey"),
            *("--license-header", f"Authorization: Bearer {TOKEN}"),
        ],
        "widevine": widevine,
        "certificate": [*widevine, "--service-certificate", files / "certificate"],
    }

    done = netplay("play", house.url, *options[way], "--log", log, "--json")

    summary = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert summary["finished"] is True
    assert summary["frames_shown"] + summary["frames_dropped"] == 48
    assert "KeysReady" in log.read_text()
    assert_unsaid(done.stdout, done.stderr, log.read_text())


@pytest.mark.slow
def test_what_fails_says_why_and_nothing_more(
    netplay: Netplay, house: House, tmp_path: Path
) -> None:
    wrong = [f"{stated[:33]}{stated[:-33:-1]}" for stated in STATED]
    logs = [tmp_path / f"{number}.jsonl" for number in range(3)]
    url = ("--license-url", f"{house.licenses}clearkey")

    unopened = netplay("play", house.url, "--log", logs[0], "--json")
    refused = netplay(
        *("play", house.url, *url, "--license-header", "Authorization: Bearer guess"),
        *("--log", logs[1], "--json"),
    )
    unfit = netplay(
        "play", house.url, "--key", wrong[0], "--key", wrong[1], "--log", logs[2], "--json"
    )

    for done, says in (
        (unopened, "no such key"),
        (refused, "token_unknown"),
        (unfit, "does not fit"),
    ):
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["type"]) == (1, "LicenseError")
        assert says in error["message"]
        assert len(done.stderr.splitlines()) == 1
        assert "guess" not in done.stdout + done.stderr
    written = [one for done in (unopened, refused, unfit) for one in (done.stdout, done.stderr)]
    assert_unsaid(*written, *(log.read_text() for log in logs))
    for text in (*written, logs[2].read_text()):
        assert not [one for one in wrong if one[33:] in text]


@pytest.mark.parametrize(
    "arguments",
    [
        ["x.mpd", "--key", f"{STATED[0]}0"],
        ["x.mpd", "--key", STATED[0][33:]],
        ["x.mpd", "--key", STATED[0][:32], STATED[0][33:]],
        ["x.mpd", "--license-url", "https://x/", "--license-header", TOKEN],
        ["x.mpd", "--license-url", f"ftp://x/?t={TOKEN}"],
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_mistyped_secret_is_not_repeated(
    arguments: list[str], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["play", *arguments, *(["--json"] if as_json else [])])

    said = capsys.readouterr()
    assert code == 2
    assert said.err
    assert_unsaid(said.out, said.err)


def test_a_key_file_that_is_wrong_is_told_by_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{STATED[0]}\n\n{STATED[1][:-1]}\n")

    code = main(["play", "x.mpd", "--key-file", str(file)])

    said = capsys.readouterr().err
    assert code == 2
    assert f"{file}, line 3" in said
    assert_unsaid(said)


def test_a_device_file_that_is_not_there_is_told_before_anything_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "device.wvd"

    code = main(["play", "x.mpd", "--widevine-device", str(file)])

    assert code == 2
    assert capsys.readouterr().err == f"netplay: {file}: No such file or directory\n"


@pytest.mark.slow
def test_a_device_file_that_is_none_is_one_line(
    netplay: Netplay, house: House, tmp_path: Path
) -> None:
    file = tmp_path / "device.wvd"
    file.write_bytes(b"no device")

    done = netplay("play", house.url, "--widevine-device", file)

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "not a device file" in line


@pytest.mark.slow
def test_a_protected_title_without_the_extra_names_it(house: House) -> None:
    done = without({"cryptography"}, "play", house.url)

    assert done.returncode == 2
    assert done.stderr == (
        "netplay: a protected title needs the 'drm' extra; "
        "in netplay's folder: pip install '.[drm]'\n"
    )


def test_the_help_warns_of_secrets_on_a_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["play", "--help"])

    said = " ".join(capsys.readouterr().out.split())
    assert "can be read by other users of this machine" in said
    assert "--key-file" in said
