"""A player's figures are Prometheus text, line by line as the format says."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.core.status import Bookmark, LaneStatus, Status
from netplay.telemetry import Startup, Summary
from netplay.telemetry.prometheus import exposition

LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{{{LABEL}(?:,{LABEL})*\}})? (-?[0-9.]+(?:e[-+]?[0-9]+)?)"
)
SUMMARY = Summary(
    startup=Startup(1, 2, 3, 4, 5, 6, wait_us=500_000),
    played_us=12_500_000,
    stalls=2,
    stalled_us=1_500_000,
    bitrate_bps=2e6,
    switches_up=3,
    bytes_by_host={"oca-2": 7, "oca-1": 1 << 40},
    requests_by_host={"oca-1": 4},
    failures={"oca-1": {"timeout": 1, "status": 2}},
    errors=("DeliveryError: x",),
)
LANE = LaneStatus("video", "0/v1", 1, 3, 2_000_000, 720, ((0, 9),), 9_000_000, 0)
STATUS = Status(
    "playing", 3_250_000, None, 9_000_000, 1.0, 4.5e6, "why", 2, (LANE,), Bookmark(3_250_000)
)


def test_every_figure_is_there_under_its_name() -> None:
    text = exposition(SUMMARY, STATUS)

    assert "# TYPE netplay_stalls_total counter\nnetplay_stalls_total 2\n" in text
    assert 'netplay_received_bytes_total{host="oca-1"} 1099511627776\n' in text
    assert 'netplay_failures_total{host="oca-1",failure="status"} 2\n' in text
    assert "netplay_startup_seconds 0.5\n" in text
    assert 'netplay_startup_phase_seconds{phase="decode"} 6e-06\n' in text
    assert 'netplay_switches_total{direction="up"} 3\n' in text
    assert 'netplay_state{state="playing"} 1\n' in text
    assert 'netplay_buffer_seconds{track="video"} 9.0\n' in text
    assert "netplay_throughput_bits_per_second 4500000.0\n" in text


def test_a_session_of_which_nothing_is_known_has_totals_of_nothing() -> None:
    text = exposition(Summary())

    assert "netplay_stalls_total 0\n" in text
    assert "startup" not in text
    assert "netplay_state" not in text
    assert "netplay_requests_total" not in text


@given(host=st.text(max_size=20), title=st.text(max_size=20))
def test_every_line_is_a_comment_or_a_sample_and_every_sample_has_a_type(
    host: str, title: str
) -> None:
    text = exposition(Summary(bytes_by_host={host: 5}), STATUS, labels={"title": title})

    assert text.endswith("\n")
    typed: set[str] = set()
    text.encode()
    for line in text.split("\n")[:-1]:
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("# HELP "):
            found = SAMPLE.fullmatch(line)
            assert found is not None, line
            assert found[1] in typed


@pytest.mark.parametrize("name", ["host", "1x", "__name", "a-b", ""])
def test_a_name_that_cannot_be_a_label_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        exposition(Summary(), labels={name: "x"})
