"""How high a controller may go, whatever the link carries.

A cap is a fact about the device, the network or what a viewer can see, so it is the same
for every controller and stateless: the rungs it leaves are those from the lowest to one.
A cap is a limit and not a preference: it holds even where a controller would step down
more gently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from abr.contract import Rung, View

__all__ = ["GOOD_ENOUGH_VMAF", "Cap", "Guardrails", "highest_within", "lines"]

GOOD_ENOUGH_VMAF: Final = 93.0
"""VMAF past which viewers no longer tell a stream from its source: Netflix's practice, see
Rassool, "VMAF reproducibility: validating a perceptual practical video quality metric", 2017."""

_LADDER: Final = (
    (235_000, 240),
    (375_000, 288),
    (750_000, 384),
    (1_750_000, 480),
    (3_000_000, 720),
    (5_800_000, 1080),
)
"""Bitrate and lines of the fixed ladder in Netflix, "Per-title encode optimization", 2015."""

_LINES_BEYOND: Final = 2160


def lines(rung: Rung) -> int:
    """Return how many lines a rung has, the shorter side for upright pictures.

    A rung whose manifest tells no height has the lines that its bitrate had in a fixed
    ladder, so that a cap by height still holds it.
    """
    if rung.height is not None:
        return rung.height if rung.width is None else min(rung.height, rung.width)
    for bitrate_bps, height in _LADDER:
        if rung.bitrate_bps <= bitrate_bps:
            return height
    return _LINES_BEYOND


def highest_within(rungs: tuple[Rung, ...], max_height: int) -> int:
    """Return the highest rung of at most so many lines; the lowest rung if all have more."""
    return max((i for i, rung in enumerate(rungs) if lines(rung) <= max_height), default=0)


@dataclass(frozen=True, slots=True)
class Cap:
    """The highest rung that may be asked for, and what holds it there ("" if nothing does)."""

    rung: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Guardrails:
    """Limits by device, by network and by what a viewer can see; None is no limit.

    Attributes:
        max_height: Lines that the app or the viewer allows.
        quality_cap: The first rung at least this good is the highest; 93 VMAF is "good
            enough". Rungs of unknown quality are not held back.
        cellular_max_height: Lines on a cellular link, where bytes cost money. A guess in
            line with the "720p on mobile data" setting that services offer.
        low_battery: Charge below which a device is low; both mobile systems warn at 20 %.
        low_battery_max_height: Lines while it is. A guess: decode power by height settles it.
        memory_share: Share of the free memory that a full forward buffer may take. A guess:
            half leaves room for the back buffer and decoded frames.
        busy_cpu_headroom: Idle share of the processor below which a controller does not
            climb. A guess: the share of frames dropped by headroom would settle it.
        starved_cpu_headroom: Idle share below which it goes down a rung with each segment.
            Lying well under the other, it leaves a band in which nothing moves.
        busy_cpu_max_height: Lines to start with on a busy processor.
    """

    max_height: int | None = None
    quality_cap: float | None = None
    cellular_max_height: int | None = 720
    low_battery: float = 0.2
    low_battery_max_height: int | None = 720
    memory_share: float = 0.5
    busy_cpu_headroom: float = 0.2
    starved_cpu_headroom: float = 0.05
    busy_cpu_max_height: int = 720

    def __post_init__(self) -> None:
        """Refuse limits that no device could meet."""
        for name in ("max_height", "cellular_max_height", "low_battery_max_height"):
            height = getattr(self, name)
            if height is not None and height <= 0:
                raise ValueError(f"{name} must be positive, not {height}")
        if not self.memory_share > 0:
            raise ValueError(f"memory_share must be positive, not {self.memory_share}")
        if self.starved_cpu_headroom > self.busy_cpu_headroom:
            raise ValueError(
                f"starved_cpu_headroom {self.starved_cpu_headroom} is above "
                f"busy_cpu_headroom {self.busy_cpu_headroom}"
            )

    def cap(self, view: View) -> Cap:
        """Return the highest rung that every limit allows, and the limit that decides."""
        top = Cap(len(view.rungs) - 1)
        limits = (
            *self._by_height(view),
            *self._by_quality(view),
            *self._by_memory(view),
            *self._by_cpu(view),
        )
        return min((top, *limits), key=lambda cap: cap.rung) if limits else top

    def _by_height(self, view: View) -> list[Cap]:
        heights: list[tuple[int, str]] = []
        if self.max_height is not None:
            heights.append((self.max_height, "max height"))
        if self.cellular_max_height is not None and view.device.network == "cellular":
            heights.append((self.cellular_max_height, "cellular"))
        battery = view.device.battery
        low = battery is not None and battery < self.low_battery
        if low and self.low_battery_max_height is not None:
            heights.append((self.low_battery_max_height, "low battery"))
        return [Cap(highest_within(view.rungs, height), reason) for height, reason in heights]

    def _by_quality(self, view: View) -> list[Cap]:
        if self.quality_cap is None:
            return []
        for i, rung in enumerate(view.rungs):
            if rung.quality is not None and rung.quality >= self.quality_cap:
                return [Cap(i, "good enough")]
        return []

    def _by_memory(self, view: View) -> list[Cap]:
        memory_bytes = view.device.memory_bytes
        if memory_bytes is None:
            return []
        room_bits = 8 * memory_bytes * self.memory_share
        fits = (i for i, r in enumerate(view.rungs) if r.bitrate_bps * view.target_s <= room_bits)
        return [Cap(max(fits, default=0), "memory")]

    def _by_cpu(self, view: View) -> list[Cap]:
        headroom = view.device.cpu_headroom
        if headroom is None or headroom >= self.busy_cpu_headroom:
            return []
        if view.rung is None:
            return [Cap(highest_within(view.rungs, self.busy_cpu_max_height), "busy processor")]
        if headroom < self.starved_cpu_headroom:
            return [Cap(max(view.rung - 1, 0), "starved processor")]
        return [Cap(view.rung, "busy processor")]
