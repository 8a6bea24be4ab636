"""Controllers by name: those that come with abr, and those that other packages bring.

A package offers a controller through the entry-point group `netplay.abr`: the entry's
name is the controller's, its object anything that returns a `Controller` when called
with the settings. A name that comes with abr always means abr's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from abr.bba import Bba
from abr.bola import Bola
from abr.bola_e import BolaE
from abr.buffer_rate import PensieveBb, Rate
from abr.buffer_value import BufferValue
from abr.contract import Controller
from abr.dynamic import Dynamic, DynamicDash
from abr.fast_mpc import FastMpc
from abr.festive import Festive
from abr.fixed import Fixed
from abr.guardrails import Guardrails
from abr.hyb import Hyb
from abr.hybrid import Hybrid, HybridSettings
from abr.l2a import L2a
from abr.lol_plus import LolPlus
from abr.mpc import Mpc
from abr.safety_margin import SafetyMargin
from abr.throughput import SAFETY_MARGIN, Throughput

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

__all__ = ["controller", "names"]

ENTRY_POINTS: Final = "netplay.abr"

_LIMITS: Final = frozenset(field.name for field in fields(Guardrails))


def _hybrid(
    preset: Callable[[], HybridSettings],
    *,
    initial_bps: float | None = None,
    **changes: object,
) -> Hybrid:
    settings = preset()
    limits = {name: changes.pop(name) for name in _LIMITS & changes.keys()}
    ruled = {field.name for field in fields(settings.rule)}
    judged = {name: changes.pop(name) for name in ruled & changes.keys()}
    rule: Callable[..., BufferValue | SafetyMargin] = partial(replace, settings.rule)
    change: Callable[..., HybridSettings] = partial(replace, settings)
    guardrails = _limited(settings.guardrails, limits)
    settings = change(rule=rule(**judged), guardrails=guardrails, **changes)
    return Hybrid(settings, initial_bps=initial_bps)


def _throughput(
    *,
    safety_margin: float = SAFETY_MARGIN,
    initial_bps: float | None = None,
    insufficient_buffer: bool = True,
    **limits: object,
) -> Throughput:
    return Throughput(
        safety_margin,
        initial_bps=initial_bps,
        insufficient_buffer=insufficient_buffer,
        guardrails=_limited(Guardrails(), limits),
    )


def _limited(guardrails: Guardrails, limits: Mapping[str, object]) -> Guardrails:
    change: Callable[..., Guardrails] = partial(replace, guardrails)
    return change(**limits)


_OURS: Final[dict[str, Callable[..., Controller]]] = {
    "bba": partial(Bba, 2),
    "bba-0": partial(Bba, 0),
    "bba-1": partial(Bba, 1),
    "bba-2": partial(Bba, 2),
    "bola": Bola,
    "bola-basic": partial(Bola, finite=False),
    "bola-e": BolaE,
    "bola-finite": partial(Bola, guard="none"),
    "bola-o": partial(Bola, guard="o"),
    "dynamic": Dynamic,
    "dynamicdash": DynamicDash,
    "fast-mpc": FastMpc,
    "festive": Festive,
    "fixed": Fixed,
    "hyb": Hyb,
    "hybrid": partial(_hybrid, HybridSettings.tuned),
    "hybrid-article": partial(_hybrid, HybridSettings.article),
    "hybrid-brisk": partial(_hybrid, HybridSettings.brisk),
    "l2a": L2a,
    "lol-plus": LolPlus,
    "mpc": Mpc,
    "pensieve-bb": PensieveBb,
    "rate": Rate,
    "robust-mpc": partial(Mpc, robust=True),
    "throughput": _throughput,
}
"""`bba` is BBA-2; `bola` is BOLA-FINITE with the guard of BOLA-U, as in Sabre."""


def _theirs() -> EntryPoints:
    # Reads the metadata of every installed package, so not before somebody asks.
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINTS)


def names() -> tuple[str, ...]:
    """Return the names that `controller` knows, in alphabetical order."""
    return tuple(sorted({*_OURS, *_theirs().names}))


def controller(name: str, **settings: object) -> Controller:
    """Return a new controller.

    Args:
        name: One of `names()`.
        settings: What its constructor takes, by keyword. "hybrid" takes a field of
            `HybridSettings`, of its rule or of `Guardrails`, or initial_bps; "throughput" a
            field of `Guardrails` beside its own.

    Raises:
        ValueError: There is no such controller, or it has no such setting.
    """
    make = _OURS.get(name)
    if make is None:
        theirs = _theirs()
        if name not in theirs.names:
            raise ValueError(f"no controller is called {name!r}; there are {', '.join(names())}")
        make = theirs[name].load()
    try:
        return make(**settings)
    except TypeError as error:
        given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
        raise ValueError(f"controller {name!r} does not take ({given}): {error}") from error
