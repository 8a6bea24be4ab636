"""Encrypts what `package` made: clear CMAF in, Common Encryption out, segment by segment.

Nothing is kept between segments, so an origin may encrypt on request: IVs follow from the
key and a sample's decode time. Samples keep their sizes; only the boxes around them grow.

Source: ISO/IEC 23001-7:2023, clauses 4 to 8; ISO/IEC 14496-12:2022, clauses 8.7.8, 8.7.9,
8.9 and 8.12.
"""

import hashlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netplay.edge.encryption.cipher import Ranges, encrypt_sample
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.ranges import Protector, protector
from netplay.edge.fmp4 import box, full_box
from netplay.media.boxes import Box, boxes
from netplay.media.init import InitSegment, TrackInit, read_init
from netplay.media.moof import read_moof

__all__ = ["TrackEncryptor", "encrypt_init", "encrypt_segment"]

ENTRIES = {"video": "encv", "audio": "enca"}
FRAGMENT_GROUP = 0x10001
"""The first key group that a fragment describes itself."""


def encrypt_init(init: bytes, plan: EncryptionPlan) -> bytes:
    """Return a one-track init segment as its encrypted segments need it.

    Raises:
        ValueError: It has another number of tracks, or a codec nobody here can encrypt.
        MediaError: It is no init segment.
    """
    return TrackEncryptor(init, plan).init


def encrypt_segment(segment: bytes, init: bytes, plan: EncryptionPlan, number: int) -> bytes:
    """Return a media segment encrypted.

    Args:
        segment: Of one track, in the clear.
        init: Its init segment, in the clear.
        plan: How.
        number: Which of the track, from 0: says whether it is in the clear lead, and whose
            turn among its keys it is.

    Raises:
        ValueError: As `encrypt_init`.
        MediaError: A box is broken.
    """
    return TrackEncryptor(init, plan).segment(segment, number)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A sample, encrypted."""

    data: bytes
    iv: bytes
    ranges: Ranges


class TrackEncryptor:
    """Encrypts the segments of one track, in any order.

    Attributes:
        init: The init segment, as it goes with them.
        tier: Whose keys; None: the track stays in the clear.
    """

    def __init__(self, init: bytes, plan: EncryptionPlan) -> None:
        """Read a clear init segment.

        Raises:
            ValueError: It has another number of tracks, or a codec nobody here can encrypt.
            MediaError: It is no init segment.
        """
        self._clear: InitSegment = read_init(init)
        if len(self._clear.tracks) != 1:
            raise ValueError(f"an init segment of {len(self._clear.tracks)} tracks; one is read")
        self._plan = plan
        self._track = self._clear.tracks[0]
        self.tier: Tier | None = plan.tier(self._track.kind, self._track.height)
        self._pattern = (0, 0)
        self._protect: Protector | None = None
        if plan.patterned:
            self._pattern = plan.pattern if self._track.kind == "video" else plan.audio_pattern
        if self.tier is not None:
            self._protect = protector(self._track, plan.scheme)
        self.init = self._encrypted_init(init) if self.tier else init

    def key(self, number: int) -> ContentKey | None:
        """Return the key of a segment, or None where it is in the clear."""
        if self.tier is None or number < self._plan.clear_lead:
            return None
        turn = number // self._plan.rotate_every if self._plan.rotate_every else 0
        return self.tier.keys[turn % len(self.tier.keys)]

    def segment(self, data: bytes, number: int) -> bytes:
        """Return a segment encrypted.

        Raises:
            ValueError: Its fragments are laid out as `package` never does.
            MediaError: A box is broken.
        """
        if self.tier is None:
            return data
        key, out = self.key(number), bytearray()
        for found in boxes(data):
            if found.kind == "moof":
                out += self._fragment(data, found, key)
            elif found.kind != "mdat":
                out += data[found.start : found.end]
        return bytes(out)

    # The init segment.

    def _encrypted_init(self, init: bytes) -> bytes:
        path = ("moov", "trak", "mdia", "minf", "stbl", "stsd")
        whole = b"".join(
            _edited(init, found, path[1:], self._stsd)
            if found.kind == "moov"
            else init[found.start : found.end]
            for found in boxes(init)
        )
        moov = next(found for found in boxes(whole) if found.kind == "moov")
        inner = whole[moov.body : moov.end] + b"".join(self._plan.pssh)
        return whole[: moov.start] + box("moov", inner) + whole[moov.end :]

    def _stsd(self, data: bytes, stsd: Box) -> bytes:
        """Return the descriptions encrypted, and the clear ones behind them if needed."""
        entries = [(it.kind, data[it.body : it.end]) for it in boxes(data, stsd.body + 8, stsd.end)]
        coded = [box(ENTRIES[self._track.kind], body, self._sinf(kind)) for kind, body in entries]
        if self._plan.clear_lead and self._plan.clear_lead_by == "description":
            coded += [box(kind, body) for kind, body in entries]
        return box("stsd", data[stsd.body : stsd.body + 4], struct.pack(">I", len(coded)), *coded)

    def _sinf(self, original: str) -> bytes:
        assert self.tier is not None, "only encrypted tracks have one"
        scheme = self._plan.scheme.encode()
        tenc = full_box("tenc", self._key_fields(self.tier.keys[0]), version=self._plan.patterned)
        return box(
            "sinf",
            box("frma", original.encode("latin-1")),
            full_box("schm", scheme, struct.pack(">I", 0x10000)),
            box("schi", tenc),
        )

    def _key_fields(self, key: ContentKey | None) -> bytes:
        """Return what `tenc` and `seig` have in common; without a key, that there is none."""
        if key is None:
            return bytes(20)
        crypt, skip = self._pattern
        iv_bytes = self._plan.sample_iv_bytes
        head = bytes((0, crypt << 4 | skip, 1, iv_bytes)) + key.kid
        return head if iv_bytes else head + b"\x10" + _constant_iv(key)

    # A fragment.

    def _fragment(self, data: bytes, moof: Box, key: ContentKey | None) -> bytes:
        """Return a moof with what its samples became, and its mdat."""
        runs = read_moof(
            data, moof, position=moof.start, init=self._clear, decode_ticks={}, what="segment"
        )
        mdat = next((it for it in boxes(data, moof.end) if it.kind == "mdat"), None)
        if mdat is None or any(
            not mdat.body <= run.start <= run.ends[-1] <= mdat.end for run in runs
        ):
            raise ValueError("the samples of a fragment are not in the mdat behind it")
        body = bytearray(data[mdat.body : mdat.end])
        sealed: list[_Sealed] = []
        for run in runs:
            for start, end, dts, *_ in run.rows:
                if key is not None:
                    sealed.append(self._sealed(data[start:end], dts, key))
                    body[start - mdat.body : end - mdat.body] = sealed[-1].data
        return self._moof(data, moof, key, sealed) + box("mdat", bytes(body))

    def _sealed(self, data: bytes, dts: int, key: ContentKey) -> _Sealed:
        assert self._protect is not None, "there is a key, so there is something to protect"
        ranges = self._protect(data)
        own = self._plan.sample_iv_bytes
        iv = _sample_iv(self._plan, self._track, key, dts) if own else _constant_iv(key)
        secret = encrypt_sample(self._plan.scheme, key.key, data, iv, ranges, self._pattern)
        return _Sealed(secret, iv if own else b"", ranges)

    def _moof(
        self, data: bytes, moof: Box, key: ContentKey | None, sealed: Sequence[_Sealed]
    ) -> bytes:
        """Return a moof that says how its samples are encrypted."""
        inner = list(boxes(data, moof.body, moof.end))
        trafs = [it for it in inner if it.kind == "traf"]
        if len(trafs) != 1:
            raise ValueError(f"a fragment of {len(trafs)} tracks; one is read")
        before = sum(it.size_bytes for it in inner[: inner.index(trafs[0])])

        def made(grown: int) -> bytes:
            traf = self._traf(data, trafs[0], key, sealed, grown=grown, at=8 + before)
            parts = [traf if it == trafs[0] else data[it.start : it.end] for it in inner]
            return box("moof", *parts)

        # Made twice: how far the samples move is known once the boxes are there.
        return made(len(made(0)) - moof.size_bytes)

    def _traf(
        self,
        data: bytes,
        traf: Box,
        key: ContentKey | None,
        sealed: Sequence[_Sealed],
        *,
        grown: int,
        at: int,
    ) -> bytes:
        by_description = key is None and self._plan.clear_lead_by == "description"
        parts = []
        for found in boxes(data, traf.body, traf.end):
            whole = data[found.start : found.end]
            if found.kind == "tfhd" and by_description:
                whole = _described(whole, 2)
            parts.append(_moved(whole, grown) if found.kind == "trun" else whole)
        if not by_description and (key is None or self._plan.rotate_every):
            fields = self._key_fields(key)
            count = sum(struct.unpack_from(">I", it, 12)[0] for it in parts if it[4:8] == b"trun")
            group = struct.pack(">4sIII", b"seig", 1, count, FRAGMENT_GROUP)
            parts.append(full_box("sbgp", group))
            stated = struct.pack(">4sII", b"seig", len(fields), 1)
            parts.append(full_box("sgpd", stated, fields, version=1))
        information = [_information(it) for it in sealed]
        if any(information):
            subsampled = any(it.ranges for it in sealed)
            parts += self._auxiliary(
                information, at + 8 + sum(map(len, parts)), subsampled=subsampled
            )
        return box("traf", *parts)

    def _auxiliary(self, rows: Sequence[bytes], at: int, *, subsampled: bool) -> list[bytes]:
        """Return saiz, saio and what they find, the first of them at an offset in the moof."""
        sizes = bytes(map(len, rows)) if max(map(len, rows)) < 256 else b""
        if not sizes:
            raise ValueError("a sample has more subsamples than saiz can say")
        same = sizes[0] if len(set(sizes)) == 1 else 0
        saiz = full_box("saiz", struct.pack(">BI", same, len(rows)), b"" if same else sizes)
        hidden = self._plan.information == "saio"
        place = at + len(saiz) + 20 + (8 if hidden else 16)
        saio = full_box("saio", struct.pack(">II", 1, place))
        if hidden:
            return [saiz, saio, box("free", *rows)]
        count = struct.pack(">I", len(rows))
        return [saiz, saio, full_box("senc", count, *rows, flags=2 if subsampled else 0)]


def _constant_iv(key: ContentKey) -> bytes:
    return hashlib.sha256(b"constant iv" + key.kid).digest()[:16]


def _sample_iv(plan: EncryptionPlan, track: TrackInit, key: ContentKey, dts: int) -> bytes:
    """Return an IV that no other sample under the key has, but by a chance of one in 2**64."""
    # Tracks of one tier share a key and decode times, so what tells them apart goes in.
    about = f"{track.kind} {track.codec} {track.width}x{track.height} {track.language} {dts}"
    digest = hashlib.sha256(key.kid + about.encode() + track.extradata).digest()
    if plan.scheme in ("cenc", "cens"):
        # The rest counts blocks, from zero.
        return digest[:8].ljust(plan.sample_iv_bytes, b"\0")
    return digest[:16]


def _information(sealed: _Sealed) -> bytes:
    """Return a sample's auxiliary information: IV, then subsamples."""
    if not sealed.ranges:
        return sealed.iv
    cells = [cell for pair in sealed.ranges for cell in pair]
    return sealed.iv + struct.pack(">H" + "HI" * len(sealed.ranges), len(sealed.ranges), *cells)


def _edited(
    data: bytes, outer: Box, path: Sequence[str], edit: Callable[[bytes, Box], bytes]
) -> bytes:
    """Return a box with the inner one that a path leads to replaced."""
    parts = []
    for found in boxes(data, outer.body, outer.end):
        if found.kind != path[0]:
            parts.append(data[found.start : found.end])
        elif len(path) == 1:
            parts.append(edit(data, found))
        else:
            parts.append(_edited(data, found, path[1:], edit))
    return box(outer.kind, *parts)


def _described(tfhd: bytes, index: int) -> bytes:
    """Return a tfhd that uses another of the track's sample descriptions."""
    (flags,) = struct.unpack_from(">I", tfhd, 8)
    at = 24 if flags & 1 else 16
    rest = tfhd[at + 4 :] if flags & 2 else tfhd[at:]
    stated = struct.pack(">I", flags | 2) + tfhd[12:at] + struct.pack(">I", index)
    return box("tfhd", stated, rest)


def _moved(trun: bytes, by: int) -> bytes:
    """Return a trun whose samples lie further behind."""
    flags, _, offset = struct.unpack_from(">IIi", trun, 8)
    if not flags & 1:
        raise ValueError("a run of samples does not say where it starts")
    return trun[:16] + struct.pack(">i", offset + by) + trun[20:]
