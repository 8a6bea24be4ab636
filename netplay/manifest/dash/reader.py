"""An MPD becomes a Presentation (ISO/IEC 23009-1:2022).

Top down: when each Period is, then its sets, then their Representations. Nothing is
fetched: an element that is elsewhere (xlink) is noted and its default content is used.
"""

from __future__ import annotations

from dataclasses import replace

from netplay.errors import UnsupportedManifest
from netplay.manifest.dash.descriptors import descriptors, strangers
from netplay.manifest.dash.document import XLINK, Node, read_document
from netplay.manifest.dash.events import read_events
from netplay.manifest.dash.live import read_live, read_steering
from netplay.manifest.dash.locations import Base, bases_below
from netplay.manifest.dash.periods import Span, spans_of
from netplay.manifest.dash.query import query_below
from netplay.manifest.dash.sets import Scope, read_set
from netplay.manifest.text import decoded
from netplay.timeline import AdaptationSet, Period, Presentation

__all__ = ["read_dash"]

RESOLVE_TO_ZERO = "urn:mpeg:dash:resolve-to-zero:2013"


def read_dash(data: bytes | str, url: str, *, utc_us: int | None = None) -> Presentation:
    """Return what an MPD offers to play.

    Args:
        data: The document.
        url: Where it came from, after redirects.
        utc_us: The time, for a dynamic MPD; None: when it was published, as far as it says.

    Raises:
        ManifestError: It is no MPD that can be played.
        UnsupportedManifest: It demands what netplay cannot do.
    """
    mpd = read_document(decoded(data, url), url)
    _resolve_links(mpd)
    live = mpd.get("type") == "dynamic"
    _refuse_strangers(mpd)
    spans = spans_of(mpd)
    origin_us = 0 if live or not spans else spans[0].start_us
    origin_utc_us = mpd.date_time_us("availabilityStartTime")
    window_us = mpd.duration_us("timeShiftBufferDepth")
    now_us = _now_us(mpd, spans, utc_us=utc_us, origin_utc_us=origin_utc_us or 0)
    scope = Scope(
        number=0,
        levels=(mpd,),
        bases=bases_below((Base(url),), mpd),
        query=query_below("", mpd),
        start_us=0,
        end_us=None,
        live=live,
        now_us=now_us,
        window_us=window_us,
    )
    periods = _read_periods(spans, scope, origin_us)
    if periods and not live and periods[0].start_us:
        # What came before could not be played: the film begins with what can.
        periods = _read_periods(spans, scope, origin_us + periods[0].start_us)
    if not periods:
        reasons = "; ".join(mpd.document.warnings[:3])
        raise mpd.error(f"nothing in it can be played{': ' if reasons else ''}{reasons}")
    periods = _named_apart(mpd, periods, live=live)
    information = mpd.child("ProgramInformation")
    title = None if information is None else information.child("Title")
    return Presentation(
        url=url,
        format="dash",
        periods=periods,
        duration_us=None if live else periods[-1].end_us,
        live=read_live(mpd, origin_utc_us=origin_utc_us) if live else None,
        steering=read_steering(mpd),
        min_buffer_us=max(0, mpd.duration_us("minBufferTime") or 0),
        title="" if title is None else title.text,
        profiles=tuple(part.strip() for part in mpd.get("profiles").split(",") if part.strip()),
        warnings=tuple(mpd.document.warnings),
    )


def _now_us(mpd: Node, spans: list[Span], *, utc_us: int | None, origin_utc_us: int) -> int:
    """Return where the time of reading is on the timeline of a dynamic MPD."""
    if utc_us is None:
        utc_us = mpd.date_time_us("publishTime")
    if utc_us is not None:
        return utc_us - origin_utc_us
    # Nothing says when it is: take the last Period to be as old as the window is deep.
    last_us = spans[-1].start_us if spans else 0
    return last_us + (mpd.duration_us("timeShiftBufferDepth") or 0)


def _resolve_links(mpd: Node) -> None:
    """Remove what resolves to nothing, and note what would have to be fetched (§5.5)."""
    if ":href" not in mpd.document.text:
        return
    for parent in mpd.element.iter():
        for child in list(parent):
            href = child.get(f"{XLINK}href")
            if href == RESOLVE_TO_ZERO:
                parent.remove(child)
            elif href is not None:
                Node(child, mpd.document).warn(
                    "is elsewhere (xlink) and was not fetched; its own content is used"
                )


def _refuse_strangers(level: Node) -> None:
    if unknown := strangers(descriptors(level, "EssentialProperty")):
        raise level.error(
            f"demands {unknown[0].scheme[:120]!r}, which is not understood", UnsupportedManifest
        )


def _read_periods(spans: list[Span], scope: Scope, origin_us: int) -> tuple[Period, ...]:
    """Return the Periods in which something can be played, on a timeline from origin_us on."""
    made = (_read_period(span.moved(-origin_us), scope) for span in spans)
    return tuple(period for period in made if period is not None)


def _read_period(span: Span, around: Scope) -> Period | None:
    node = span.node
    _refuse_strangers(node)
    scope = replace(
        around.inside(node), number=span.number, start_us=span.start_us, end_us=span.end_us
    )
    sets = [
        made
        for position, child in enumerate(node.children("AdaptationSet"))
        if (made := read_set(child, scope, position=position))
    ]
    if not sets:
        node.warn("left out: nothing in it can be played")
        return None
    return Period(
        id=node.get("id") or str(span.number),
        start_us=span.start_us,
        end_us=span.end_us,
        sets=tuple(sets),
        events=read_events(node, start_us=span.start_us, end_us=span.end_us),
    )


def _named_apart(mpd: Node, periods: tuple[Period, ...], *, live: bool) -> tuple[Period, ...]:
    """Return the Periods with every set and Representation under a name of its own.

    A live presentation is refreshed by those names, so there a repetition is an error.
    """
    reps = [rep.id for period in periods for rep in period.representations]
    groups = [group.id for period in periods for group in period.sets]
    if len(set(reps)) == len(reps) and len(set(groups)) == len(groups):
        return periods
    taken: set[str] = set()

    def unique(name: str) -> str:
        chosen, attempt = name, 1
        while chosen in taken:
            attempt += 1
            chosen = f"{name}~{attempt}"
        taken.add(chosen)
        return chosen

    def renamed(group: AdaptationSet) -> AdaptationSet:
        representations = []
        for rep in group.representations:
            chosen = unique(rep.id)
            if chosen != rep.id and rep.name:
                if live:
                    raise mpd.error(f"two Representations of one Period are called {rep.name!r}")
                mpd.warn(f"two Representations of one Period are called {rep.name!r}")
            representations.append(rep if chosen == rep.id else replace(rep, id=chosen))
        return replace(group, representations=tuple(representations))

    apart = [replace(period, sets=tuple(map(renamed, period.sets))) for period in periods]
    taken.clear()
    return tuple(
        replace(period, sets=tuple(replace(group, id=unique(group.id)) for group in period.sets))
        for period in apart
    )
