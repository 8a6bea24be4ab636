"""Titles that were made once: a folder for each spec, complete or not there at all.

A protected copy of one is a folder too, named after what it was made of.

A title is built under another name and renamed when all of it is on disk, so whoever finds
the folder may use it. A lock file a title makes a second process wait for the first instead
of encoding the same; the kernel drops a dead process's lock, so leftovers are recognised by
being unlocked, and removed.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netplay.edge.title import PACKAGER_VERSION, TITLE_FILE, Progress, TitleSpec

if TYPE_CHECKING:
    from netplay.edge.encryption.plan import EncryptionPlan
    from netplay.edge.encryption.signals import SystemSignal

try:
    import fcntl
except ImportError:  # Windows: builds may then repeat each other, but never mix.
    fcntl = None  # type: ignore[assignment]

__all__ = ["cached_protected_title", "cached_title", "default_cache_dir"]

BUILDING = ".building"
LOCK = ".lock"


def default_cache_dir() -> Path:
    """Return where titles are kept: $XDG_CACHE_HOME/netplay, or ~/.cache/netplay."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "netplay"


def cached_title(
    spec: TitleSpec, cache_dir: Path | None = None, *, progress: Progress | None = None
) -> Path:
    """Return the folder of a title, making it first where it is not there yet.

    Blocks for as long as encoding takes; in an event loop, call it in a thread.

    Args:
        spec: Which title.
        cache_dir: Where titles are kept; None is `default_cache_dir()`.
        progress: Hears how far a build is, in this thread.
    """
    folder = (cache_dir or default_cache_dir()) / f"title-{spec.digest()}"
    return _made(folder, partial(_package, spec, progress))


def cached_protected_title(
    clear: Path, plan: "EncryptionPlan", systems: tuple["SystemSignal", ...]
) -> Path:
    """Return the folder of a protected copy beside a title, making it where it is not there.

    No key is kept with it; whoever made the plan has them. Needs the "drm" extra.

    Args:
        clear: A folder that `cached_title` returned.
        plan: How to protect it.
        systems: To whom its manifests speak of it.
    """
    said = repr((PACKAGER_VERSION, astuple(plan), systems))
    name = f"{clear.name}-{hashlib.sha256(said.encode()).hexdigest()[:20]}"
    return _made(clear.parent / name, partial(_protect, clear, plan, systems))


def _package(spec: TitleSpec, progress: Progress | None, folder: Path) -> None:
    # Here and not above: a title that is cached should not wait for encoders to be imported.
    from netplay.edge.package import package

    package(spec, folder, progress)


def _protect(
    clear: Path, plan: "EncryptionPlan", systems: tuple["SystemSignal", ...], folder: Path
) -> None:
    from netplay.edge.encryption.protect import protect

    protect(clear, folder, plan, systems=systems)


def _made(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder of the cache, made into another one first where it is not there yet."""
    if (folder / TITLE_FILE).is_file():
        return folder
    cache = folder.parent
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f".{folder.name}{LOCK}", wait=True):
        if not (folder / TITLE_FILE).is_file():
            _build(folder, make)
    _remove_leftovers(cache)
    return folder


def _build(folder: Path, make: Callable[[Path], object]) -> None:
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}{BUILDING}-", dir=folder.parent))
    try:
        make(building)
        building.chmod(0o755)
        _sync(building)
        try:
            building.rename(folder)
        except OSError:
            # Without locks somebody else may have been first; theirs is as good.
            if not (folder / TITLE_FILE).is_file():
                raise
        _sync_folder(folder.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Put every file and folder below on disk, so that the rename is the last thing to be."""
    for parent, _, files in os.walk(folder):
        for name in files:
            with (Path(parent) / name).open("rb") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(parent))


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Only there can a folder be opened.
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a file lock, or say that somebody else does; a lock file is never removed."""
    with path.open("a") as file:
        if fcntl is None:
            yield True
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def _remove_leftovers(cache: Path) -> None:
    """Remove what builds that died left behind, whatever they were building."""
    if fcntl is None:
        return  # Without locks a build that lives cannot be told from one that died.
    for leftover in cache.glob(f".*{BUILDING}-*"):
        name = leftover.name.partition(BUILDING)[0]
        with _locked(cache / f"{name}{LOCK}", wait=False) as nobody_builds:
            if nobody_builds:
                shutil.rmtree(leftover, ignore_errors=True)
