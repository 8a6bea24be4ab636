"""Media encrypted by others comes out byte for byte as it went in.

The witnesses are Shaka Packager, in all four schemes, and FFmpeg's muxer, which knows one.
"""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from clips import KID, clip, encrypted
from shaka import package

from drm.cenc import Decryptor
from netplay.edge.encryption.ranges import protector
from netplay.media.fragments import FragmentReader, Sample
from netplay.media.init import read_init

pytestmark = pytest.mark.slow

KEYS = {
    "video": (bytes(range(16)), bytes(range(100, 116))),
    "audio": (bytes(range(16, 32)), bytes(range(50, 66))),
}
SCHEMES = ("cenc", "cens", "cbc1", "cbcs")
CODECS = {
    "libx264": "video",
    "libx265": "video",
    "libvpx-vp9": "video",
    "libsvtav1": "video",
    "aac": "audio",
    "libopus": "audio",
}


def samples_of(data: bytes) -> list[Sample]:
    return FragmentReader(read_init(data)).feed(data)


def decrypted(samples: Iterable[Sample], keys: dict[bytes, bytes], scheme: str) -> list[bytes]:
    return [
        bytes(it.data)
        if it.encryption is None
        else Decryptor(keys[it.encryption.kid], scheme).decrypt(
            it.data, it.encryption.iv, it.encryption.subsamples, it.encryption.pattern
        )
        for it in samples
    ]


def options(scheme: str, *, clear_lead_s: int = 0, key_s: int = 0) -> list[str]:
    keys = ",".join(
        f"label={name}:key_id={kid.hex()}:key={key.hex()}" for name, (kid, key) in KEYS.items()
    )
    found = ["--enable_raw_key_encryption", "--keys", keys, "--protection_scheme", scheme]
    found += ["--clear_lead", str(clear_lead_s)]
    return found + (["--crypto_period_duration", str(key_s)] if key_s else [])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("codec", CODECS)
def test_what_shaka_encrypts_is_decrypted(tmp_path: Path, codec: str, scheme: str) -> None:
    source, stream = tmp_path / "clear.mp4", CODECS[codec]
    source.write_bytes(clip(codec))
    clear = samples_of(package(source, stream))

    secret = samples_of(package(source, stream, *options(scheme)))

    assert None not in [it.encryption for it in secret]
    assert [bytes(it.data) for it in secret] != [bytes(it.data) for it in clear]
    assert decrypted(secret, dict([KEYS[stream]]), scheme) == [bytes(it.data) for it in clear]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("stream", KEYS)
def test_shakas_clear_lead_is_left_alone(tmp_path: Path, stream: str, scheme: str) -> None:
    source = tmp_path / "clear.mp4"
    source.write_bytes(clip("libx264", "aac", seconds=4))
    clear = samples_of(package(source, stream))

    secret = samples_of(package(source, stream, *options(scheme, clear_lead_s=2)))

    states = [it.encryption is None for it in secret]
    assert 0 < sum(states) < len(states)
    assert states == sorted(states, reverse=True)
    assert decrypted(secret, dict([KEYS[stream]]), scheme) == [bytes(it.data) for it in clear]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("stream", KEYS)
def test_shakas_keys_take_turns(tmp_path: Path, stream: str, scheme: str) -> None:
    source = tmp_path / "clear.mp4"
    source.write_bytes(clip("libx264", "aac", seconds=4))
    clear = samples_of(package(source, stream))
    kid, key = KEYS[stream]
    # Without a key server it makes the next key and key id by rotating the bytes of the last.
    turns = {kid[n:] + kid[:n]: key[n:] + key[:n] for n in range(16)}

    secret = samples_of(package(source, stream, *options(scheme, key_s=1)))

    kids = [it.encryption.kid for it in secret if it.encryption is not None]
    assert len(kids) == len(secret)
    assert sum(one != other for one, other in pairwise(kids)) >= 2
    assert decrypted(secret, turns, scheme) == [bytes(it.data) for it in clear]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_slice_headers_end_where_shaka_says(tmp_path: Path, codec: str) -> None:
    source = tmp_path / "clear.mp4"
    source.write_bytes(clip(codec, seconds=4))
    packaged = package(source, "video")
    mine = protector(read_init(packaged).tracks[0], "cbcs")

    theirs = samples_of(package(source, "video", *options("cbcs")))

    compared = 0
    for clear, secret in zip(samples_of(packaged), theirs, strict=True):
        assert secret.encryption is not None
        # It gives a range to protected bytes that are too few to hold a block; we do not.
        if all(protected >= 16 for _, protected in secret.encryption.subsamples):
            assert mine(bytes(clear.data)) == secret.encryption.subsamples
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("codecs", [("libx264",), ("aac",), ("libopus",)], ids="+".join)
def test_what_ffmpeg_encrypts_is_decrypted(codecs: tuple[str, ...]) -> None:
    clear = samples_of(clip(*codecs))

    secret = samples_of(encrypted(*codecs))

    assert None not in [it.encryption for it in secret]
    found = decrypted(secret, {KID: bytes.fromhex("01" * 16)}, "cenc")
    assert found == [bytes(it.data) for it in clear]
