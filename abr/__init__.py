"""Adaptive bitrate: which rung of the ladder to fetch next. Usable without netplay.

`controller("hybrid")` makes the default controller; `abr.contract` says what a controller
is asked and answers, and `abr.laws.check_controller` holds one of your own to it.
"""

from abr.bola import Bola
from abr.bola_e import BolaE
from abr.contract import (
    Abandonment,
    Choice,
    Controller,
    Device,
    Keep,
    NetworkType,
    Played,
    Progress,
    Rung,
    Sample,
    Switch,
    View,
)
from abr.dynamic import Dynamic, DynamicDash
from abr.fixed import Fixed
from abr.guardrails import GOOD_ENOUGH_VMAF, Guardrails
from abr.hybrid import Hybrid, HybridSettings
from abr.registry import controller, names
from abr.throughput import Throughput

__all__ = [
    "GOOD_ENOUGH_VMAF",
    "Abandonment",
    "Bola",
    "BolaE",
    "Choice",
    "Controller",
    "Device",
    "Dynamic",
    "DynamicDash",
    "Fixed",
    "Guardrails",
    "Hybrid",
    "HybridSettings",
    "Keep",
    "NetworkType",
    "Played",
    "Progress",
    "Rung",
    "Sample",
    "Switch",
    "Throughput",
    "View",
    "controller",
    "names",
]
