"""Which decoders of this machine are hardware, found out by decoding a frame on them.

FFmpeg lists what it was built with, not what works here, so each device is tried once for
each codec family on one frame made for the purpose. The answers are remembered on disk
under a name made of the drivers and the FFmpeg version, and playback only ever reads them:
the first frame never waits for a trial.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import anyio
import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.error import FFmpegError

from netplay.core.device import Device, Family, Platform

__all__ = [
    "FAMILIES",
    "hardware_decoder",
    "hardware_names",
    "probe_device",
    "remembered",
    "software_max_height",
    "try_hardware",
]

FAMILIES: tuple[Family, ...] = ("av1", "vp9", "hevc", "h264")

_BEST_FIRST = ("videotoolbox", "d3d11va", "dxva2", "cuda", "vaapi", "qsv", "vdpau", "vulkan")
"""A platform's own interface before the vendors'; among those, the ones that copy least."""

_ENCODERS: dict[Family, tuple[tuple[str, dict[str, str]], ...]] = {
    "h264": (("libx264", {"preset": "ultrafast"}), ("libopenh264", {})),
    "hevc": (("libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),),
    "vp9": (("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),),
    "av1": (("libsvtav1", {"preset": "12"}), ("libaom-av1", {"cpu-used": "8"})),
}

_SOFTWARE: dict[Family, tuple[str, ...]] = {
    "h264": ("h264",),
    "hevc": ("hevc",),
    "vp9": ("vp9", "libvpx-vp9"),
    "av1": ("libdav1d", "libaom-av1"),
}

_TRIAL_WIDTH, _TRIAL_HEIGHT = 640, 360
"""Hardware refuses very small pictures (NVDEC wants 144x144 for HEVC); this is a usual rung."""

_TRIAL_FRAMES = 12
"""More than any decoder here holds back before it gives the first."""


def hardware_decoder(codec: str, hardware: str) -> av.VideoCodecContext:
    """Return a decoder that decodes in hardware or raises; it never falls back by itself.

    Args:
        codec: FFmpeg's name; the native decoder, since dav1d knows no hardware.
        hardware: A device type as FFmpeg names it, e.g. "cuda".

    Raises:
        FFmpegError, OSError, ValueError, NotImplementedError: That device does not work
            here (PyAV maps FFmpeg's errors onto Python's: a machine without a GPU answers
            "cuda" with PermissionError).
    """
    # With FFmpeg's own fallback nobody could tell who decodes, so it is off and we fall back.
    accelerated = HWAccel(hardware, allow_software_fallback=False)
    context = av.CodecContext.create(codec, "r", hwaccel=accelerated)
    if not isinstance(context, av.VideoCodecContext) or not context.is_hwaccel:
        raise NotImplementedError(f"{hardware} has no {codec} decoder")
    return context


def hardware_names() -> tuple[str, ...]:
    """Return the device types that this FFmpeg could use, those to prefer first."""
    built = set(hwdevices_available())
    return tuple(name for name in _BEST_FIRST if name in built)


def try_hardware(family: Family, hardware: str) -> bool:
    """Return whether a device decodes a frame of that family, by decoding one on it.

    Blocks for some tens of milliseconds where the device exists.
    """
    try:
        hardware_decoder(family, hardware)
    except (FFmpegError, OSError, ValueError, NotImplementedError):
        return False
    clip = _clip(family)
    if clip is None:
        return False
    extradata, packets = clip
    try:
        decoder = hardware_decoder(family, hardware)
        decoder.extradata = extradata
        for packet in [*packets, None]:
            if decoder.decode(packet):
                return True
    except (FFmpegError, OSError, ValueError, NotImplementedError):
        return False
    return False


def _clip(family: Family) -> tuple[bytes | None, list[av.Packet[Any]]] | None:
    """Return a few encoded frames and their extradata; None without an encoder for them."""
    for name, options in _ENCODERS[family]:
        if name not in av.codecs_available:
            continue
        encoder = av.CodecContext.create(name, "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height, encoder.pix_fmt = _TRIAL_WIDTH, _TRIAL_HEIGHT, "yuv420p"
        encoder.framerate, encoder.time_base = Fraction(25), Fraction(1, 25)
        encoder.options = options
        packets: list[av.Packet[Any]] = []
        for number in range(_TRIAL_FRAMES):
            frame = av.VideoFrame(_TRIAL_WIDTH, _TRIAL_HEIGHT, "yuv420p")
            for plane in frame.planes:
                plane.update(b"\x80" * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            packets += encoder.encode(frame)
        packets += encoder.encode(None)
        return encoder.extradata, packets
    return None


# ── What is remembered ───────────────────────────────────────────────────────────────


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""


def _fingerprint() -> str:
    """Return what must stay the same for an answer to stay true: drivers and FFmpeg."""
    devices = Path("/dev/dri")
    nodes = sorted(node.name for node in devices.iterdir()) if devices.is_dir() else []
    versions = av.library_versions
    parts = (
        platform.system(),
        platform.release(),
        _read(Path("/sys/module/nvidia/version")),
        " ".join(nodes),
        ".".join(map(str, versions["libavcodec"])),
        ".".join(map(str, versions["libavutil"])),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _memory(folder: Path | None) -> Path:
    if folder is None:
        home = os.environ.get("XDG_CACHE_HOME", "")
        root = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
        folder = root / "netplay"
    return folder / f"hardware-{_fingerprint()}.json"


def remembered(folder: Path | None = None) -> Mapping[Family, str]:
    """Return the hardware that decodes each family here, "" for none, as tried before.

    A family that was never tried is missing. An unreadable file is as good as none: it
    is only a memory, and the next trial writes it anew.

    Args:
        folder: Where the answers are kept; None: the user's cache folder.
    """
    try:
        said: object = json.loads(_memory(folder).read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(said, dict):
        return {}
    return {family: said[family] for family in FAMILIES if isinstance(said.get(family), str)}


def _remember(answers: Mapping[Family, str], folder: Path | None) -> None:
    path = _memory(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside it and renamed, so that a reader never sees half a file.
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(dict(answers)), "utf-8")
        draft.replace(path)
    except OSError:
        # A read-only home only costs the next start another trial.
        return


def _try_all(folder: Path | None) -> Mapping[Family, str]:
    answers = dict(remembered(folder))
    unknown = [family for family in FAMILIES if family not in answers]
    for family in unknown:
        working = (name for name in hardware_names() if try_hardware(family, name))
        answers[family] = next(working, "")
    if unknown:
        _remember(answers, folder)
    return answers


# ── The device ───────────────────────────────────────────────────────────────────────


def software_max_height(cores: int) -> int:
    """Return the tallest picture that so many cores decode in time at 30 frames a second.

    An estimate: software decoding costs 3 to 7 ms of processor time for a 1080p frame of
    H.264 or HEVC at streaming bitrates (measured on a 2.x GHz x86-64 core), taken at the
    dear end, and may fill four tenths of the cores, since the rest of the app wants some
    and 60 frames a second should not fail outright.
    """
    cost_us_per_pixel = 7_000 / (1920 * 1080)
    affordable_us = 0.4 * cores * 1_000_000 / 30
    best = 480
    for width, height in ((1280, 720), (1920, 1080), (2560, 1440), (3840, 2160), (7680, 4320)):
        if width * height * cost_us_per_pixel <= affordable_us:
            best = height
    return best


def _platform() -> Platform:
    if hasattr(sys, "getandroidapilevel"):
        return "android"
    known: dict[str, Platform] = {"darwin": "apple", "win32": "windows", "linux": "linux"}
    return known.get(sys.platform, "other")


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def remembered_device(folder: Path | None = None) -> Device:
    """Return what this machine decodes as far as it was tried before; tries nothing.

    Args:
        folder: Where answers are remembered; None: the user's cache folder.
    """
    return _device(remembered(folder))


async def probe_device(*, hwaccel: str = "auto", folder: Path | None = None) -> Device:
    """Return what this machine decodes, trying its hardware where that was never tried.

    The trials run in a worker thread and take up to a second or so, once a machine; call
    it beside playback, not before it.

    Args:
        hwaccel: "auto"; "none" to count on software alone; or the one device to count on.
        folder: Where answers are remembered; None: the user's cache folder.
    """
    if hwaccel == "none":
        works: Mapping[Family, str] = {}
    elif hwaccel == "auto":
        works = await anyio.to_thread.run_sync(_try_all, folder)
    else:
        works = await anyio.to_thread.run_sync(
            lambda: {family: hwaccel for family in FAMILIES if try_hardware(family, hwaccel)}
        )
    return _device(works)


def _device(works: Mapping[Family, str]) -> Device:
    available = av.codecs_available
    return Device(
        platform=_platform(),
        hardware=tuple(family for family in FAMILIES if works.get(family)),
        software=tuple(
            family for family in FAMILIES if any(name in available for name in _SOFTWARE[family])
        ),
        software_max_height=software_max_height(_cores()),
    )
