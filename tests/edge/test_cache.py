"""A cached title is complete or not there, whoever was interrupted making it."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netplay.edge.cache import cached_protected_title, cached_title, default_cache_dir
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.title import TINY, Rung, Title

SPEC = replace(TINY, duration_s=1, rungs=(Rung(36, 64, 60),), forms=("segments",))


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def unhidden(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name[0] != ".")


def test_a_second_call_finds_what_the_first_made(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    first = cached_title(SPEC, tmp_path, progress=lambda *said: told.append(said))
    times = {path: path.stat().st_mtime_ns for path in first.rglob("*")}

    second = cached_title(SPEC, tmp_path, progress=lambda *_: pytest.fail("it was made again"))

    assert second == first
    assert {path: path.stat().st_mtime_ns for path in second.rglob("*")} == times
    assert told[-1][0] == told[-1][1] > 0


def test_a_protected_copy_is_made_once_beside_the_clear_title_and_holds_no_key(
    tmp_path: Path,
) -> None:
    key = ContentKey(kid=bytes(range(16)), key=bytes(range(100, 116)))
    plan = EncryptionPlan(scheme="cbcs", tiers=(Tier((key,)),))
    systems = (SystemSignal(system="clearkey"),)
    clear = cached_title(SPEC, tmp_path)

    first = cached_protected_title(clear, plan, systems)
    times = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    second = cached_protected_title(clear, plan, systems)
    other = cached_protected_title(clear, replace(plan, scheme="cenc"), systems)

    assert second == first != other
    assert {path: path.stat().st_mtime_ns for path in second.rglob("*")} == times
    assert sorted(unhidden(tmp_path)) == sorted(it.name for it in (clear, first, other))
    assert Title.load(first).protection is not None
    assert not [
        data for data in tree(first).values() if key.key in data or key.key.hex().encode() in data
    ]


def test_another_spec_is_another_title(tmp_path: Path) -> None:
    folders = {cached_title(spec, tmp_path) for spec in (SPEC, replace(SPEC, chunks=1))}

    assert len(folders) == 2
    assert {Title.load(folder).spec.chunks for folder in folders} == {1, 2}


def test_the_same_spec_makes_the_same_bytes(tmp_path: Path) -> None:
    one, other = (cached_title(SPEC, tmp_path / name) for name in ("one", "other"))

    assert tree(one) == tree(other)


def test_an_interrupted_build_leaves_nothing_and_the_next_starts_clean(tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int, _what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_title(SPEC, tmp_path, progress=interrupt)

    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []
    assert Title.load(cached_title(SPEC, tmp_path)).spec == SPEC


@pytest.mark.slow
def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from netplay.edge.cache import cached_title\n"
        "from netplay.edge.title import TINY\n"
        "die = lambda *said: os._exit(9)\n"
        "cached_title(replace(TINY, chunks=3), Path(sys.argv[1]), progress=die)\n"
    )
    died = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    left = list(tmp_path.glob(".*.building-*"))

    cached_title(SPEC, tmp_path)

    assert died.returncode == 9
    assert len(left) == 1
    assert not left[0].exists()


@pytest.mark.slow
def test_two_processes_at_once_make_it_once(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from netplay.edge.cache import cached_title\n"
        "from netplay.edge.title import TINY\n"
        "told = []\n"
        "print(cached_title(TINY, Path(sys.argv[1]), progress=lambda *said: told.append(said)))\n"
        "print(bool(told))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0].splitlines() for process in both]

    assert said[0][0] == said[1][0]
    assert sorted(made for _, made in said) == ["False", "True"]
    assert unhidden(tmp_path) == [Path(said[0][0]).name]


def test_a_failing_encoder_ends_the_build_with_its_own_error(
    tmp_path: Path,
) -> None:
    impossible = replace(SPEC, preset="there is no such preset")

    with pytest.raises(Exception, match="avcodec_open2"):
        cached_title(impossible, tmp_path)

    assert unhidden(tmp_path) == []


def test_the_cache_is_where_the_desktop_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    said = default_cache_dir()
    monkeypatch.delenv("XDG_CACHE_HOME")

    assert said == Path("/somewhere/netplay")
    assert default_cache_dir() == Path.home() / ".cache" / "netplay"
