"""Our encryptor's output, read by our reader and by FFmpeg."""

import io
from collections.abc import Iterable
from dataclasses import replace

import av
import pytest
from boxmaker import box as made_box
from clips import clip, split

from drm.cenc import Decryptor
from netplay.edge.encryption.cipher import Scheme, encrypt_whole
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.track import TrackEncryptor, encrypt_init, encrypt_segment
from netplay.media.boxes import boxes, find
from netplay.media.fragments import FragmentReader, Sample
from netplay.media.init import read_init
from netplay.media.protection import Pattern

KEYS = tuple(ContentKey(bytes(range(n, n + 16)), bytes(range(n + 99, n + 115))) for n in range(3))
KEY_OF = {it.kid: it.key for it in KEYS}
SCHEMES: tuple[Scheme, ...] = ("cenc", "cens", "cbc1", "cbcs")
CODECS = ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "aac", "libopus")
ONE_KEY = (Tier(KEYS[:1]),)


def plan_of(scheme: Scheme, **changes: object) -> EncryptionPlan:
    return replace(EncryptionPlan(scheme=scheme, tiers=ONE_KEY), **changes)  # type: ignore[arg-type]


def segments(media: bytes) -> list[bytes]:
    """Return the fragments behind an init segment, each as a segment of its own."""
    found = list(boxes(media))
    starts = [it.start for it in found if it.kind == "moof"]
    ends = [*starts[1:], next((it.start for it in found if it.kind == "mfra"), len(media))]
    return [media[start:end] for start, end in zip(starts, ends, strict=True)]


def decrypted(samples: Iterable[Sample], scheme: str) -> list[bytes]:
    return [
        bytes(it.data)
        if (how := it.encryption) is None
        else Decryptor(KEY_OF[how.kid], scheme).decrypt(
            it.data, how.iv, how.subsamples, how.pattern
        )
        for it in samples
    ]


def read(init: bytes, parts: Iterable[bytes]) -> list[Sample]:
    reader = FragmentReader(read_init(init))
    return [sample for part in parts for sample in reader.feed(part)]


def clear_and_secret(codec: str, plan: EncryptionPlan) -> tuple[list[Sample], list[Sample], bytes]:
    """Return a clip's samples before and after encryption, and the encrypted file."""
    init, media = split(clip(codec))
    encryptor = TrackEncryptor(init, plan)
    clear = segments(media)
    secret = [encryptor.segment(it, number) for number, it in enumerate(clear)]
    file = encryptor.init + b"".join(secret)
    return read(init, clear), read(encryptor.init, secret), file


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("codec", CODECS)
def test_what_is_encrypted_can_be_decrypted_and_nothing_else_changed(
    codec: str, scheme: Scheme
) -> None:
    clear, secret, _ = clear_and_secret(codec, plan_of(scheme))

    assert decrypted(secret, scheme) == [bytes(it.data) for it in clear]
    nothing = memoryview(b"")
    assert [it._replace(data=nothing, encryption=None) for it in secret] == [
        it._replace(data=nothing) for it in clear
    ]
    changed = [bytes(a.data) != bytes(b.data) for a, b in zip(clear, secret, strict=True)]
    assert changed[0]
    ivs = [it.encryption.iv for it in secret if it.encryption is not None]
    assert len(ivs) == len(secret)
    assert len(set(ivs)) == (1 if scheme == "cbcs" else len(ivs))


def packets(data: bytes, **options: str) -> list[bytes]:
    with av.open(io.BytesIO(data), "r", options=options) as container:
        return [bytes(packet) for packet in container.demux() if packet.size]


@pytest.mark.slow
@pytest.mark.parametrize("information", ["senc", "saio"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("codec", CODECS)
def test_ffmpeg_decrypts_it_too(codec: str, scheme: Scheme, information: str) -> None:
    # FFmpeg also decrypts what is left over behind the last block of whole samples in cens,
    # where the standard (clause 9.7), Shaka and we leave it alone.
    clear, _, file = clear_and_secret(codec, plan_of(scheme, information=information))

    found = packets(file, decryption_key=KEYS[0].key.hex())

    whole = [len(it.data) // 16 * 16 if scheme == "cens" else None for it in clear]
    if codec not in ("aac", "libopus"):
        whole = [None] * len(clear)
    assert len(found) == len(clear)
    assert [data[:end] for data, end in zip(found, whole, strict=True)] == [
        bytes(it.data[:end]) for it, end in zip(clear, whole, strict=True)
    ]


@pytest.mark.parametrize(
    ("scheme", "changes"),
    [
        ("cenc", {"iv_bytes": 16}),
        ("cens", {"iv_bytes": 16, "pattern": (5, 5)}),
        ("cbcs", {"iv_bytes": 16}),
        ("cbcs", {"pattern": (1, 1), "information": "saio"}),
        ("cbcs", {"pattern": (0, 0)}),
        ("cens", {"pattern": (3, 2), "rotate_every": 1}),
        ("cbcs", {"rotate_every": 1, "information": "saio"}),
        ("cenc", {"rotate_every": 1, "clear_lead": 1}),
        ("cbcs", {"rotate_every": 1, "clear_lead": 1, "clear_lead_by": "group"}),
    ],
)
def test_every_form_can_be_read(scheme: Scheme, changes: dict[str, object]) -> None:
    plan = plan_of(scheme, tiers=(Tier(KEYS),), **changes)

    clear, secret, _ = clear_and_secret("libx264", plan)

    assert decrypted(secret, scheme) == [bytes(it.data) for it in clear]
    patterns = {it.encryption.pattern for it in secret if it.encryption is not None}
    assert patterns == {Pattern(*plan.pattern) if plan.patterned and any(plan.pattern) else None}


@pytest.mark.parametrize("pattern", [(0, 0), (1, 0), (10, 0)])
def test_sound_is_encrypted_whole_whatever_its_pattern_says(pattern: tuple[int, int]) -> None:
    clear, secret, file = clear_and_secret("aac", plan_of("cbcs", audio_pattern=pattern))

    assert decrypted(secret, "cbcs") == [bytes(it.data) for it in clear]
    assert {it.encryption.subsamples for it in secret if it.encryption is not None} == {()}
    # A constant IV and no subsamples: there is nothing to say about a sample.
    assert find(file, "moof", "traf", "senc") is None
    assert find(file, "moof", "traf", "saiz") is None


@pytest.mark.parametrize("by", ["description", "group"])
def test_a_clear_lead_is_the_first_segments(by: str) -> None:
    plan = plan_of("cbcs", clear_lead=1, clear_lead_by=by)

    clear, secret, _ = clear_and_secret("libx264", plan)

    assert [it.encryption is None for it in secret] == [True] * 25 + [False] * 25
    assert [bytes(it.data) for it in secret[:25]] == [bytes(it.data) for it in clear[:25]]
    assert decrypted(secret, "cbcs") == [bytes(it.data) for it in clear]


def test_keys_take_turns_in_key_groups() -> None:
    plan = plan_of("cenc", tiers=(Tier(KEYS[:2]),), rotate_every=2)
    init, media = split(clip("libx264"))
    encryptor = TrackEncryptor(init, plan)

    kids = [read(encryptor.init, [encryptor.segment(media, number)]) for number in range(6)]

    found = [{it.encryption.kid for it in of if it.encryption is not None} for of in kids]
    assert found == [{KEYS[n].kid} for n in (0, 0, 1, 1, 0, 0)]


def test_a_track_has_the_keys_of_the_first_tier_it_fits() -> None:
    low, high, sound = (Tier((key,)) for key in KEYS)
    tiers = (
        replace(low, kind="video", up_to_height=72),
        replace(high, kind="video", up_to_height=0),
        replace(sound, kind="audio"),
    )
    plan = plan_of("cenc", tiers=tiers)

    kids = [
        protection.kid
        for codec in ("libx264", "aac")
        if (protection := read_init(encrypt_init(split(clip(codec))[0], plan)).tracks[0].protection)
    ]

    assert kids == [KEYS[1].kid, KEYS[2].kid]
    assert plan.tier("video", 72) == tiers[0]
    assert plan.tier("text", 0) is None


def test_a_track_of_no_tier_stays_as_it_was() -> None:
    init, media = split(clip("aac"))
    plan = plan_of("cbcs", tiers=(Tier(KEYS, kind="video"),))

    assert encrypt_init(init, plan) == init
    assert encrypt_segment(media, init, plan, 0) == media


def test_the_init_segment_brings_pssh_boxes_and_says_what_it_said() -> None:
    init, _ = split(clip("libx264"))
    pssh = made_box("pssh", bytes(4), bytes(range(16)), bytes(4))

    found = read_init(encrypt_init(init, plan_of("cbcs", pssh=(pssh, pssh))))

    before = read_init(init).tracks[0]
    after = found.tracks[0]
    protection = after.protection
    assert protection is not None
    assert found.pssh == (pssh, pssh)
    assert (protection.scheme, protection.pattern) == ("cbcs", Pattern(1, 9))
    assert replace(after.descriptions[0], protection=None) == before.descriptions[0]
    assert replace(after, descriptions=before.descriptions) == before


def test_two_tracks_with_one_key_share_no_iv() -> None:
    ivs: list[bytes] = []

    for codec in ("libx264", "aac"):
        _, secret, _ = clear_and_secret(codec, plan_of("cenc"))
        ivs += [it.encryption.iv for it in secret if it.encryption is not None]

    assert len(set(ivs)) == len(ivs)


def test_a_whole_segment_is_encrypted_as_hls_wants_it() -> None:
    data, iv = bytes(range(77)), bytes(range(16))

    secret = encrypt_whole(KEYS[0].key, data, iv)

    assert Decryptor(KEYS[0].key, "aes-128").decrypt(secret, iv) == data


@pytest.mark.parametrize(
    ("scheme", "changes", "complaint"),
    [
        ("cbc1", {"iv_bytes": 8}, "cbc1 takes IVs of sixteen bytes"),
        ("cenc", {"iv_bytes": 0}, "a constant IV is for cbcs"),
        ("cenc", {"rotate_every": -1}, "count segments"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    scheme: Scheme, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        plan_of(scheme, **changes)


def test_a_key_shows_only_its_id() -> None:
    shown = repr(plan_of("cenc"))

    assert repr(KEYS[0].kid) in shown
    assert repr(KEYS[0].key) not in shown
    assert KEYS[0].key.hex() not in shown


@pytest.mark.parametrize("codecs", [("libx264", "aac"), ("ac3",)], ids="+".join)
def test_several_tracks_are_refused_and_any_sound_is_fine(codecs: tuple[str, ...]) -> None:
    init, _ = split(clip(*codecs))

    if len(codecs) > 1:
        with pytest.raises(ValueError, match="2 tracks"):
            encrypt_init(init, plan_of("cenc"))
    else:
        assert read_init(encrypt_init(init, plan_of("cenc"))).tracks[0].codec == "ac-3"


def test_a_codec_without_rules_is_refused() -> None:
    init, _ = split(clip("libx264"))

    with pytest.raises(ValueError, match="no rules for the encryption of 'xxxx'"):
        encrypt_init(init.replace(b"avc1", b"xxxx"), plan_of("cenc"))
