"""Adaptive bitrate: which rung of the ladder to fetch next. Usable without netplay.

`controller("hybrid")` makes the default controller; `abr.contract` says what a controller
is asked and answers, and `abr.laws.check_controller` holds one of your own to it.
"""

from abr.bba import Bba
from abr.bola import Bola
from abr.bola_e import BolaE
from abr.buffer_rate import PensieveBb, Rate
from abr.buffer_value import BufferValue
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
from abr.fast_mpc import FastMpc
from abr.festive import Festive
from abr.fixed import Fixed
from abr.guardrails import GOOD_ENOUGH_VMAF, Guardrails
from abr.hyb import Hyb
from abr.hybrid import Hybrid, HybridSettings
from abr.l2a import L2a
from abr.lol_plus import LolPlus
from abr.mpc import Mpc
from abr.registry import controller, names
from abr.safety_margin import SafetyMargin
from abr.throughput import Throughput

__all__ = [
    "GOOD_ENOUGH_VMAF",
    "Abandonment",
    "Bba",
    "Bola",
    "BolaE",
    "BufferValue",
    "Choice",
    "Controller",
    "Device",
    "Dynamic",
    "DynamicDash",
    "FastMpc",
    "Festive",
    "Fixed",
    "Guardrails",
    "Hyb",
    "Hybrid",
    "HybridSettings",
    "Keep",
    "L2a",
    "LolPlus",
    "Mpc",
    "NetworkType",
    "PensieveBb",
    "Played",
    "Progress",
    "Rate",
    "Rung",
    "SafetyMargin",
    "Sample",
    "Switch",
    "Throughput",
    "View",
    "controller",
    "names",
]
