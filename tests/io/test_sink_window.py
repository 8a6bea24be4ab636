"""The example window plays a real title, on SDL's dummy screen and dummy sound card."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from netplay.edge.cache import cached_title
from netplay.edge.manifests import documents
from netplay.edge.title import Rung, Title, TitleSpec

pytest.importorskip("pygame", reason="pygame-ce is missing: pip install 'netplay[window]'")

EXAMPLE = Path(__file__).parents[2] / "examples" / "window.py"
SHORT = TitleSpec(duration_s=1, segment_s=1, rungs=(Rung(72, 128, 120),), audio_kbps=48)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    described = importlib.util.spec_from_file_location("window", EXAMPLE)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    monkeypatch.setitem(sys.modules, "window", module)
    described.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_window_plays_a_title_to_its_end(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cached_title(SHORT, tmp_path)
    manifest = folder / "manifest.mpd"
    manifest.write_text(documents(Title.load(folder))["manifest.mpd"])

    code = example.main([str(manifest)])

    told = capsys.readouterr().out
    assert code == 0
    assert int(told.split(" frames shown")[0]) >= 20
    assert "finished=True" in told


@pytest.mark.slow
def test_a_title_that_is_not_there_ends_in_one_line(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = example.main([str(tmp_path / "nothing.mpd")])

    assert code == 1
    assert "nothing.mpd" in capsys.readouterr().err
