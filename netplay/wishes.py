"""What an app asks for while playing becomes new Preferences, or a clear refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from netplay.core.device import Preferences
from netplay.timeline import Presentation

__all__ = ["wished"]


def wished(
    wants: Preferences,
    offered: Callable[[], Presentation],
    *,
    sets: Sequence[str] | None,
    audio_languages: Sequence[str] | None,
    text_languages: Sequence[str] | None,
    max_height: int | None,
) -> Preferences:
    """Return preferences with what is not None put in place of what was.

    Args:
        offered: Returns the presentation, whose AdaptationSets may be named.

    Raises:
        TypeError: A string came where several are meant.
        ValueError: No AdaptationSet has that id.
    """
    for tags in (sets, audio_languages, text_languages):
        if isinstance(tags, str):
            raise TypeError(f"a sequence of tags is wanted, not {tags!r}")
    if sets is not None:
        known = {group.id for period in offered().periods for group in period.sets}
        unknown = [name for name in sets if name not in known]
        if unknown:
            raise ValueError(f"no AdaptationSet {unknown[0]!r}; there are {sorted(known)}")
        wants = replace(wants, sets=tuple(sets))
    elif audio_languages is not None or text_languages is not None:
        wants = replace(wants, sets=())
    if audio_languages is not None:
        wants = replace(wants, audio_languages=tuple(audio_languages))
    if text_languages is not None:
        wants = replace(wants, text_languages=tuple(text_languages))
    if max_height is not None:
        wants = replace(wants, max_height=max_height)
    return wants
