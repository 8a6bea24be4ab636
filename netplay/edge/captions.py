"""Test captions: a WebVTT cue every second and a half, which says when it should be seen.

Cues do not line up with segments on purpose. A cue that crosses a boundary is repeated in
both segments, as HLS wants it, and a player must show it once.
"""

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Cue", "cues", "webvtt"]

EVERY_MS, SHOWN_MS = 1500, 1200

WORDS = {
    "de": "Bis hierher {} Sekunden",
    "en": "{} seconds so far",
    "es": "Hasta ahora {} segundos",
    "fr": "Déjà {} secondes",
    "sv": "Hittills {} sekunder",
}


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption, from start to end in milliseconds."""

    start_ms: int
    end_ms: int
    text: str


def cues(language: str, duration_s: Fraction) -> list[Cue]:
    """Return every cue of a language; other languages than a few just name themselves."""
    words = WORDS.get(language, language + ": {} s")
    end_ms = int(duration_s * 1000)
    return [
        Cue(start, min(start + SHOWN_MS, end_ms), words.format(f"{start / 1000:g}"))
        for start in range(0, end_ms, EVERY_MS)
    ]


def _clock(moment_ms: int) -> str:
    minutes, rest_ms = divmod(moment_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest_ms // 1000:02}.{rest_ms % 1000:03}"


def webvtt(shown: list[Cue], *, from_ms: int, until_ms: int, mpegts: int | None) -> str:
    """Return the WebVTT document of the cues seen in a span.

    Args:
        shown: All cues of the language; times stay those of the whole title.
        from_ms: Start of the span.
        until_ms: End of the span.
        mpegts: 90 kHz clock of the media at title time zero, for HLS; None leaves it out.
    """
    header = "WEBVTT\n"
    if mpegts is not None:
        header += f"X-TIMESTAMP-MAP=MPEGTS:{mpegts},LOCAL:00:00:00.000\n"
    blocks = [
        f"{_clock(cue.start_ms)} --> {_clock(cue.end_ms)}\n{cue.text}\n"
        for cue in shown
        if cue.start_ms < until_ms and cue.end_ms > from_ms
    ]
    return "\n".join([header, *blocks])
