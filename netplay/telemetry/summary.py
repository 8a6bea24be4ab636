"""What is said of a session once it is over, or so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from netplay.telemetry.startup import Startup

__all__ = ["Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """How a session went for the viewer, and what it cost.

    Attributes:
        startup: None if no frame was shown.
        played_us: Time in which the playhead moved.
        shown_us: Media time shown.
        stalls: How often media ran out while the playhead moved.
        seek_wait_us: Time from seeks to the playhead moving again; not part of stalls.
        bitrate_bps: Mean of what was shown, weighted by time; None if nothing was.
        height: The same of the picture's height.
        quality: The same of the rungs' quality, where known.
        switches_up: Changes to a higher bitrate that were shown.
        bytes_by_host: Payload received, also of what was thrown away.
        requests_by_host: Segments, init segments, playlists and indexes asked for.
        failures: How often each host failed, by kind.
        cancelled: Requests stopped half way by the player itself.
        frames_shown: Of video.
        frames_dropped: Of video, because they were late.
        av_offset_mean_us: Mean distance of sound and picture; None if not measured.
        removed: Representations and segments that were struck out.
        decode_failures: Segments that could not be decoded.
        errors: What ended it, if anything did.
        finished: It was played to the end.
    """

    startup: Startup | None = None
    played_us: int = 0
    shown_us: int = 0
    stalls: int = 0
    stalled_us: int = 0
    seeks: int = 0
    seek_wait_us: int = 0
    bitrate_bps: float | None = None
    height: float | None = None
    quality: float | None = None
    switches_up: int = 0
    switches_down: int = 0
    bytes_by_host: Mapping[str, int] = field(default_factory=dict)
    requests_by_host: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    cancelled: int = 0
    frames_shown: int = 0
    frames_dropped: int = 0
    av_offset_mean_us: float | None = None
    av_offset_max_us: int | None = None
    removed: int = 0
    decode_failures: int = 0
    errors: tuple[str, ...] = ()
    finished: bool = False

    @property
    def stall_ratio(self) -> float:
        """Stalled time as a share of played and stalled time; 0 if there was neither."""
        whole_us = self.played_us + self.stalled_us
        return self.stalled_us / whole_us if whole_us else 0.0

    @property
    def switches(self) -> int:
        """Changes of rung that were shown."""
        return self.switches_up + self.switches_down

    @property
    def bytes(self) -> int:
        """Payload received."""
        return sum(self.bytes_by_host.values())

    @property
    def requests(self) -> int:
        """Everything asked for."""
        return sum(self.requests_by_host.values())

    def to_json(self) -> dict[str, object]:
        """Return it as a dict that `json.dumps` takes, what follows from its fields included."""
        plain: dict[str, object] = asdict(self)
        if self.startup is not None:
            plain["startup"] = {
                **asdict(self.startup),
                "first_frame_us": self.startup.first_frame_us,
            }
        plain["stall_ratio"] = self.stall_ratio
        plain["switches"] = self.switches
        plain["bytes"] = self.bytes
        plain["requests"] = self.requests
        plain["errors"] = list(self.errors)
        return plain
