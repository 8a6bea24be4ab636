"""One lane of media: what it holds, how far it was fed to the decoder, what came out."""

from __future__ import annotations

from dataclasses import dataclass, field

from netplay.core.buffer import Buffer
from netplay.core.messages import ErrorName, Track

__all__ = ["Lane", "Missing"]


@dataclass(frozen=True, slots=True)
class Missing:
    """A segment that no host has in any rung: the lane ends there, unhappily."""

    at_us: int
    segment: str
    attempts: tuple[tuple[str, str], ...]
    error: ErrorName = "DeliveryError"


@dataclass(slots=True)
class Lane:
    """The state of one track.

    Attributes:
        generation: How often the decoder's queue was emptied.
        fed_us: The decoder was given everything up to here.
        floor_us: Nothing that ends at or before this is shown (a seek's target).
        fed_ids: Fetches given to the decoder in this generation and still held.
        representation: Whose segment was asked for last; "" at the start.
        pending: The Representation chosen, while its index is fetched; "" for none.
        reason: Why the last rung was chosen.
        choose_at_us: Ask the controller, or a host, not before this.
        fetched: Segments that came since the start or the last seek.
        full_since_us: There is no room since then; None: there is, as far as was looked.
        held_us: For how long there was none, since the last segment was asked for.
        ended_us: Where its content ends, once that is known to be in the buffer's plan.
        missing: Why it cannot go on past a point.
        decoded_from_us: The first frame ready since it was emptied; None: none yet.
        hardware: Who decodes it; "" is software.
        gates: Playback waits for it.
    """

    track: Track
    buffer: Buffer
    generation: int = 0
    fed_us: int = 0
    floor_us: int = 0
    fed_ids: set[int] = field(default_factory=set)
    representation: str = ""
    pending: str = ""
    reason: str = ""
    choose_at_us: int = 0
    fetched: int = 0
    full_since_us: int | None = None
    held_us: int = 0
    ended_us: int | None = None
    missing: Missing | None = None
    decoded_from_us: int | None = None
    hardware: str = ""
    gates: bool = field(init=False)

    def __post_init__(self) -> None:
        """Let playback wait for everything but subtitles, which never stop a film."""
        self.gates = self.track != "text"

    def edge_us(self, position_us: int) -> int:
        """Return how far its media is held without a hole from a position."""
        return self.buffer.edge_of_media_us(position_us)

    def planned_us(self, position_us: int) -> int:
        """Return the same, taking what is still arriving for complete."""
        return self.buffer.edge_of_plan_us(position_us)

    def reaches_end(self, position_us: int) -> bool:
        """Whether everything it has from a position to its end is held."""
        return self.ended_us is not None and self.edge_us(position_us) >= self.ended_us

    def fed_before(self, position_us: int) -> tuple[int, ...]:
        """Return the fetches given to the decoder that begin before a position, in order."""
        return tuple(
            span.fetch_id
            for span in self.buffer
            if span.fetch_id in self.fed_ids and span.start_us < position_us
        )

    def is_full(self, now_us: int) -> None:
        """Note that there is no room."""
        if self.full_since_us is None:
            self.full_since_us = now_us

    def has_room(self, now_us: int) -> None:
        """Note that there is room, perhaps again."""
        if self.full_since_us is not None:
            self.held_us += now_us - self.full_since_us
            self.full_since_us = None

    def restart(self, position_us: int) -> None:
        """Be fed from a position on, in a new generation, as if nothing had been."""
        self.generation += 1
        self.fed_us = self.floor_us = position_us
        self.fed_ids.clear()
        self.decoded_from_us = None
        self.choose_at_us = self.fetched = self.held_us = 0
        self.full_since_us = None
        self.pending = ""
        self.ended_us = self.missing = None
