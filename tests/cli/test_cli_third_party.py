"""The README's controller, brought by a package of somebody else's, by its name at a prompt."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import abr
from abr.contract import Controller
from abr.laws import check_controller

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def controller() -> str:
    """Return the README's controller, as it stands there."""
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (found,) = [block for block in blocks if "class Steps" in block]
    return str(found)


@pytest.fixture
def package(tmp_path: Path, controller: str) -> Path:
    """Return a folder in which a package is installed that offers it as the README says."""
    (offer,) = re.findall(r'"netplay\.abr"\]\n(.*?)\n```', README)
    (tmp_path / "my_package.py").write_text(controller)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[netplay.abr]\n{offer.replace(chr(34), '')}\n")
    return tmp_path


def test_it_is_complete_in_less_than_fifteen_lines(controller: str) -> None:
    assert len(controller.splitlines()) < 15


@pytest.mark.slow
def test_it_keeps_the_laws(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    made: list[Controller] = []

    def make() -> Controller:
        made.append(abr.controller("steps"))
        return made[-1]

    check_controller(make)

    assert type(made[0]).__module__ == "my_package"


@pytest.mark.slow
def test_it_takes_part_in_a_sweep_by_its_name(
    package: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    movie, trace, out = tmp_path / "clip.json", tmp_path / "link.csv", tmp_path / "rows.jsonl"
    sizes = {"segment_sizes_bits": [[600_000, 2_000_000]] * 5, "bitrates_kbps": [300, 1000]}
    movie.write_text(json.dumps(sizes | {"segment_duration_ms": 2000}))
    trace.write_text("seconds,kbps\n5,2500\n5,400\n")
    given = ["--movie", str(movie), "--trace", str(trace), "--out", str(out), "--jobs", "2"]

    ran = subprocess.run(
        [sys.executable, "-m", "netplay.cli", "simulate", *given, "--abr", "hyb", "--abr", "steps"],
        env=environment | {"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    rows = {row["abr"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "2 sessions, 0 failed" in ran.stdout
    assert set(rows) == {"hyb", "steps"}
    assert rows["steps"]["played_bitrate_kbps"] > 0
