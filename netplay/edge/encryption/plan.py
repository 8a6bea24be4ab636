"""How a title is protected: which keys, for which tracks, when and in which form.

A plan is a wish, as `TitleSpec` is; `track` carries it out. It holds content keys, as
the packager of a real service does, and shows only their ids.
"""

from dataclasses import dataclass, field
from typing import Literal

from netplay.edge.encryption.cipher import Scheme

__all__ = ["ContentKey", "EncryptionPlan", "Tier"]


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A key and its id, sixteen bytes each."""

    kid: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.kid) != 16 or len(self.key) != 16:
            raise ValueError("a key and its id have sixteen bytes each")


@dataclass(frozen=True, slots=True)
class Tier:
    """Tracks that share keys.

    Attributes:
        keys: The key, or those that take turns where the plan rotates them.
        kind: "video", "audio", or "" for both.
        up_to_height: In pixels; 0 is no limit.
    """

    keys: tuple[ContentKey, ...]
    kind: Literal["video", "audio", ""] = ""
    up_to_height: int = 0

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("a tier needs a key")

    def fits(self, kind: str, height: int) -> bool:
        """Return whether a track is of this tier."""
        if kind not in ("video", "audio"):
            return False
        return self.kind in ("", kind) and (not self.up_to_height or height <= self.up_to_height)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionPlan:
    """How the tracks of a title are encrypted.

    Attributes:
        scheme: One of the four.
        tiers: A track's keys are those of the first tier it fits; one that fits none stays
            in the clear.
        iv_bytes: Of each sample's own IV: 8 or 16; 0 is one constant IV a key. None: as
            packagers do, 8 for counters, 16 for cbc1 and 0 for cbcs.
        pattern: Crypt and skip blocks of video, in cens and cbcs.
        audio_pattern: The same of audio, which is encrypted whole: (0, 0), (1, 0) or (10, 0).
        rotate_every: Segments a key lasts before the next of its tier; 0: for ever. Keys
            then come from key groups (`seig`) in each fragment.
        clear_lead: Segments at the start that stay in the clear.
        clear_lead_by: "description": a second sample description, in the clear; "group": a
            key group that says so.
        information: Where IVs and subsamples stand: in "senc" with `saiz` and `saio` that
            point into it, or in a box of no meaning that only `saio` finds ("saio").
        pssh: Whole pssh boxes, for the init segment.
    """

    scheme: Scheme
    tiers: tuple[Tier, ...]
    iv_bytes: Literal[0, 8, 16] | None = None
    pattern: tuple[int, int] = (1, 9)
    audio_pattern: tuple[int, int] = (0, 0)
    rotate_every: int = 0
    clear_lead: int = 0
    clear_lead_by: Literal["description", "group"] = "description"
    information: Literal["senc", "saio"] = "senc"
    pssh: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.rotate_every < 0 or self.clear_lead < 0:
            raise ValueError("rotate_every and clear_lead count segments")
        if self.scheme in ("cbc1", "cbcs") and self.iv_bytes == 8:
            raise ValueError(f"{self.scheme} takes IVs of sixteen bytes")
        if self.scheme in ("cenc", "cens", "cbc1") and self.iv_bytes == 0:
            raise ValueError(f"a constant IV is for cbcs, not for {self.scheme}")

    @property
    def patterned(self) -> bool:
        """Whether the scheme has patterns."""
        return self.scheme in ("cens", "cbcs")

    @property
    def sample_iv_bytes(self) -> int:
        """Size of each sample's own IV; 0: there is a constant one."""
        if self.iv_bytes is not None:
            return self.iv_bytes
        return {"cenc": 8, "cens": 8, "cbc1": 16, "cbcs": 0}[self.scheme]

    def tier(self, kind: str, height: int) -> Tier | None:
        """Return the tier of a track, or None where it stays in the clear."""
        return next((tier for tier in self.tiers if tier.fits(kind, height)), None)
