"""The lexical forms of the MPD schema."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.manifest.dash.values import (
    read_byte_range,
    read_date_time_us,
    read_duration_us,
    read_fraction,
    read_integer,
    read_seconds_us,
)
from netplay.segments import ByteRange


@pytest.mark.parametrize(
    ("text", "duration_us"),
    [
        ("PT0S", 0),
        ("PT1H2M3.5S", 3_723_500_000),
        ("PT634.566666667S", 634_566_666),
        ("P1DT1S", 86_401_000_000),
        ("P1Y2M", (365 + 60) * 86_400_000_000),
        ("PT.5S", 500_000),
        ("PT5.S", 5_000_000),
        ("-PT2S", -2_000_000),
        ("PT0.1S", 100_000),
    ],
)
def test_durations_are_exact(text: str, duration_us: int) -> None:
    assert read_duration_us(text) == duration_us


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1S", "PT1", "PTS", "P1S", "PT1M1H", "PT٣S", "PT1e3S"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_duration_us(text)


@pytest.mark.parametrize(
    ("text", "unix_us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2016-02-29T12:00:00.123456789Z", 1_456_747_200_123_456),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("2016-12-31T24:00:00Z", 1_483_228_800_000_000),
        ("2020-01-01T00:00Z", 1_577_836_800_000_000),
        ("2020-01-01T00:00:00+0530", 1_577_817_000_000_000),
    ],
)
def test_moments_are_exact(text: str, unix_us: int) -> None:
    assert read_date_time_us(text) == unix_us


@pytest.mark.parametrize(
    "text",
    ["", "2020-01-01", "2019-02-29T00:00:00Z", "2020-13-01T00:00:00Z", "2020-01-01T25:00:00Z",
     "0000-01-01T00:00:00Z", "2020-01-01T00:60:00Z", "now"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_date_time_us(text)


@given(st.datetimes(), st.integers(-840, 840))
def test_every_moment_agrees_with_the_standard_library(moment: datetime, zone_minutes: int) -> None:
    sign, (hours, minutes) = "-" if zone_minutes < 0 else "+", divmod(abs(zone_minutes), 60)

    read_us = read_date_time_us(f"{moment.isoformat()}{sign}{hours:02}:{minutes:02}")

    elapsed = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert read_us == elapsed // timedelta(microseconds=1) - zone_minutes * 60_000_000


@given(st.integers(0, 10**15))
def test_a_duration_in_seconds_reads_back(duration_us: int) -> None:
    text = f"PT{duration_us // 1_000_000}.{duration_us % 1_000_000:06}S"

    assert read_duration_us(text) == duration_us


def test_ranges_include_their_last_byte() -> None:
    assert read_byte_range("0-99") == ByteRange(0, 100)
    assert read_byte_range("500-") == ByteRange(500, None)
    for wrong in ("", "5", "-5", "9-8", "a-b", "1-2-3"):
        with pytest.raises(ValueError):
            read_byte_range(wrong)


def test_rates_are_fractions() -> None:
    assert read_fraction("30000/1001") == Fraction(30000, 1001)
    assert read_fraction("29.97") == Fraction(2997, 100)
    for wrong in ("", "0", "25/0", "-25", "a", "1/2/3"):
        with pytest.raises(ValueError):
            read_fraction(wrong)


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert read_integer("2.000") == 2
    assert read_integer("-7") == -7
    for wrong in ("", "2.5", "1_0", "٣", "0x1", "1e3"):
        with pytest.raises(ValueError):
            read_integer(wrong)


def test_seconds_may_have_every_form_of_a_double() -> None:
    assert read_seconds_us("-3E5") == -300_000_000_000
    assert read_seconds_us("+24.3e-3") == 24_300
    assert read_seconds_us("7") == 7_000_000
    with pytest.raises(ValueError):
        read_seconds_us("NaN")
