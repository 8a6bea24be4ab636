"""Hardware is counted on only after it decoded a frame, and the answer is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netplay.io.show.hardware import (
    FAMILIES,
    _memory,
    hardware_names,
    probe_device,
    remembered,
    software_max_height,
    try_hardware,
)
from netplay.io.show.render import RenderSettings

pytestmark = pytest.mark.anyio


def test_only_device_types_that_this_ffmpeg_knows_are_named() -> None:
    names = hardware_names()

    assert len(set(names)) == len(names)
    assert "none" not in names


def test_a_device_type_that_does_not_exist_decodes_nothing() -> None:
    assert not try_hardware("h264", "no-such-device")


async def test_a_probe_says_what_the_machine_decodes_and_remembers_it(tmp_path: Path) -> None:
    device = await probe_device(folder=tmp_path)

    known = remembered(tmp_path)
    assert set(known) == set(FAMILIES)
    assert device.hardware == tuple(family for family in FAMILIES if known[family])
    assert device.software == ("av1", "vp9", "hevc", "h264")
    assert device.software_max_height is not None


async def test_what_is_remembered_is_not_tried_again(tmp_path: Path) -> None:
    await probe_device(folder=tmp_path)
    _memory(tmp_path).write_text(
        json.dumps({"av1": "", "vp9": "", "hevc": "imagined", "h264": "imagined"})
    )

    device = await probe_device(folder=tmp_path)

    assert device.hardware == ("hevc", "h264")


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"h264": 7}', "\x00\xff"])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, damaged: str) -> None:
    _memory(tmp_path).write_text(damaged, "latin-1")

    assert remembered(tmp_path) == {}


async def test_a_memory_that_cannot_be_written_only_costs_another_trial(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    device = await probe_device(folder=blocked)

    assert device.software


async def test_without_hardware_wanted_none_is_tried(tmp_path: Path) -> None:
    device = await probe_device(hwaccel="none", folder=tmp_path)

    assert device.hardware == ()
    assert remembered(tmp_path) == {}


@pytest.mark.parametrize(("cores", "height"), [(1, 1440), (2, 1440), (4, 2160), (64, 4320)])
def test_more_cores_decode_taller_pictures(cores: int, height: int) -> None:
    assert software_max_height(cores) == height


def test_hardware_that_ffmpeg_never_heard_of_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no hardware 'warp'"):
        RenderSettings(hwaccel="warp")
