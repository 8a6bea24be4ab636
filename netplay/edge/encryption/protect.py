"""A protected copy of a title: every file encrypted, and manifests that say so.

The clear title is packaged once and kept; what comes of it under a plan is another folder
of plain files that any static server can hand out.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path

from netplay.edge import fmp4, manifests
from netplay.edge.encryption.cipher import encrypt_whole
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan
from netplay.edge.encryption.signals import Signals, SystemSignal
from netplay.edge.encryption.track import TrackEncryptor
from netplay.edge.title import Form, Title, Track, TrackKind
from netplay.media.boxes import boxes

__all__ = ["protect", "protect_segments"]


def protect(
    source: Path, target: Path, plan: EncryptionPlan, *, systems: tuple[SystemSignal, ...] = ()
) -> Title:
    """Write a title protected by Common Encryption into an empty folder.

    MPEG-TS has no Common Encryption, so that form is left out.

    Args:
        source: The clear title's folder.
        target: Exists and is empty.
        plan: How.
        systems: To whom manifests speak of it.

    Raises:
        ValueError: A track cannot be encrypted.
        OSError: A file cannot be read or written.
    """
    clear = Title.load(source)
    tracks, kids = [], {}
    for track in clear.tracks:
        home = target / track.id
        home.mkdir()
        if track.kind == "text":
            _copy(source / track.id, home)
            tracks.append(track)
            continue
        init, bodies = _media(source / track.id, track)
        encryptor = TrackEncryptor(init, plan)
        if encryptor.tier is not None:
            kids[track.id] = tuple(key.kid.hex() for key in encryptor.tier.keys)
        sealed = [encryptor.segment(body, number) for number, body in enumerate(bodies)]
        grown = [
            _moof_bytes(after) - _moof_bytes(before)
            for before, after in zip(bodies, sealed, strict=True)
        ]
        tracks.append(
            _write(clear, track, home, encryptor.init, list(zip(sealed, grown, strict=True)))
        )
    signals = Signals(
        scheme=plan.scheme,
        kids=kids,
        rotate_every=plan.rotate_every,
        clear_lead=plan.clear_lead,
        systems=systems,
    )
    forms = tuple(form for form in clear.spec.forms if form != "ts")
    return _finish(clear, target, tuple(tracks), forms, signals)


def protect_segments(
    source: Path, target: Path, keys: Mapping[TrackKind, ContentKey], *, key_url: str
) -> Title:
    """Write a title whose segments are encrypted whole, as HLS's METHOD=AES-128 has it.

    CMAF segments, and the init segment with them, have an IV that the playlist states;
    MPEG-TS and packed audio have their sequence number. Single files are left out.

    Args:
        source: The clear title's folder.
        target: Exists and is empty.
        keys: By kind of track; kinds that are not here stay in the clear. MPEG-TS is
            encrypted under the key of its video.
        key_url: Where playlists say a key's sixteen bytes are; "{kid}" becomes its id.

    Raises:
        OSError: A file cannot be read or written.
    """
    clear = Title.load(source)
    iv = hashlib.sha256(clear.spec.digest().encode()).digest()[:16]
    tracks = []
    for track in clear.tracks:
        key = None if track.kind == "text" else keys.get(track.kind)
        whole, wrapped = _whole(key, iv), _whole(key, None)
        sizes = _sealed(source / track.id, target / track.id, whole)
        ts_sizes = _sealed(source / "ts" / track.id, target / "ts" / track.id, wrapped)
        stored = [
            replace(segment, size_bytes=size)
            for segment, size in zip(track.segments, sizes, strict=bool(sizes))
        ]
        ts_bytes = tuple(ts_sizes) if track.kind != "text" else ()
        tracks.append(replace(track, segments=tuple(stored) or track.segments, ts_bytes=ts_bytes))
    signals = Signals(
        scheme="aes-128",
        kids={it.id: (keys[it.kind].kid.hex(),) for it in tracks if it.kind in keys},
        systems=(SystemSignal(system="identity", license_url=key_url),),
        iv=iv.hex(),
    )
    forms = tuple(form for form in clear.spec.forms if form != "file")
    return _finish(clear, target, tuple(tracks), forms, signals)


Sealer = Callable[[bytes, int], bytes]
"""Encrypts a file, given its place among its like."""


def _whole(key: ContentKey | None, iv: bytes | None) -> Sealer:
    """Return what encrypts files whole, under one IV or under their sequence numbers."""
    if key is None:
        return lambda data, _: data
    content_key = key.key
    return lambda data, number: encrypt_whole(content_key, data, iv or number.to_bytes(16, "big"))


def _sealed(source: Path, target: Path, seal: Sealer) -> list[int]:
    """Write a folder's init segment and segments encrypted, and return the segments' sizes."""
    if not source.is_dir():
        return []
    target.mkdir(parents=True)
    sizes = []
    for file in sorted(source.iterdir()):
        if file.suffix == ".m3u8" or file.name == "all.mp4" or not file.is_file():
            continue
        # Files are called after their number, from 1; sequence numbers count from 0.
        number = int(file.stem) - 1 if file.stem.isdecimal() else 0
        data = seal(file.read_bytes(), number)
        (target / file.name).write_bytes(data)
        if file.stem.isdecimal():
            sizes.append(len(data))
    return sizes


def _copy(source: Path, target: Path) -> None:
    for file in source.iterdir():
        if file.suffix == ".vtt":
            (target / file.name).write_bytes(file.read_bytes())


def _media(home: Path, track: Track) -> tuple[bytes, list[bytes]]:
    """Return a track's init segment and its segments, from whichever form there is."""
    if (home / "init.mp4").is_file():
        files = [home / f"{number:05}.m4s" for number in range(1, len(track.segments) + 1)]
        return (home / "init.mp4").read_bytes(), [file.read_bytes() for file in files]
    data = (home / "all.mp4").read_bytes()
    sizes = [segment.size_bytes for segment in track.segments]
    ends = list(accumulate(sizes, initial=track.init_bytes + track.index_bytes))
    return data[: track.init_bytes], [data[at:end] for at, end in pairwise(ends)]


def _moof_bytes(segment: bytes) -> int:
    """Return the size of a segment's first moof: what grows in front of its first sample."""
    return next(it.size_bytes for it in boxes(segment) if it.kind == "moof")


def _write(
    title: Title, track: Track, home: Path, init: bytes, sealed: list[tuple[bytes, int]]
) -> Track:
    """Write a track in the title's forms, and return it with its new sizes.

    Args:
        title: In the clear.
        track: In the clear.
        home: The track's new folder.
        init: Its new init segment.
        sealed: Its new segments, and how much further back the first sample of each is.
    """
    bodies = [body for body, _ in sealed]
    stored = [
        replace(segment, size_bytes=len(body), key_bytes=segment.key_bytes + grown)
        for segment, (body, grown) in zip(track.segments, sealed, strict=True)
    ]
    index = fmp4.segment_index(track.timescale, 0, [(s.size_bytes, s.duration) for s in stored])
    if "segments" in title.spec.forms:
        (home / "init.mp4").write_bytes(init)
        (home / "time").mkdir()
        for number, (segment, body) in enumerate(zip(stored, bodies, strict=True), 1):
            path = home / f"{number:05}.m4s"
            path.write_bytes(body)
            (home / "time" / f"{segment.start}.m4s").hardlink_to(path)
    if "file" in title.spec.forms:
        (home / "all.mp4").write_bytes(b"".join([init, index, *bodies]))
    return replace(track, segments=tuple(stored), init_bytes=len(init), ts_bytes=())


def _finish(
    clear: Title, target: Path, tracks: tuple[Track, ...], forms: tuple[Form, ...], signals: Signals
) -> Title:
    title = Title(spec=replace(clear.spec, forms=forms), tracks=tracks, protection=signals)
    for path, text in manifests.documents(title).items():
        (target / path).write_text(text, encoding="utf-8")
    title.save(target)
    return title
