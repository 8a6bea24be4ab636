"""What a study may do to its links: slow start, loss, hosts with faults, sound beside pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab_world import SECOND, clip, low, steady

from netplay.errors import DatasetError
from netplay.lab.conditions import Conditions
from netplay.lab.hosts import read_hosts
from netplay.lab.study import Study, simulate
from netplay.sim import Fault, Host, SlowStart, Trace

LINK = steady("link", 6000)

HOSTS = {
    "near": {"rtt_ms": 12, "faults": [{"kind": "down", "from_s": 0, "until_s": 45}]},
    "far": {"rtt_ms": 30.5, "think_ms": 5, "trace": "far.csv"},
}


def study(conditions: Conditions | None, log: Path | None = None) -> Study:
    return simulate(clip(), LINK, {"low": low}, conditions=conditions, log=log)


def test_by_default_a_link_is_what_its_profile_makes_of_it() -> None:
    plain, none = study(None).rows, study(Conditions()).rows

    assert plain == none
    assert plain[0]["link"] == "{}"


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(slow_start=SlowStart()),
        Conditions(loss=0.3),
        Conditions(header_bytes=50_000),
        Conditions(connect_rtts=9),
        Conditions(audio_bps=900_000),
        Conditions(hosts={"slow": Host(trace=Trace.constant(400_000))}),
        Conditions(hosts={"far": Host(rtt_us=SECOND)}),
    ],
)
def test_each_condition_makes_the_start_later_and_stands_in_the_row(conditions: Conditions) -> None:
    plain, changed = study(None).rows[0], study(conditions).rows[0]

    assert changed["error"] == ""
    assert isinstance(plain["startup_s"], float)
    assert isinstance(changed["startup_s"], float)
    assert changed["startup_s"] > plain["startup_s"]
    assert json.loads(str(changed["link"])) != {}


def test_rows_of_other_conditions_are_not_taken_for_these(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    traces = [Trace.constant(400_000), Trace.constant(500_000)]
    for trace in traces:
        changed = Conditions(hosts={"a": Host(trace=trace)})
        simulate(clip(), LINK, {"low": low}, out=out, conditions=changed)

    assert len({json.loads(line)["link"] for line in out.read_text().splitlines()}) == 2


def test_a_host_that_is_down_is_left_for_the_next(tmp_path: Path) -> None:
    dead = Host(faults=(Fault(kind="refuse"),))
    row = study(Conditions(hosts={"dead": dead, "well": Host()}), log=tmp_path).rows[0]

    (log,) = tmp_path.iterdir()
    assert row["error"] == ""
    assert '"dead"' in log.read_text()
    assert '"well"' in log.read_text()


def test_sound_is_fetched_beside_the_picture(tmp_path: Path) -> None:
    study(Conditions(audio_bps=64_000), log=tmp_path)

    (log,) = tmp_path.iterdir()
    assert log.read_text().count('"0/sound"') > 5
    movie = clip().with_audio(64_000)
    assert movie.with_audio(1) is movie


def test_hosts_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps(HOSTS))
    (tmp_path / "far.csv").write_text("seconds,kbps\n5,2500\n")

    near, far = read_hosts(path).items()

    assert near == ("near", Host(rtt_us=12_000, faults=(Fault(kind="down", until_us=45 * SECOND),)))
    assert (far[0], far[1].rtt_us, far[1].think_us) == ("far", 30_500, 5_000)
    assert far[1].trace is not None
    assert far[1].trace.at(0) == 2_500_000


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("[]", "line 1: no "),
        ("{}", "line 1: no "),
        ('{\n"a": {},\n"b": 5}', "line 3: b: not a JSON object"),
        ('{\n"a": {"rtt": 5}}', "line 2: a: rtt is unknown; there are faults, rtt_ms"),
        ('{\n"a": {"rtt_ms": "far"}}', "line 2: a: rtt_ms is no number"),
        ('{\n"a": {"rtt_ms": 1e300}}', "line 2: a: rtt_ms is 1e"),
        ('{\n"a": {"faults": {}}}', "line 2: a: faults is no list"),
        ('{\n"a": {"faults": [{"kind": "tired"}]}}', "line 2: a: a fault's kind is one of down"),
        ('{\n"a": {\n"faults": [5]}}', "line 2: a: not a JSON object"),
        ('{"a": {}\n"b"}', "line 2: no JSON"),
    ],
)
def test_a_file_of_no_hosts_names_its_line(tmp_path: Path, said: str, says: str) -> None:
    path = tmp_path / "hosts.json"
    path.write_text(said)

    with pytest.raises(DatasetError) as raised:
        read_hosts(path)

    assert says in str(raised.value)


@pytest.mark.parametrize(
    "wrong", [{"loss": 1.0}, {"header_bytes": -1}, {"connect_rtts": -1}, {"audio_bps": -1}]
)
def test_conditions_that_no_link_has_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"share|negative|rate"):
        Conditions(**wrong)  # type: ignore[arg-type]
