"""What the device can decode and show, and what the viewer would like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from netplay.segments import Protection

__all__ = ["Device", "Family", "Platform", "Preferences"]

Family = Literal["av1", "vp9", "hevc", "h264"]
Platform = Literal["apple", "android", "windows", "linux", "other"]
NetworkType = Literal["unknown", "wired", "wifi", "cellular"]


@dataclass(frozen=True, slots=True)
class Device:
    """What one device can decode and show. An app may set every field.

    Attributes:
        hardware: Codec families that it decodes in hardware (tried, not guessed).
        software: Codec families that it decodes in software.
        max_height: Tallest picture to play; None: no limit.
        max_frame_rate: Most frames a second; None: no limit.
        max_bitrate_bps: Highest rung to play; None: no limit.
        hdr: It shows PQ and HLG pictures as they are meant.
        software_max_height: Tallest picture it decodes in time without hardware; None: no limit.
        key_systems: Systems that keys can be had for, as Protection.system names them.
        keys_by_id: Those of them that ask by key id, and need no init data.
        hdcp_level: Of the output: "NONE", "TYPE-0" or "TYPE-1"; None if unknown.
        memory_bytes: Memory free for media; None if unknown.
        cpu_headroom: Share of the processor that is idle, 0 to 1; None if unknown.
        battery: Charge, 0 to 1; None if on mains or unknown.
        network: What kind of link it is on.
    """

    platform: Platform = "other"
    hardware: tuple[Family, ...] = ()
    software: tuple[Family, ...] = ("h264", "hevc", "vp9", "av1")
    max_height: int | None = None
    max_frame_rate: float | None = None
    max_bitrate_bps: int | None = None
    hdr: bool = False
    software_max_height: int | None = None
    key_systems: tuple[str, ...] = ()
    keys_by_id: tuple[str, ...] = ()
    hdcp_level: str | None = None
    memory_bytes: int | None = None
    cpu_headroom: float | None = None
    battery: float | None = None
    network: NetworkType = "unknown"

    def may_open(self, protections: Iterable[Protection]) -> bool:
        """Whether a key system is at hand for media that is encrypted in one of these ways."""
        return any(
            way.system in self.key_systems or (not way.system and self.key_systems)
            for way in protections
        )


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the viewer would like to hear, read and see.

    Attributes:
        audio_languages: BCP 47 tags, most wanted first; empty: the title's default.
        text_languages: The same for subtitles; empty: none are shown.
        audio_roles: Roles wanted ("description", "commentary", …); empty: the main one.
        max_height: Tallest picture wanted; None: no limit.
        sets: Ids of AdaptationSets wanted by name; these win over everything above.
        video: Show pictures; else sound only.
    """

    audio_languages: tuple[str, ...] = ()
    text_languages: tuple[str, ...] = ()
    audio_roles: tuple[str, ...] = ()
    max_height: int | None = None
    sets: tuple[str, ...] = ()
    video: bool = True
