"""A log holds no secrets, and is still the same session."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netplay.telemetry import Redaction

SALT = b"salt of the tests"


def test_a_query_is_replaced_by_a_digest_and_the_path_stays() -> None:
    written = Redaction(SALT)("https://cdn.example/v1/seg-1.m4s?token=secret")

    assert written.startswith("https://cdn.example/v1/seg-1.m4s?~")
    assert "secret" not in written


def test_user_and_password_are_replaced() -> None:
    written = Redaction(SALT)("https://ada:lovelace@cdn.example/v1")

    assert written.startswith("https://~")
    assert written.endswith("@cdn.example/v1")
    assert "lovelace" not in written


def test_a_key_in_a_data_url_is_replaced() -> None:
    written = Redaction(SALT)("data:text/plain;base64,MDEyMzQ1Njc4OWFiY2RlZg==")

    assert written.startswith("data:~")
    assert "MDEy" not in written


def test_a_secret_has_the_same_digest_alone_and_in_a_sentence() -> None:
    redaction = Redaction(SALT)
    alone = redaction("http://h/a?key=1")

    told = redaction("no host has it (h: http://h/a?key=1; other: http://h/a?key=1)")

    assert told == f"no host has it (h: {alone}; other: {alone})"


def test_what_was_left_out_already_is_left_alone() -> None:
    assert Redaction(SALT)("http://h/a?…: not found") == "http://h/a?…: not found"


def test_an_id_is_recognised_in_what_was_made_of_it() -> None:
    redaction = Redaction(SALT)
    short, long = (redaction.identity(f"0/v.m3u8?t={token}") for token in ("a", "ab"))

    told = redaction("0/v.m3u8?t=ab/00017 after 0/v.m3u8?t=a/00016")

    assert told == f"{long}/00017 after {short}/00016"
    assert redaction("0/v.m3u8?t=a") == short


def test_a_template_is_one_url_in_pieces() -> None:
    written = Redaction(SALT).pieces(("s?n=", "Number%05d", "&token=secret"))

    assert written[0].startswith("s?~")
    assert written[1] == "Number%05d"
    assert "secret" not in "".join(written)


def test_values_of_variables_are_never_written() -> None:
    (written,) = Redaction(SALT).variables((("token", "secret"),))

    assert written[0] == "token"
    assert "secret" not in written[1]


def test_two_logs_do_not_share_digests_unless_they_share_the_salt() -> None:
    url = "http://h/a?token=secret"

    assert Redaction()(url) != Redaction()(url)
    assert Redaction(SALT)(url) == Redaction(SALT)(url)


@pytest.mark.parametrize("text", ["", "what? no", "a@b.example", "data: none yet", "?", "18%"])
def test_ordinary_words_stay(text: str) -> None:
    assert Redaction(SALT)(text) == text


@given(secret=st.from_regex(r"[A-Za-z0-9_~%/+=-]{6,40}", fullmatch=True))
def test_no_token_survives_wherever_urls_carry_one(secret: str) -> None:
    redaction = Redaction(SALT)

    written = [
        redaction(f"https://h/p?token={secret}"),
        redaction(f"https://{secret.replace('/', '')}:x@h/p"),
        redaction(f"data:,{secret}"),
        *redaction.pieces(("a?t=", "Number", f"&t={secret}")),
        redaction.identity(f"0/v?{secret}"),
    ]

    assert not any(secret in one or secret.replace("/", "") in one for one in written)
