"""Requests and answers as values: what they show, what they refuse, and where they may go."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.contract import LicenseAnswer, LicenseRequest, is_confidential
from drm.errors import KeySystemError
from drm.service import Service, the_answer

REQUEST = LicenseRequest(
    "https://user:pass@licences.example/x?token=t0ken",
    b"challenge",
    headers=(("Authorization", "Bearer s3cret"),),
)
ANSWER = LicenseAnswer(200, b"a licence with keys", (("Set-Cookie", "c00kie"),))


def test_requests_and_answers_show_sizes_and_no_contents() -> None:
    assert f"{REQUEST!r}" == "<LicenseRequest license: POST licences.example, 9 B>"
    assert f"{ANSWER!r}" == "<LicenseAnswer 200, 19 B>"
    assert f"{Service('x', 'https://a/', (('X-Token', 's3cret'),))!r}" == "<Service x>"


@pytest.mark.parametrize("value", [REQUEST, ANSWER, Service("x")])
def test_requests_and_answers_are_not_pickled(value: object) -> None:
    with pytest.raises(TypeError, match="process"):
        pickle.dumps(value)


@pytest.mark.parametrize(
    ("url", "fit"),
    [
        ("https://licences.example/", True),
        ("https://licences.example:8443/a?b#c", True),
        ("http://127.0.0.1:80/", True),
        ("http://127.1.2.3/", True),
        ("http://[::1]:8080/", True),
        ("http://localhost/", True),
        ("http://localhost.example/", False),
        ("http://127.0.0.1.example/", False),
        ("http://user@127.0.0.1@licences.example/", False),
        ("http://10.0.0.1/", False),
        ("http://licences.example/", False),
        ("HTTPS://licences.example/", True),
        ("https:licences.example", False),
        ("ws://127.0.0.1/", False),
        ("data:,x", False),
        ("https://[broken/", False),
        ("", False),
    ],
)
def test_licences_travel_over_https_or_not_at_all(url: str, fit: bool) -> None:
    assert is_confidential(url) == fit


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(max_size=30).map("https://{}".format))
def test_an_arbitrary_url_makes_a_request_or_an_error_that_does_not_show_it(url: str) -> None:
    try:
        request = LicenseRequest(url)
    except KeySystemError as error:
        assert len(str(error)) < 200  # noqa: PT017 (either outcome is right)
    else:
        assert repr(request)


def test_a_driver_answers_each_question_once() -> None:
    assert the_answer("x", (ANSWER,)) is ANSWER
    for answers in ((), (ANSWER, ANSWER)):
        with pytest.raises(ValueError, match="one question"):
            the_answer("x", answers)
