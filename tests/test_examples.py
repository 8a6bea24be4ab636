"""The examples, and the Python in the README, run against a real title."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import anyio
import pytest
from served import SHORT, short_title

from abr.laws import check_controller
from netplay.edge.cache import cached_title
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.protect import protect
from netplay.edge.encryption.signals import SystemSignal
from netplay.edge.license.policy import Entitlement, ProtectedTitle, ServicePolicy, keys_for
from netplay.edge.license.server import LicenseServer
from netplay.edge.testbed import Testbed
from netplay.lab.study import simulate
from netplay.telemetry import Summary

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Serve a short title."""
    with short_title(tmp_path_factory.mktemp("titles")) as running:
        yield running


def example(name: str) -> ModuleType:
    """Return an example as a module, not run as a program."""
    spec = spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["play", "own_controller"])
def test_an_async_example_plays_to_the_end(bed: Testbed, name: str) -> None:
    summary = anyio.run(example(name).main, bed.mpd_url)

    assert summary.finished
    assert summary.shown_us == 2_000_000


def test_the_blocking_example_plays_and_says_where_it_is(
    bed: Testbed, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = example("blocking").main(bed.hls_url)

    assert summary.finished
    assert "s  buffer" in capsys.readouterr().out


def test_the_protected_example_plays_what_is_encrypted(tmp_path: Path) -> None:
    tier = Tier((ContentKey(kid=bytes(range(16)), key=bytes(range(16, 32))),))
    (tmp_path / "title").mkdir()
    protect(
        cached_title(SHORT, tmp_path / "clear"),
        tmp_path / "title",
        EncryptionPlan(scheme="cbcs", tiers=(tier,)),
        systems=(SystemSignal(system="clearkey", license_url="{license}clearkey"),),
    )
    policy = ServicePolicy(
        titles=(ProtectedTitle(name="title", keys=keys_for(tier)),),
        entitlements=(Entitlement(titles=frozenset({"title"})),),
    )

    async def play() -> Summary:
        licenses = LicenseServer(policy)
        async with Testbed(tmp_path / "title", oca_count=1, licenses=licenses) as protected:
            played: Summary = await example("protected_title").main(protected.mpd_url)
            return played

    summary = anyio.run(play)

    assert summary.finished
    assert summary.shown_us == 2_000_000


def test_the_harness_returns_what_json_holds(bed: Testbed) -> None:
    outcome = anyio.run(example("headless_qoe").main, bed.mpd_url, "throughput")

    assert outcome["finished"] is True
    assert outcome["frames_shown"] == 48


def test_the_harness_reports_a_failure_as_an_outcome(bed: Testbed) -> None:
    outcome = anyio.run(example("headless_qoe").main, bed.url("nowhere.mpd"))

    assert outcome["code"] == 4001


def test_the_controller_of_the_example_keeps_the_laws() -> None:
    check_controller(example("own_controller").Steps)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go where the files are that the README names."""
    movie = {
        "segment_duration_ms": 2000,
        "bitrates_kbps": [300, 1000],
        "segment_sizes_bits": [[600_000, 2_000_000]] * 5,
    }
    (tmp_path / "movie.json").write_text(json.dumps(movie))
    (tmp_path / "bus.csv").write_text("seconds,kbps\n5,2500\n5,400\n")
    (tmp_path / "tram.jsonl.gz").write_bytes(gzip.compress(b'{"trace": [[1000, 900, 50]]}\n'))
    monkeypatch.chdir(tmp_path)
    simulate("movie.json", "bus.csv", log="logs")
    Path("logs/netplay-hybrid-movie-bus-bus.jsonl").rename("session.jsonl")


def test_the_python_in_the_readme_runs(bed: Testbed, lab: None) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    for block in blocks:
        code = block.replace("https://example.com/title/manifest.mpd", bed.mpd_url)
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})

    assert blocks
