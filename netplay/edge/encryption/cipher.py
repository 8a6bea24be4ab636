"""One sample, encrypted: the four schemes of Common Encryption, from the sending side.

Written apart from `drm.cenc`, run by run as the standard words it, so that an error in one
of them shows as a difference.

Source: ISO/IEC 23001-7:2023, clauses 9.5 to 9.7 and 10.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

__all__ = ["Ranges", "Scheme", "encrypt_sample", "encrypt_whole"]

BLOCK: Final = 16

Scheme = Literal["cenc", "cens", "cbc1", "cbcs"]

Ranges = tuple[tuple[int, int], ...]
"""(clear bytes, protected bytes) one after another; empty: all of the sample is protected."""


def encrypt_sample(
    scheme: Scheme,
    key: bytes,
    data: bytes,
    iv: bytes,
    ranges: Ranges,
    pattern: tuple[int, int] = (0, 0),
) -> bytes:
    """Return a sample encrypted, as long as it was.

    Args:
        scheme: Which of the four.
        key: Sixteen bytes.
        data: The sample.
        iv: Sixteen bytes, or eight in the counter schemes.
        ranges: What of it is protected.
        pattern: Crypt and skip blocks; with skip 0 every whole block is encrypted.
    """
    out = bytearray(data)
    protected = list(_places(len(data), ranges))
    if scheme == "cenc":
        _encrypt(out, protected, _counter(key, iv))
    elif scheme == "cbc1":
        _encrypt(out, [run for place in protected for run in _runs(place, (0, 0))], _chain(key, iv))
    elif scheme == "cens":
        runs = [run for place in protected for run in _runs(place, pattern)]
        _encrypt(out, runs, _counter(key, iv))
    else:
        for place in protected:
            _encrypt(out, list(_runs(place, pattern)), _chain(key, iv))
    return bytes(out)


def encrypt_whole(key: bytes, data: bytes, iv: bytes) -> bytes:
    """Return a file encrypted as HLS's METHOD=AES-128 wants it: CBC with PKCS7 padding."""
    padder, cipher = PKCS7(8 * BLOCK).padder(), _chain(key, iv).encryptor()
    return cipher.update(padder.update(data) + padder.finalize())


def _counter(key: bytes, iv: bytes) -> Cipher[modes.CTR]:
    return Cipher(algorithms.AES(key), modes.CTR(iv.ljust(BLOCK, b"\0")))


def _chain(key: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def _places(size: int, ranges: Ranges) -> Iterator[range]:
    """Yield where each protected range is."""
    at = 0
    for clear, protected in ranges or ((0, size),):
        yield range(at + clear, at + clear + protected)
        at += clear + protected
    assert at == size, f"subsamples of {at} bytes in a sample of {size}"


def _runs(place: range, pattern: tuple[int, int]) -> Iterator[range]:
    """Yield the bytes of a protected range that are encrypted."""
    crypt, skip = pattern
    if not skip:
        yield range(place.start, place.stop - len(place) % BLOCK)
        return
    for at in range(place.start, place.stop, BLOCK * (crypt + skip)):
        if at + BLOCK * crypt <= place.stop:
            yield range(at, at + BLOCK * crypt)


def _encrypt(
    out: bytearray, runs: Sequence[range], cipher: Cipher[modes.CTR] | Cipher[modes.CBC]
) -> None:
    secret = cipher.encryptor().update(b"".join(out[run.start : run.stop] for run in runs))
    at = 0
    for run in runs:
        out[run.start : run.stop] = secret[at : at + len(run)]
        at += len(run)
