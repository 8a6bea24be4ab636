"""Twins by the names of their controllers, with the same settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Final

from abr.buffer_value import BufferValue
from abr.guardrails import Guardrails
from abr.hybrid import HybridSettings
from abr.lockstep.bba import Bbas
from abr.lockstep.bola import Bolas
from abr.lockstep.bola_e import BolaEs
from abr.lockstep.contract import Twin
from abr.lockstep.hybrid import Hybrids
from abr.lockstep.throughput import Throughputs
from abr.registry import controller
from abr.safety_margin import SafetyMargin

__all__ = ["names", "twin"]

_LIMITS: Final = frozenset(field.name for field in fields(Guardrails))


def _throughputs(**settings: object) -> Throughputs:
    limits = {name: settings.pop(name) for name in _LIMITS & settings.keys()}
    guardrails: Callable[..., Guardrails] = Guardrails
    make: Callable[..., Throughputs] = Throughputs
    return make(guardrails=guardrails(**limits), **settings)


def _hybrids(
    preset: Callable[[], HybridSettings],
    *,
    initial_bps: float | None = None,
    **changes: object,
) -> Hybrids:
    settings = preset()
    limits = {name: changes.pop(name) for name in _LIMITS & changes.keys()}
    ruled = {field.name for field in fields(settings.rule)}
    judged = {name: changes.pop(name) for name in ruled & changes.keys()}
    rule: Callable[..., BufferValue | SafetyMargin] = partial(replace, settings.rule)
    guardrails: Callable[..., Guardrails] = partial(replace, settings.guardrails)
    change: Callable[..., HybridSettings] = partial(replace, settings)
    settings = change(rule=rule(**judged), guardrails=guardrails(**limits), **changes)
    return Hybrids(settings, initial_bps=initial_bps)


_TWINS: Final[dict[str, Callable[..., Twin]]] = {
    "bba": partial(Bbas, 2),
    "bba-0": partial(Bbas, 0),
    "bba-1": partial(Bbas, 1),
    "bba-2": partial(Bbas, 2),
    "bola": Bolas,
    "bola-basic": partial(Bolas, finite=False),
    "bola-e": BolaEs,
    "bola-finite": partial(Bolas, guard="none"),
    "bola-o": partial(Bolas, guard="o"),
    "hybrid": partial(_hybrids, HybridSettings.tuned),
    "hybrid-article": partial(_hybrids, HybridSettings.article),
    "hybrid-brisk": partial(_hybrids, HybridSettings.brisk),
    "throughput": _throughputs,
}


def names() -> tuple[str, ...]:
    """Return the names of the controllers that have a twin, in alphabetical order."""
    return tuple(sorted(_TWINS))


def twin(name: str, **settings: object) -> Twin:
    """Return a new twin of the controller that `abr.controller` makes of the same arguments.

    Raises:
        ValueError: There is no such controller, it has no twin, or no such setting.
    """
    controller(name, **settings)
    make = _TWINS.get(name)
    if make is None:
        raise ValueError(f"controller {name!r} has no twin; {', '.join(names())} have one")
    return make(**settings)
