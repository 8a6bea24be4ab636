"""Samples become what they were before encryption: Common Encryption, and HLS AES-128.

A pure function of bytes: key, IV, subsamples and pattern come from whoever read the boxes.
Two facts make it fast in Python. A cipher context is made once a key and begun anew for
each sample (a counter is set, a CBC chain is restarted by feeding the IV as one block of
ciphertext), because making one costs as much as decrypting 40 kB. And the encrypted blocks
of a pattern are gathered and put back by strided copies of words, so a sample costs a few
calls however many patterns it holds.

Source: ISO/IEC 23001-7:2023 (Common Encryption), clauses 9 and 10; RFC 8216, clauses 4.3.2.4
and 5.2 (HLS, whole segments).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from drm.errors import KeyMissing, SampleError, WrongKey

__all__ = ["SCHEMES", "Data", "Decryptor", "SegmentDecryptor"]

SCHEMES: Final = ("cenc", "cens", "cbc1", "cbcs", "aes-128")
"""Samples: AES-CTR, AES-CTR with a pattern, AES-CBC, AES-CBC with a pattern. The last is
HLS's for whole segments: AES-CBC and padding."""

BLOCK: Final = 16
KEY_BYTES: Final = 16

Data = bytes | bytearray | memoryview
"""A memoryview must be of bytes and contiguous."""

Update = Callable[[Data], bytes]


class Decryptor:
    """Decrypts under one key; holds a cipher's state and no key that can be read.

    Safe to call from several threads, which then take turns; lanes that should not wait
    for each other have one each.
    """

    __slots__ = ("__weakref__", "_context", "_kid", "_lock", "_scheme")

    def __init__(self, key: bytes | bytearray, scheme: str, *, kid: str = "") -> None:
        """Take a key; it is copied into the cipher and not kept.

        Args:
            key: Sixteen bytes.
            scheme: One of `SCHEMES`.
            kid: What errors call the key.

        Raises:
            ValueError: There is no such scheme, or the key has another size.
        """
        if scheme not in SCHEMES:
            raise ValueError(f"no encryption scheme {scheme!r}; {', '.join(SCHEMES)} exist")
        if len(key) != KEY_BYTES:
            raise ValueError(f"a content key of {len(key)} bytes; {KEY_BYTES} are one")
        mode = modes.CTR if scheme in ("cenc", "cens") else modes.CBC
        self._scheme = scheme
        self._kid = kid
        self._lock = threading.Lock()
        self._context: CipherContext | None = Cipher(
            algorithms.AES(key), mode(bytes(BLOCK))
        ).decryptor()

    @property
    def scheme(self) -> str:
        """Which of `SCHEMES`."""
        return self._scheme

    def decrypt(
        self,
        data: Data,
        iv: bytes,
        subsamples: Sequence[tuple[int, int]] = (),
        pattern: tuple[int, int] | None = None,
    ) -> bytes:
        """Return a sample in the clear.

        Args:
            data: The sample.
            iv: Sixteen bytes; in counter mode eight will do.
            subsamples: (clear bytes, protected bytes) one after another, which together are
                the sample; empty: all of it is protected.
            pattern: Of every crypt + skip blocks of a protected range, only the first crypt
                are encrypted; None, or a skip of 0, encrypts every whole block.

        Returns:
            As many bytes as came; with "aes-128", which takes a segment and neither
            subsamples nor a pattern, less the padding.

        Raises:
            SampleError: The sizes cannot belong to each other, or to the scheme.
            WrongKey: Only with "aes-128": there is no padding at the end.
            KeyMissing: The key was wiped.

        Source: ISO/IEC 23001-7:2023, clause 9.5 (subsamples), 9.6 (patterns: a range is
            cut into patterns from its start, and a last run of fewer than crypt blocks
            stays clear), 9.7 (whole samples), 10.1 to 10.4 (the schemes).
        """
        view = memoryview(data)
        if self._scheme == "aes-128":
            return self._segment(view, iv, subsamples, pattern)
        with self._lock:
            context = self._cipher()
            match self._scheme:
                case "cenc":
                    _without_pattern(pattern, "cenc")
                    update = _counter(context, iv, len(view))
                    return _joined(view, subsamples, update, whole_blocks=False)
                case "cbc1":
                    _without_pattern(pattern, "cbc1")
                    context.update(_chain_start(iv))
                    return _joined(view, subsamples, context.update, whole_blocks=True)
                case "cens":
                    update = _counter(context, iv, len(view))
                    return _patterned(view, subsamples, pattern, update, restart=b"")
                case _:
                    restart = _chain_start(iv)
                    return _patterned(view, subsamples, pattern, context.update, restart=restart)

    def segment(self, iv: bytes) -> SegmentDecryptor:
        """Return what decrypts one HLS segment while it arrives; only with "aes-128".

        Args:
            iv: Sixteen bytes: the EXT-X-KEY's, or the media sequence number, big-endian.

        Raises:
            SampleError: The IV has another size.
            ValueError: The scheme is another one.
        """
        if self._scheme != "aes-128":
            raise ValueError(f"{self._scheme} encrypts samples, not segments")
        return SegmentDecryptor(self._chained, _chain_start(iv), self._kid)

    def wipe(self) -> None:
        """Forget the key: OpenSSL overwrites its schedule when the cipher is freed."""
        with self._lock:
            self._context = None

    def _cipher(self) -> CipherContext:
        if self._context is None:
            raise KeyMissing(self._kid, "it was wiped")
        return self._context

    def _segment(
        self,
        view: memoryview,
        iv: bytes,
        subsamples: Sequence[tuple[int, int]],
        pattern: tuple[int, int] | None,
    ) -> bytes:
        _without_pattern(pattern, "aes-128")
        if subsamples:
            raise SampleError("aes-128 encrypts whole segments, which have no subsamples")
        segment = self.segment(iv)
        return segment.feed(view) + segment.finish()

    def _chained(self, before: bytes, data: Data) -> bytes:
        """Decrypt whole blocks of a CBC chain that stand behind a block."""
        with self._lock:
            return self._cipher().update(b"".join((before, data)))[BLOCK:]

    def __repr__(self) -> str:
        return f"<Decryptor {self._scheme}>"

    def __reduce__(self) -> str:
        raise TypeError("a Decryptor holds a key, and keys are not written down")


def _without_pattern(pattern: tuple[int, int] | None, scheme: str) -> None:
    if pattern is not None and pattern != (0, 0):
        raise SampleError(f"{scheme} has no patterns, but one of {pattern[0]}:{pattern[1]} came")


def _chain_start(iv: bytes) -> bytes:
    """Return what begins a CBC chain anew when it is decrypted, its result thrown away."""
    if len(iv) != BLOCK:
        raise SampleError(f"an IV of {len(iv)} bytes; CBC takes {BLOCK}")
    return iv


def _counter(context: CipherContext, iv: bytes, size: int) -> Update:
    """Set a counter to its start and return what decrypts from there."""
    if len(iv) == 8:
        context.reset_nonce(bytes(iv) + bytes(8))
        return context.update
    if len(iv) != BLOCK:
        raise SampleError(f"an IV of {len(iv)} bytes; counter mode takes 8 or {BLOCK}")
    context.reset_nonce(bytes(iv))
    until_wrap = (1 << 64) - int.from_bytes(iv[8:], "big")
    if size <= until_wrap * BLOCK:
        return context.update
    return _Wrapping(context, iv, until_wrap * BLOCK)


class _Wrapping:
    """A counter of 64 bits that comes back to zero, where the cipher's has 128.

    Source: ISO/IEC 23001-7:2023, clause 9.3: bytes 8 to 15 count, bytes 0 to 7 never change.
    """

    def __init__(self, context: CipherContext, iv: bytes, left_bytes: int) -> None:
        self._context = context
        self._iv = iv
        self._left_bytes: int = left_bytes

    def __call__(self, data: Data) -> bytes:
        view = memoryview(data)
        before, after = view[: self._left_bytes], view[self._left_bytes :]
        done = self._context.update(before)
        self._left_bytes -= len(before)
        if not after:
            return done
        self._context.reset_nonce(bytes(self._iv[:8]) + bytes(8))
        self._left_bytes = BLOCK << 64
        return done + self._context.update(after)


def _joined(
    view: memoryview,
    subsamples: Sequence[tuple[int, int]],
    update: Update,
    *,
    whole_blocks: bool,
) -> bytes:
    """Decrypt protected ranges as if they lay one behind the other."""
    if not subsamples:
        if not whole_blocks or len(view) % BLOCK == 0:
            return update(view)
        whole = len(view) // BLOCK * BLOCK
        return update(view[:whole]) + view[whole:]
    # Before the first byte: half a block would stay in the cipher and spoil the next sample.
    _check(subsamples, len(view), unit=BLOCK if whole_blocks else 1)
    pieces: list[Data] = []
    at = 0
    for clear, protected in subsamples:
        start, end = at + clear, at + clear + protected
        pieces.append(view[at:start])
        pieces.append(update(view[start:end]))
        at = end
    return b"".join(pieces)


def _check(subsamples: Sequence[tuple[int, int]], size: int, *, unit: int = 1) -> None:
    """Refuse subsamples that are not the sample, or protect something else than units."""
    covered = 0
    for clear, protected in subsamples:
        if clear < 0 or protected < 0 or protected % unit:
            raise SampleError(f"a range of {clear} clear and {protected} protected bytes")
        covered += clear + protected
    if covered != size:
        raise SampleError(f"subsamples of {covered} bytes together in a sample of {size}")


def _patterned(
    view: memoryview,
    subsamples: Sequence[tuple[int, int]],
    pattern: tuple[int, int] | None,
    update: Update,
    *,
    restart: bytes,
) -> bytes:
    """Decrypt the encrypted blocks of each protected range.

    Args:
        view: The sample.
        subsamples: Its ranges.
        pattern: Of each range.
        update: Decrypts what comes next.
        restart: A block that stands in front of each range and is not part of it; b"" where
            one range goes on where the other ended.
    """
    crypt, skip = pattern or (0, 0)
    if crypt < 0 or skip < 0 or (skip and not crypt):
        raise SampleError(f"a pattern of {crypt}:{skip} encrypts nothing")
    if subsamples:
        _check(subsamples, len(view))
    out = bytearray(view)
    inner = memoryview(out)
    at = 0
    for clear, protected in subsamples or ((0, len(view)),):
        start, at = at + clear, at + clear + protected
        blocks = protected // BLOCK
        if skip:
            runs = (blocks + skip) // (crypt + skip)
            if runs:
                end = start + BLOCK * (runs * (crypt + skip) - skip)
                _strided(inner[start:end].cast("Q"), runs, crypt, skip, update, restart)
        elif blocks:
            end = start + BLOCK * blocks
            plain = update(restart + inner[start:end])
            inner[start:end] = memoryview(plain)[len(restart) :]
    return bytes(out)


def _strided(
    words: memoryview, runs: int, crypt: int, skip: int, update: Update, restart: bytes
) -> None:
    """Decrypt, in place, the runs of blocks that a pattern encrypts.

    Args:
        words: From the start of the first run to the end of the last, in units of 8 bytes.
        runs: How many there are.
        crypt: Blocks in a run.
        skip: Blocks between two.
        update: Decrypts what comes next.
        restart: What stands in front.
    """
    width, period = 2 * crypt, 2 * (crypt + skip)
    gathered = bytearray(len(restart) + BLOCK * crypt * runs)
    gathered[: len(restart)] = restart
    cells = memoryview(gathered)[len(restart) :].cast("Q")
    for word in range(width):
        cells[word::width] = words[word::period]
    plain = memoryview(update(gathered))[len(restart) :].cast("Q")
    for word in range(width):
        words[word::period] = plain[word::width]


class SegmentDecryptor:
    """Decrypts one whole HLS segment while its bytes arrive; `Decryptor.segment` makes it.

    Source: RFC 8216, clause 4.3.2.4: AES-128 in CBC mode over the whole segment, padded as
    PKCS7 says (RFC 5652, clause 6.3).
    """

    __slots__ = ("_before", "_chained", "_kid", "_pending", "_size")

    def __init__(self, chained: Callable[[bytes, Data], bytes], iv: bytes, kid: str) -> None:
        self._chained = chained
        self._before = bytes(iv)
        self._kid = kid
        self._pending = b""
        self._size = 0

    def feed(self, data: Data) -> bytes:
        """Return what has become clear; the last block, with its padding, waits for `finish`.

        Raises:
            KeyMissing: The key was wiped.
        """
        self._size += len(data)
        whole = b"".join((self._pending, data))
        # One to sixteen bytes stay behind: they may be the last block.
        size = max(0, len(whole) - 1) // BLOCK * BLOCK
        self._pending = whole[size:]
        return self._decrypted(whole[:size]) if size else b""

    def finish(self) -> bytes:
        """Return the rest, without its padding.

        Raises:
            SampleError: The segment is empty or was cut inside a block.
            WrongKey: There is no padding at its end: the key or the IV is another one.
            KeyMissing: The key was wiped.
        """
        if len(self._pending) != BLOCK:
            raise SampleError(f"aes-128 segments are whole blocks, not {self._size} bytes")
        last = self._decrypted(self._pending)
        padding = last[-1]
        if not 1 <= padding <= BLOCK or last[-padding:] != bytes((padding,)) * padding:
            raise WrongKey(self._kid)
        return last[:-padding]

    def _decrypted(self, blocks: bytes) -> bytes:
        clear = self._chained(self._before, blocks)
        self._before = blocks[-BLOCK:]
        return clear
