"""Controllers by name, ours and those of other packages."""

import subprocess
import sys
from pathlib import Path

import pytest
from abr_views import PLAYING, START, measured

import abr
from abr import Fixed, Hybrid, HybridSettings, Throughput, controller, names

NAMES = (
    "bba",
    "bba-0",
    "bba-1",
    "bba-2",
    "bola",
    "bola-basic",
    "bola-e",
    "bola-finite",
    "bola-o",
    "dynamic",
    "dynamicdash",
    "fast-mpc",
    "festive",
    "fixed",
    "hyb",
    "hybrid",
    "hybrid-article",
    "hybrid-brisk",
    "l2a",
    "lol-plus",
    "mpc",
    "pensieve-bb",
    "rate",
    "robust-mpc",
    "throughput",
)


def test_the_built_in_controllers_go_by_name() -> None:
    assert names() == NAMES
    assert isinstance(controller("hybrid"), Hybrid)
    assert isinstance(controller("throughput"), Throughput)
    assert isinstance(controller("fixed", rung=3), Fixed)


def test_an_unknown_name_is_answered_with_the_good_ones() -> None:
    with pytest.raises(ValueError, match="'bolla'; there are bba, bba-0, bba-1, "):
        controller("bolla")


def test_settings_reach_the_controller_and_its_limits() -> None:
    hybrid = controller("hybrid", start_max_height=288, initial_bps=100e6)
    capped = controller("hybrid", max_height=240, quality_cap=93.0)
    throughput = controller("throughput", safety_margin=0.5, max_height=384)

    bolder = controller("hybrid", climb_level_s=0.0, surge=9.0, margin=3.0, climb_every_s=0.0)

    assert hybrid.choose(START).rung == 1
    assert measured(bolder, bps=1e6).choose(PLAYING).rung == 8
    assert measured(capped, bps=100e6).choose(PLAYING).rung == 0
    assert measured(throughput, bps=100e6).choose(PLAYING).rung == 3


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"controller '{name}' does not take .*sturdiness=3"):
        controller(name, sturdiness=3)


def test_another_package_brings_controllers_but_does_not_replace_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_abr.py").write_text(
        "from abr import Fixed\n\nclass Theirs(Fixed):\n    pass\n"
    )
    info = tmp_path / "their_abr-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-abr\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[netplay.abr]\ntheirs = their_abr:Theirs\nhybrid = their_abr:Theirs\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    theirs = controller("theirs", rung=2)

    assert set(names()) - set(NAMES) == {"theirs"}
    assert type(theirs).__name__ == "Theirs"
    assert theirs.choose(PLAYING).rung == 2
    assert isinstance(controller("hybrid"), Hybrid)


def test_the_default_preset_is_what_the_registry_makes() -> None:
    ours, by_name = Hybrid(HybridSettings.tuned()), controller("hybrid")

    assert measured(ours, bps=3e6).choose(PLAYING) == measured(by_name, bps=3e6).choose(PLAYING)


def test_importing_abr_alone_imports_nothing_heavy_and_no_netplay() -> None:
    script = (
        "import sys, abr, abr.laws; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )

    ran = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {root()!r}); {script}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    loaded = set(ran.stdout.split())
    assert "abr" in loaded
    assert not loaded & {"netplay", "av", "numpy", "httpx", "anyio", "drm", "hypothesis"}


def root() -> str:
    return str(Path(abr.__file__).parent.parent)
