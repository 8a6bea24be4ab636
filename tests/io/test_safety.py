"""Where a request may go, and what a header may say, decided on text alone."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.io.net.safety import (
    ContentRange,
    check_scheme,
    next_hop,
    retry_after_us,
    same_origin,
)
from netplay.io.net.transport import TransferFailed

NOON_US = 784_111_777_000_000
"""Sun, 06 Nov 1994 08:49:37 GMT, the date that RFC 9110 writes in every form."""


@pytest.mark.parametrize("url", ["http://a.test/x", "HTTPS://a.test", "data:,x"])
def test_what_a_web_manifest_may_name(url: str) -> None:
    assert check_scheme(url, local=False) == url.partition(":")[0].lower()


def test_files_may_be_named_by_files_only() -> None:
    assert check_scheme("file:///tmp/a", local=True) == "file"
    with pytest.raises(TransferFailed, match="files"):
        check_scheme("file:///tmp/a", local=False)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.test/",
        "//a.test/x",
        "x",
        "",
        "http://",
        "http://[1/",
        "http://a.test:99999/",
        "http://a.test:-1/",
    ],
)
def test_what_nobody_may_name(url: str) -> None:
    with pytest.raises(TransferFailed) as caught:
        check_scheme(url, local=True)
    assert caught.value.failure == "scheme"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/c", "https://a.test/c"),
        ("c?d=1", "https://a.test/b/c?d=1"),
        ("//z.test/", "https://z.test/"),
        ("https://z.test:8443/", "https://z.test:8443/"),
    ],
)
def test_where_redirects_lead(location: str, target: str) -> None:
    assert next_hop("https://a.test/b/a", location) == target


def test_http_may_be_redirected_to_https_but_not_back() -> None:
    assert next_hop("http://a.test/", "https://a.test/") == "https://a.test/"
    with pytest.raises(TransferFailed, match="https"):
        next_hop("https://a.test/", "http://a.test/")


def test_a_refused_redirect_shows_no_secrets() -> None:
    with pytest.raises(TransferFailed) as caught:
        next_hop("https://u:p@a.test/?token=1", "http://u:p@b.test/?token=2")

    assert "token=" not in caught.value.detail
    assert "u:p" not in caught.value.detail


def test_an_origin_is_scheme_host_and_port() -> None:
    assert same_origin("https://A.test/x", "https://a.test/y?z")
    assert not same_origin("https://a.test/", "https://a.test:444/")
    assert not same_origin("http://a.test/", "https://a.test/")


def test_a_content_range_says_where_the_bytes_belong() -> None:
    part = ContentRange("bytes 5-9/100")

    assert (part.first, part.last, part.whole_bytes) == (5, 9, 100)
    assert ContentRange("bytes 0-0/*").whole_bytes is None


@given(st.text(max_size=40))
def test_any_content_range_is_read_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        part = ContentRange(text)
        assert 0 <= part.first <= part.last


@pytest.mark.parametrize(
    ("text", "wait_us"),
    [
        ("120", 120_000_000),
        (" 0 ", 0),
        ("9" * 40, 86_400_000_000),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60_000_000),
        ("Sun, 06 Nov 1994 08:48:37 GMT", 0),
        ("Sun, 06 Nov 9994 08:48:37 GMT", 86_400_000_000),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, wait_us: int | None) -> None:
    assert retry_after_us(text, utc_us=NOON_US) == wait_us


@given(st.text(max_size=60))
def test_any_retry_after_is_a_bounded_wait_or_none(text: str) -> None:
    wait_us = retry_after_us(text, utc_us=NOON_US)

    assert wait_us is None or 0 <= wait_us <= 86_400_000_000
