"""Who may import whom: the architecture as a table, and every import held to it.

A room is a folder or a module of netplay, or one of the leaf packages beside it. What is
not in the table fails: a new room is named here, with its arrows, before it can be
merged. The standard library is open to every room but the pure ones.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LEAVES = (
    "netplay.errors",
    "netplay.naming",
    "netplay.segments",
    "netplay.timeline",
    "netplay.codecs",
    "netplay.lazy",
)
"""Words that every room shares."""

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    # Leaf packages: of use without netplay, and without FFmpeg.
    "abr": ("numpy",),
    "drm": ("cryptography", "pywidevine"),
    # Leaf modules.
    "netplay.errors": (),
    "netplay.codecs": (),
    "netplay.lazy": (),
    "netplay.naming": (),
    "netplay.segments": ("netplay.naming",),
    "netplay.timeline": ("netplay.segments", "netplay.naming"),
    # What bytes hold and what text means.
    "netplay.media": LEAVES,
    "netplay.manifest": (*LEAVES, "netplay.media"),
    # Decides.
    "netplay.core": (*LEAVES, "abr"),
    # Listens: what the core said, never how it came to it.
    "netplay.telemetry": (
        *LEAVES,
        "abr",
        "netplay.core.messages",
        "netplay.core.device",
        "netplay.core.status",
        "netplay.core.rules",
        "opentelemetry",
    ),
    # Performs, in real time and in virtual time.
    "netplay.io": (
        *LEAVES,
        "netplay.core",
        "netplay.manifest",
        "netplay.media",
        "netplay.telemetry.tap",
        "drm",
        "anyio",
        "av",
        "certifi",
        "httpcore",
        "httpx",
        "numpy",
    ),
    "netplay.sim": (
        *LEAVES,
        "netplay.core",
        "netplay.manifest",
        "netplay.media",
        "netplay.telemetry",
        "abr",
        "numpy",
    ),
    # The façades.
    "netplay.player": (
        *LEAVES,
        "netplay.viewing",
        "netplay.preparing",
        "netplay.wishes",
        "netplay.core",
        "netplay.io",
        "netplay.manifest",
        "netplay.telemetry",
        "abr",
        "drm",
        "anyio",
    ),
    "netplay.preparing": (*LEAVES, "netplay.core", "netplay.io", "anyio"),
    "netplay.wishes": (*LEAVES, "netplay.core"),
    "netplay.viewing": (
        *LEAVES,
        "netplay.core",
        "netplay.io",
        "netplay.telemetry",
        "anyio",
    ),
    "netplay.blocking": (
        *LEAVES,
        "netplay.player",
        "netplay.core",
        "netplay.io",
        "netplay.telemetry",
        "abr",
        "drm",
        "anyio",
    ),
    "netplay": (
        *LEAVES,
        "netplay.player",
        "netplay.blocking",
        "netplay.core",
        "netplay.io",
        "netplay.lab",
        "netplay.manifest",
        "netplay.telemetry",
    ),
    # The other side, for tests and demos: it never sees the player.
    "netplay.edge": (
        *LEAVES,
        "netplay.media",
        "netplay.manifest",
        "drm",
        "anyio",
        "av",
        "cryptography",
        "google.protobuf",
        "m3u8",
        "mpegdash",
        "numpy",
        "pywidevine",
        "starlette",
        "uvicorn",
    ),
    # Experiments, over the simulator.
    "netplay.lab": (
        *LEAVES,
        "netplay.core",
        "netplay.edge",
        "netplay.manifest",
        "netplay.player",
        "netplay.sim",
        "netplay.telemetry",
        "abr",
        "httpx",
        "numpy",
        "pyarrow",
    ),
    # The command, which nothing imports.
    "netplay.cli": (
        *LEAVES,
        "netplay",
        "abr",
        "drm",
        "anyio",
        "rich",
        "typer",
    ),
}

PURE = (
    "abr",
    "netplay.errors",
    "netplay.codecs",
    "netplay.segments",
    "netplay.timeline",
    "netplay.media",
    "netplay.manifest",
    "netplay.core",
)
"""Rooms without clock, socket, thread, chance or file: time is an argument, chance a seed."""

IMPURE_MODULES = frozenset((
    "asyncio", "concurrent", "ctypes", "fileinput", "glob", "http", "importlib", "logging",
    "multiprocessing", "os", "pathlib", "queue", "random", "sched", "secrets", "select",
    "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading",
    "time", "urllib.request",
))  # fmt: skip
IMPURE_CALLS = frozenset(["open", "input", "print", "exec", "eval", "compile", "__import__"])
CLOCK_CALLS = frozenset(["now", "utcnow", "today"])

IMPURE_FOR_A_REASON = {
    "abr/festive.py": {
        "random": "FESTIVE spreads its waits at random: a Random of a seed that it is given",
    },
    "abr/lol_plus.py": {
        "random": "its map starts at random points: a Random of a seed that it is given",
    },
    "abr/laws.py": {
        "random": "a contract suite, run in tests: it draws worlds from a seed it is given",
    },
    "abr/registry.py": {
        "importlib": "finds the controllers that other packages bring, when somebody asks",
    },
}

LINES = 400
LONGER_FOR_A_REASON: dict[str, str] = {}

HEAVY = ("numpy", "rich", "typer", "starlette", "uvicorn", "m3u8", "mpegdash", "cryptography")
"""Never loaded by `import netplay` alone."""


# Reading the tree.


def sources(room: str) -> Iterator[Path]:
    """Yield the files of a room; for "netplay" only its own __init__."""
    home = ROOT.joinpath(*room.split("."))
    if room == "netplay":
        yield home / "__init__.py"
    elif home.is_dir():
        yield from sorted(home.rglob("*.py"))
    elif home.with_suffix(".py").is_file():
        yield home.with_suffix(".py")


def product() -> Iterator[Path]:
    for package in ("netplay", "abr", "drm"):
        yield from sorted((ROOT / package).rglob("*.py"))


def room_of(path: Path) -> str:
    """Return the room that a file, or a folder of its own, is in."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] != "netplay" or parts == ("netplay", "__init__"):
        return parts[0]
    return ".".join(parts[:2])


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """Yield every module a file imports anywhere in it, by its full name.

    `from netplay.core import rules` is an import of netplay.core.rules where that is a
    module, and of netplay.core where it is not.
    """
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                for alias in names:
                    inner = f"{module}.{alias.name}"
                    yield inner if is_module(inner) else module
            case ast.ImportFrom():
                raise AssertionError(f"{path}: imports are absolute")
            case _:
                pass


def is_module(name: str) -> bool:
    home = ROOT.joinpath(*name.split("."))
    return home.with_suffix(".py").is_file() or (home / "__init__.py").is_file()


def within(name: str, homes: tuple[str, ...]) -> bool:
    return any(name == home or name.startswith(f"{home}.") for home in homes)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# The laws.


def test_every_room_is_in_the_table_and_every_room_of_the_table_exists() -> None:
    found = {room_of(path) for path in product()}

    assert found == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    # Naming a whole room allows all of it, but the table's "netplay" is one file; only the
    # command may import anything at all.
    allowed = tuple(home for home in MAY_IMPORT[room] if home != "netplay" or room == "netplay.cli")

    strangers = {
        f"{shown(path)} imports {name}"
        for path in sources(room)
        for name in imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not within(name, (*allowed, room))
    }

    assert not strangers


@pytest.mark.parametrize("room", [room for room in MAY_IMPORT if room != "netplay.cli"])
def test_nothing_imports_the_command(room: str) -> None:
    importers = {
        shown(path)
        for path in sources(room)
        for name in imported(path)
        if within(name, ("netplay.cli",))
    }

    assert not importers


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_has_no_clock_no_socket_no_thread_no_chance_and_no_file(room: str) -> None:
    impure = {
        f"{shown(path)} imports {name}"
        for path in sources(room)
        for name in imported(path)
        if name.partition(".")[0] in IMPURE_MODULES or name in IMPURE_MODULES
        if name.partition(".")[0] not in IMPURE_FOR_A_REASON.get(shown(path), {})
    }

    assert not impure


@pytest.mark.parametrize("room", PURE)
def test_a_pure_room_opens_prints_and_dates_nothing(room: str) -> None:
    calls = {
        f"{shown(path)}:{node.lineno} calls {name}()"
        for path in sources(room)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and (name := impure_call(node))
    }

    assert not calls


def impure_call(call: ast.Call) -> str:
    """Return the name of what a call should not have called; "" if it may."""
    match call.func:
        case ast.Name(id=name) if name in IMPURE_CALLS:
            return name
        case ast.Attribute(attr=name) if name in CLOCK_CALLS:
            return name
        case _:
            return ""


def test_every_exception_is_still_needed() -> None:
    used = {
        (shown(path), name.partition(".")[0])
        for room in PURE
        for path in sources(room)
        for name in imported(path)
    }
    excused = {(file, name) for file, names in IMPURE_FOR_A_REASON.items() for name in names}

    assert excused <= used
    assert {file for file in LONGER_FOR_A_REASON if lines_of(ROOT / file) <= LINES} == set()


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {
        f"{shown(path)}: {lines_of(path)} lines"
        for path in product()
        if lines_of(path) > LINES and shown(path) not in LONGER_FOR_A_REASON
    }

    assert not long


def test_every_module_says_what_it_is_for() -> None:
    silent = {shown(path) for path in product() if not ast.get_docstring(tree(path))}

    assert not silent


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "absent"), [("netplay", HEAVY), ("abr", (*HEAVY, "av", "netplay"))]
)
def test_importing_it_loads_nothing_heavy(module: str, absent: tuple[str, ...]) -> None:
    probe = f"import sys, {module}; print(*sorted(sys.modules))"

    loaded = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert set(absent) & set(loaded) == set()
