"""The faults of a running server are read and changed over HTTP."""

import json
from typing import Any

import pytest

from netplay.edge.exchange import Answer, Request
from netplay.edge.faults import FaultScript, Injector
from netplay.edge.faults.control import FAULTS_PATH, control

TOML = {"content-type": "application/toml"}
JSON = {"content-type": "application/json; charset=utf-8"}


def ask(
    injector: Injector, method: str, body: str = "", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    answer: Answer = control(
        injector, Request(method, FAULTS_PATH, headers=headers or {}, body=body.encode())
    )
    (data,) = answer.body
    assert isinstance(data, bytes)
    assert "Access-Control-Allow-Origin" not in answer.headers
    return answer.status, json.loads(data)


@pytest.fixture
def injector() -> Injector:
    return Injector(
        FaultScript.parse('seed = 5\n[[fault]]\nkind = "hang"\n'), clock=iter(range(1000)).__next__
    )


def test_what_is_performed_is_told(injector: Injector) -> None:
    injector.strike("oca-1", "/a")

    status, told = ask(injector, "GET")

    assert status == 200
    assert (told["seed"], told["fault"], told["struck"]) == (5, [{"kind": "hang"}], [1])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ('seed = 2\n[[fault]]\nkind = "reset"\n', TOML),
        ('{"seed": 2, "fault": [{"kind": "reset"}]}', JSON),
    ],
)
def test_a_script_is_replaced(injector: Injector, body: str, headers: dict[str, str]) -> None:
    injector.strike("oca-1", "/a")

    status, told = ask(injector, "PUT", body, headers)

    assert status == 200
    assert (told["seed"], told["fault"], told["struck"]) == (2, [{"kind": "reset"}], [0])


def test_faults_are_added_and_ended(injector: Injector) -> None:
    injector.strike("oca-1", "/a")

    _, more = ask(injector, "POST", '[[fault]]\nkind = "reset"\n', TOML)
    _, none = ask(injector, "DELETE")

    assert (len(more["fault"]), more["struck"], more["seed"]) == (2, [1, 0], 5)
    assert none["fault"] == []
    assert injector.strike("oca-1", "/a") == ()


@pytest.mark.parametrize(
    ("method", "body", "headers", "status", "says"),
    [
        ("PUT", '[[fault]]\nkind = "x"\n', TOML, 400, "faults.toml:2: no fault 'x'"),
        ("PUT", '{"fault": [{"kind": "x"}]}', JSON, 400, "fault 1: no fault 'x'"),
        ("PUT", "{", JSON, 400, "not application/json"),
        ("POST", "[" * 100_000, JSON, 400, "not application/json"),
        ("PUT", "", {"content-type": "text/plain"}, 415, "application/toml"),
        ("PUT", "", {}, 415, "application/toml"),
        ("PATCH", "", TOML, 405, "GET, PUT, POST or DELETE"),
    ],
)
def test_what_is_no_script_changes_nothing(
    injector: Injector, method: str, body: str, headers: dict[str, str], status: int, says: str
) -> None:
    answered, told = ask(injector, method, body, headers)

    assert answered == status
    assert says in told["error"]
    assert injector.script.to_json() == {"seed": 5, "fault": [{"kind": "hang"}]}
