"""Common Encryption as the standard words it: one block at a time, by AES alone.

Slow and plain on purpose; shares no code and no idea with what it is compared with.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16


def _aes(key: bytes, block: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=False))


def keystream(key: bytes, iv: bytes) -> Iterator[int]:
    """Yield what counter mode adds to each byte: bytes 8 to 15 count, and wrap (clause 9.3)."""
    iv = iv.ljust(BLOCK, b"\0")
    count = int.from_bytes(iv[8:], "big")
    while True:
        yield from _aes(key, iv[:8] + count.to_bytes(8, "big"))
        count = (count + 1) % 2**64


def protected_places(size: int, subsamples: Sequence[tuple[int, int]]) -> list[range]:
    """Return where the protected ranges of a sample are."""
    places, at = [], 0
    for clear, protected in subsamples or ((0, size),):
        places.append(range(at + clear, at + clear + protected))
        at += clear + protected
    assert at == size
    return places


def encrypted_blocks(place: range, pattern: tuple[int, int]) -> list[int]:
    """Return where each encrypted block of a range starts (clauses 9.6 and 9.7)."""
    crypt, skip = pattern
    whole = [*range(place.start, place.stop - BLOCK + 1, BLOCK)]
    if not skip:
        return whole
    found: list[int] = []
    while len(whole) >= crypt:
        found += whole[:crypt]
        whole = whole[crypt + skip :]
    return found


def encrypt(
    scheme: str,
    key: bytes,
    data: bytes,
    iv: bytes,
    subsamples: Sequence[tuple[int, int]] = (),
    pattern: tuple[int, int] | None = None,
) -> bytes:
    """Return a sample encrypted in one of the four schemes."""
    out = bytearray(data)
    places = protected_places(len(data), subsamples)
    if scheme == "cenc":
        for at, mask in zip(chain(*places), keystream(key, iv), strict=False):
            out[at] ^= mask
        return bytes(out)
    runs = [encrypted_blocks(place, pattern or (0, 0)) for place in places]
    if scheme == "cens":
        bytes_of = (at + n for at in chain(*runs) for n in range(BLOCK))
        for at, mask in zip(bytes_of, keystream(key, iv), strict=False):
            out[at] ^= mask
        return bytes(out)
    before = iv
    for run in runs:
        before = iv if scheme == "cbcs" else before
        for at in run:
            before = _aes(key, _xor(bytes(out[at : at + BLOCK]), before))
            out[at : at + BLOCK] = before
    return bytes(out)
