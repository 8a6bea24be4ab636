"""Which of everything on offer is played: codec family, ladder, languages.

Pure choices from what the manifest offers, what the device can do and what the viewer
would like. A choice is made a Period; the rung within the ladder is the controller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netplay.codecs import family
from netplay.core.device import Device, Family, Preferences
from netplay.core.messages import Track
from netplay.timeline import (
    AdaptationSet,
    Kind,
    Known,
    Period,
    Presentation,
    Representation,
)

EMPTY = "it has no segments"
"""Why a Representation is refused whose index holds nothing and never will."""

NO_END = "it has no end: cut off, or live, which is not played yet"
"""Why a playlist is refused that somebody may still add to."""

# HLS REQ-VIDEO-LAYOUT, as the reader hands it on. Readers drop every other essential
# property that they do not understand.
_LAYOUT_SCHEME = "urn:netplay:hls:req-video-layout"

__all__ = ["EMPTY", "NO_END", "Ladder", "Selection", "families_in_order", "pick_codec", "select"]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The Representations one lane may play in one Period, lowest first."""

    set_id: str
    representations: tuple[Representation, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is played in one Period: a ladder a track; no entry where there is nothing."""

    ladders: tuple[tuple[Track, Ladder], ...]
    refusals: tuple[tuple[str, str], ...] = ()
    protected: bool = False

    def ladder(self, track: Track) -> Ladder | None:
        """Return a track's ladder; None if the Period has nothing for it."""
        for name, ladder in self.ladders:
            if name == track:
                return ladder
        return None


def families_in_order(device: Device) -> tuple[Family, ...]:
    """Return the codec families a device can decode, the one to prefer first.

    AV1 if there is hardware for it, else VP9 if there is, else HEVC if there is and the
    platform is Apple, else H.264; then what else has hardware; software last, the cheapest
    to decode first.
    """
    hardware, software = device.hardware, device.software
    best: tuple[Family, ...] = ("av1", "vp9")
    order: list[Family] = [name for name in best if name in hardware]
    if "hevc" in hardware and device.platform == "apple":
        order.append("hevc")
    if "h264" in hardware or "h264" in software:
        order.append("h264")
    order += [name for name in hardware if name not in order]
    cheapest: tuple[Family, ...] = ("h264", "vp9", "hevc", "av1")
    order += [name for name in cheapest if name in software and name not in order]
    return tuple(order)


def pick_codec(device: Device, offered: Iterable[Family]) -> Family | None:
    """Return the codec family to play of those a title offers; None if the device can do none."""
    offers = set(offered)
    return next((name for name in families_in_order(device) if name in offers), None)


def select(presentation: Presentation, device: Device, wants: Preferences) -> tuple[Selection, ...]:
    """Choose what to play, a Selection for each Period."""
    return tuple(_select_period(period, device, wants) for period in presentation.periods)


def _select_period(period: Period, device: Device, wants: Preferences) -> Selection:
    refusals: list[tuple[str, str]] = []
    video = _video(period, device, wants, refusals) if wants.video else None
    audio = _audio(period, video, device, wants, refusals)
    if video is not None and audio is not None:
        video = _partnered(video, "audio", _group(period, audio.set_id))
    if video is not None and audio is not None and _all_carry_audio(video):
        # Every rung brings its own sound, and no separate rendition was asked for by name
        # or language: one transfer instead of two, and in step by construction.
        audio = audio if wants.audio_languages or audio.set_id in wants.sets else None
    text = _text(period, wants)
    found: list[tuple[Track, Ladder]] = []
    for track, ladder in (("video", video), ("audio", audio), ("text", text)):
        if ladder is not None:
            found.append((track, ladder))  # type: ignore[arg-type]  # literals of the tuple
    protected = any("protected" in why for _, why in refusals)
    return Selection(tuple(found), tuple(refusals), protected)


def _video(
    period: Period, device: Device, wants: Preferences, refusals: list[tuple[str, str]]
) -> Ladder | None:
    ladders: list[tuple[AdaptationSet, Family | None, Ladder]] = []
    for group in period.of_kind("video"):
        by_family: dict[Family | None, list[Representation]] = {}
        for rep in group.representations:
            why = _refusal(rep, device)
            if why:
                refusals.append((rep.id, why))
            else:
                by_family.setdefault(video_family(rep), []).append(rep)
        for name, reps in by_family.items():
            capped = _capped(reps, name, device, wants)
            ladders.append((group, name, Ladder(group.id, capped)))
    if not ladders:
        return None
    order: list[Family | None] = [*families_in_order(device), None]

    def rank(choice: tuple[AdaptationSet, Family | None, Ladder]) -> tuple[bool, int, bool, int]:
        group, name, ladder = choice
        hdr = any(rep.video_range in ("pq", "hlg") for rep in ladder.representations)
        return (
            group.id not in wants.sets,
            order.index(name),
            hdr != device.hdr,
            0 if group.default or "main" in group.roles else 1,
        )

    return min(ladders, key=rank)[2]


def video_family(rep: Representation) -> Family | None:
    """Return the codec family of a Representation's picture; None if the manifest is silent."""
    for codec in rep.codecs:
        match family(codec):
            case ("h264" | "hevc" | "vp9" | "av1") as name:
                return name
            case _:
                continue
    return None


def _refusal(rep: Representation, device: Device) -> str:
    """Return why a device cannot play a Representation at all; "" if it can."""
    name = video_family(rep)
    if rep.kind == "video" and rep.codecs and name is None and _has_picture_codec(rep):
        return f"unknown codec {', '.join(rep.codecs)}"
    if name is not None and name not in device.hardware and name not in device.software:
        return f"no decoder for {name}"
    if rep.video_range in ("pq", "hlg") and not device.hdr:
        return f"{rep.video_range} pictures on a device without HDR"
    if rep.protections and not device.may_open(rep.protections):
        return "protected, and no key system that opens it is at hand"
    if rep.hdcp_level not in (None, "NONE") and (device.hdcp_level or "NONE") < rep.hdcp_level:
        return f"needs HDCP {rep.hdcp_level}"
    if rep.depends_on:
        return "depends on another Representation (layered coding)"
    if any(need.scheme == _LAYOUT_SCHEME for need in rep.essential):
        return "needs a video layout (stereoscopic or projected) that is not shown here"
    if isinstance(rep.index, Known) and not rep.index.index and rep.index.index.ended:
        return EMPTY
    return ""


def _has_picture_codec(rep: Representation) -> bool:
    sound = ("mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "mp3")
    return any(not codec.lower().startswith(sound) for codec in rep.codecs)


def _capped(
    reps: Sequence[Representation], name: Family | None, device: Device, wants: Preferences
) -> tuple[Representation, ...]:
    """Keep the rungs within every limit; the lowest one if none is."""
    heights = [device.max_height, wants.max_height]
    if name is not None and name not in device.hardware:
        heights.append(device.software_max_height)
    limit = min((height for height in heights if height is not None), default=None)
    kept = tuple(
        rep
        for rep in reps
        if (limit is None or rep.height is None or rep.height <= limit)
        and (
            device.max_frame_rate is None
            or rep.frame_rate is None
            or rep.frame_rate <= device.max_frame_rate + 0.01
        )
        and (device.max_bitrate_bps is None or rep.bandwidth_bps <= device.max_bitrate_bps)
    )
    return kept or tuple(reps[:1])


def _audio(
    period: Period,
    video: Ladder | None,
    device: Device,
    wants: Preferences,
    refusals: list[tuple[str, str]],
) -> Ladder | None:
    groups = {
        group
        for rep in (video.representations if video else ())
        for kind, group in rep.partners
        if kind == "audio"
    }
    ladders: list[tuple[AdaptationSet, Ladder]] = []
    for group in period.of_kind("audio"):
        if groups and group.group and group.group not in groups:
            continue
        asked = group.id in wants.sets or wants.audio_languages
        if not group.autoselect and video is not None and not asked:
            continue  # such as the sound-only variant of a multiplex
        reps = []
        for rep in group.representations:
            why = _refusal(rep, device)
            if why:
                refusals.append((rep.id, why))
            else:
                reps.append(rep)
        if reps:
            ladders.append((group, Ladder(group.id, tuple(reps))))
    if not ladders:
        return None
    return min(ladders, key=lambda choice: _audio_rank(choice[0], wants))[1]


def _audio_rank(group: AdaptationSet, wants: Preferences) -> tuple[bool, int, bool, bool, bool]:
    wanted_roles = set(wants.audio_roles)
    special = {"description", "commentary", "dub", "emergency"} & set(group.roles)
    roles_fit = bool(wanted_roles & set(group.roles)) if wanted_roles else not special
    channels = max((rep.channels or 2 for rep in group.representations), default=2)
    return (
        group.id not in wants.sets,
        language_rank(group.language, wants.audio_languages),
        not roles_fit,
        not (group.default or "main" in group.roles),
        # Without knowing the loudspeakers, two channels are what every device plays.
        channels > 2,
    )


def language_rank(tag: str, wanted: Sequence[str]) -> int:
    """Return how well a BCP 47 tag meets a list of wishes: lower is better, 0 is exact and first.

    "en" meets "en-GB" and the other way round, but less well than the same tag does.
    """
    best = 2 * len(wanted)
    have = tag.lower()
    for place, wish in enumerate(wish.lower() for wish in wanted):
        if have == wish:
            best = min(best, 2 * place)
        elif have and have.split("-")[0] == wish.split("-")[0]:
            best = min(best, 2 * place + 1)
    return best


def _text(period: Period, wants: Preferences) -> Ladder | None:
    if not wants.text_languages and not wants.sets:
        return None
    candidates = [
        group
        for group in period.of_kind("text")
        if any(rep.locations for rep in group.representations)
        and (
            group.id in wants.sets
            or language_rank(group.language, wants.text_languages) < 2 * len(wants.text_languages)
        )
    ]
    if not candidates:
        return None
    best = min(
        candidates,
        key=lambda group: (
            group.id not in wants.sets,
            language_rank(group.language, wants.text_languages),
            "forced-subtitle" in group.roles,
            not group.default,
        ),
    )
    return Ladder(best.id, best.representations[:1])


def _partnered(ladder: Ladder, kind: Kind, group: str) -> Ladder:
    """Keep the rungs that go with a group; all of them if the manifest pairs nothing."""
    kept = tuple(
        rep
        for rep in ladder.representations
        if not group
        or not any(partner == kind for partner, _ in rep.partners)
        or (kind, group) in rep.partners
    )
    return Ladder(ladder.set_id, kept or ladder.representations)


def _group(period: Period, set_id: str) -> str:
    return next((group.group for group in period.sets if group.id == set_id), "")


def _all_carry_audio(ladder: Ladder) -> bool:
    return all("audio" in rep.carries for rep in ladder.representations)
