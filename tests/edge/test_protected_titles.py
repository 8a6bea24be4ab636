"""A protected title: what its manifests say is what its files are, and both can be undone."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import m3u8
import pytest

from drm.cenc import Decryptor
from netplay.edge.encryption.cipher import Scheme
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.protect import protect, protect_segments
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.fmp4 import full_box
from netplay.edge.title import Title
from netplay.manifest import parse_manifest
from netplay.media.fragments import FragmentReader, Sample
from netplay.media.init import read_init
from netplay.segments import Protection

SD, HD, SOUND, NEXT = (
    ContentKey(bytes(range(n, n + 16)), bytes(range(n + 99, n + 115))) for n in range(4)
)
KEY_OF = {it.kid: it.key for it in (SD, HD, SOUND, NEXT)}
TIERS = (
    Tier((SD, NEXT), kind="video", up_to_height=72),
    Tier((HD, NEXT), kind="video"),
    Tier((SOUND, NEXT), kind="audio"),
)
WIDEVINE = "edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"
PSSH = full_box("pssh", bytes.fromhex(WIDEVINE.replace("-", "")), bytes(4))
SYSTEMS = (
    SystemSignal(
        system=WIDEVINE, pssh=base64.b64encode(PSSH).decode(), license_url="https://l.test/w"
    ),
    SystemSignal(system="clearkey", license_url="https://l.test/clearkey"),
    SystemSignal(system="identity", license_url="https://l.test/key/{kid}"),
)


def made(folder: Path, target: Path, scheme: Scheme = "cbcs", **changes: object) -> Title:
    plan = EncryptionPlan(scheme=scheme, tiers=TIERS, pssh=(PSSH,))
    plan = replace(plan, **changes)  # type: ignore[arg-type]
    return protect(folder, target, plan, systems=SYSTEMS)


def samples(home: Path, init: str = "init.mp4", pattern: str = "[0-9]*.m4s") -> Iterator[Sample]:
    reader = FragmentReader(read_init((home / init).read_bytes()))
    for file in sorted(home.glob(pattern)):
        yield from reader.feed(file.read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["cenc", "cens", "cbc1", "cbcs"])
def test_every_file_holds_what_the_clear_one_held(
    folder: Path, tmp_path: Path, scheme: Scheme
) -> None:
    title = made(folder, tmp_path, scheme, rotate_every=2, clear_lead=1)

    for track in title.of("video") + title.of("audio"):
        for args in (("init.mp4", "[0-9]*.m4s"), ("init.mp4", "all.mp4")):
            clear = [bytes(it.data) for it in samples(folder / track.id, *args)]
            found = [
                bytes(it.data)
                if (how := it.encryption) is None
                else Decryptor(KEY_OF[how.kid], scheme).decrypt(
                    it.data, how.iv, how.subsamples, how.pattern
                )
                for it in samples(tmp_path / track.id, *args)
            ]
            assert found == clear


def test_the_title_says_how_large_its_files_are(folder: Path, tmp_path: Path) -> None:
    title = made(folder, tmp_path, rotate_every=2)

    assert Title.load(tmp_path) == title
    assert "ts" not in title.spec.forms
    for track in title.of("video") + title.of("audio"):
        home = tmp_path / track.id
        whole = (home / "all.mp4").read_bytes()
        at = track.init_bytes + track.index_bytes
        assert (home / "init.mp4").stat().st_size == track.init_bytes
        for number, segment in enumerate(track.segments, 1):
            data = (home / f"{number:05}.m4s").read_bytes()
            assert len(data) == segment.size_bytes
            assert whole[at : at + len(data)] == data
            assert (home / "time" / f"{segment.start}.m4s").read_bytes() == data
            reader = FragmentReader(read_init((home / "init.mp4").read_bytes()))
            assert reader.feed(data[: segment.key_bytes - 1]) == []
            assert len(reader.feed(data[segment.key_bytes - 1 : segment.key_bytes])) == 1
            at += len(data)
        assert at == len(whole)


def protections(text: str) -> dict[str, tuple[Protection, ...]]:
    presentation = parse_manifest(text, "https://cdn.test/t/manifest")
    return {
        representation.name: representation.protections
        for period in presentation.periods
        for representation in period.representations
    }


def test_an_mpd_names_scheme_key_ids_and_key_systems(folder: Path, tmp_path: Path) -> None:
    title = made(folder, tmp_path, "cens")

    found = protections((tmp_path / "manifest.mpd").read_text())

    rungs = title.of("video")
    for track, key in ((rungs[0], SD), (rungs[2], HD), (title.of("audio")[0], SOUND)):
        assert found[track.id] == (
            Protection(WIDEVINE, "cens", key.kid.hex(), PSSH, "https://l.test/w"),
            Protection("clearkey", "cens", key.kid.hex(), b"", "https://l.test/clearkey"),
        )
    assert list(tmp_path.rglob("*.m3u8")) == []


@pytest.mark.parametrize(("scheme", "method"), [("cbcs", "SAMPLE-AES"), ("cenc", "SAMPLE-AES-CTR")])
def test_a_playlist_names_the_key_of_each_segment(
    folder: Path, tmp_path: Path, scheme: Scheme, method: str
) -> None:
    title = made(folder, tmp_path, scheme, rotate_every=2, clear_lead=1)
    text = (tmp_path / title.of("video")[0].id / "media.m3u8").read_text()

    found = [line for line in text.splitlines() if "-KEY:" in line or line.endswith(".m4s")]

    def tags(key: ContentKey) -> list[str]:
        kid, pssh = key.kid.hex(), base64.b64encode(PSSH).decode()
        head, middle = f"#EXT-X-KEY:METHOD={method}", f"KEYID=0x{kid},KEYFORMAT"
        end = 'KEYFORMATVERSIONS="1"'
        return [
            f'{head},URI="data:text/plain;base64,{pssh}",{middle}="urn:uuid:{WIDEVINE}",{end}',
            f'{head},URI="https://l.test/clearkey",{middle}="org.w3.clearkey",{end}',
            f'{head},URI="https://l.test/key/{kid}"',
        ]

    files = [f"{number:05}.m4s" for number in range(1, 7)]
    expected = ["#EXT-X-KEY:METHOD=NONE", files[0], *tags(SD), files[1]]
    expected += [*tags(NEXT), *files[2:4], *tags(SD), *files[4:]]
    assert found == expected


def test_the_multivariant_playlist_names_every_key(folder: Path, tmp_path: Path) -> None:
    made(folder, tmp_path, rotate_every=2)

    text = (tmp_path / "master.m3u8").read_text()

    for key in (SD, HD, SOUND, NEXT):
        assert f'#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="https://l.test/key/{key.kid.hex()}"' in (
            text.splitlines()
        )


def test_no_key_is_written_anywhere(folder: Path, tmp_path: Path) -> None:
    made(folder, tmp_path, rotate_every=2)

    for file in tmp_path.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        for key in KEY_OF.values():
            assert key not in data
            assert key.hex().encode() not in data
            assert base64.b64encode(key) not in data


def test_whole_segments_are_decrypted_as_their_playlists_say(folder: Path, tmp_path: Path) -> None:
    keys = {"video": HD, "audio": SOUND}
    title = protect_segments(
        folder,
        tmp_path,
        keys,  # type: ignore[arg-type]
        key_url="https://l.test/key/{kid}",
    )

    assert list(tmp_path.glob("*.mpd")) == []
    assert Title.load(tmp_path) == title
    for track in title.of("video") + title.of("audio"):
        decryptor = Decryptor(keys[track.kind].key, "aes-128")
        for form in ("", "ts/"):
            home = tmp_path / f"{form}{track.id}"
            playlist = m3u8.load(str(home / "media.m3u8"))
            for number, segment in enumerate(playlist.segments):
                uri = segment.key.uri
                iv = bytes.fromhex(segment.key.iv[2:]) if segment.key.iv else number.to_bytes(16)
                assert uri == f"https://l.test/key/{keys[track.kind].kid.hex()}"
                assert bool(segment.key.iv) == (form == "")
                clear = (folder / f"{form}{track.id}" / segment.uri).read_bytes()
                assert decryptor.decrypt((home / segment.uri).read_bytes(), iv) == clear
        init = (tmp_path / track.id / "init.mp4").read_bytes()
        iv = bytes.fromhex(title.protection.iv) if title.protection else b""
        assert decryptor.decrypt(init, iv) == (folder / track.id / "init.mp4").read_bytes()
        sizes = [it.size_bytes for it in track.segments]
        assert sizes == [(tmp_path / track.id / f"{n:05}.m4s").stat().st_size for n in range(1, 7)]


@pytest.mark.slow
def test_ffmpeg_plays_whole_segments_from_the_playlist(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "key.bin").write_bytes(HD.key)
    target = tmp_path / "title"
    target.mkdir()
    title = protect_segments(
        folder, target, {"video": HD, "audio": HD}, key_url=(tmp_path / "key.bin").as_uri()
    )
    track = title.of("video")[0]

    def frames(playlist: Path) -> list[bytes]:
        options = {"allowed_extensions": "ALL", "protocol_whitelist": "file,crypto,data"}
        options["extension_picky"] = "0"
        with av.open(str(playlist), options=options) as container:
            return [bytes(frame.planes[0]) for frame in container.decode(video=0)]

    for form in ("", "ts/"):
        name = f"{form}{track.id}/media.m3u8"
        assert frames(target / name) == frames(folder / name)
