"""Events reach a collector in batches, are CMCD, and never keep playback waiting."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cmcd_world import OPENED
from scripted import SECOND, opened, play, segment

from netplay.core.messages import Fail, FetchFailed, Finish, Hold, Rendered, Tick
from netplay.telemetry import Message
from netplay.telemetry.cmcd import Cmcd, CmcdReporter, check_event
from netplay.telemetry.cmcd.post import Refused, post_over_http
from netplay.telemetry.structured import InnerList, Item, Member, parse_dictionary

URL = "https://collector.example/cmcd"
WALL_US = 1_700_000_000 * SECOND


@dataclass
class Collector:
    """Answers posts in turn, the last answer for ever; keeps what came."""

    answers: list[int | OSError] = field(default_factory=lambda: [200])
    bodies: list[tuple[str, bytes, str]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, media_type: str) -> int:
        self.bodies.append((url, body, media_type))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    @property
    def lines(self) -> list[str]:
        return [line for _, body, _ in self.bodies for line in body.decode().splitlines()]

    @property
    def events(self) -> list[dict[str, Member]]:
        return [parse_dictionary(line) for line in self.lines]

    def value(self, key: str) -> list[object]:
        members = [event.get(key) for event in self.events]
        return [one.value if isinstance(one, Item) else one for one in members]


@dataclass(frozen=True, slots=True)
class Ask:
    url: str
    purpose: str = "segment"
    byte_range: None = None
    headers: tuple[tuple[str, str], ...] = ()
    about: object = None


def report(
    collector: Collector, stream: list[tuple[int, Message]], **options: object
) -> tuple[Cmcd, CmcdReporter]:
    cmcd = Cmcd(content_id="heat", version=2)
    settings: dict[str, object] = {"linger_s": 60.0, "backoff_s": 0.0, **options}
    reporter = CmcdReporter(cmcd, URL, post=collector, wall_us=lambda: WALL_US, **settings)  # type: ignore[arg-type]
    for now_us, message in stream:
        cmcd(now_us, message)
        reporter(now_us, message)
    reporter.close()
    return cmcd, reporter


SESSION: list[tuple[int, Message]] = [
    (0, OPENED),
    *((1, one) for one in segment(1, "low", 0)),
    *((2, one) for one in segment(2, "high", 1)),
    (SECOND, play(0, SECOND)),
    (3 * SECOND + 1, Tick()),
    (4 * SECOND, Hold(3 * SECOND, "stall")),
    (5 * SECOND, play(3 * SECOND, 5 * SECOND, Fraction(3, 2))),
    (40 * SECOND, Tick()),
    (41 * SECOND, Fail("DeliveryError", "video/1", ())),
]


def test_what_happened_is_reported_in_order_and_as_the_specification_says() -> None:
    collector = Collector()

    cmcd, reporter = report(collector, SESSION)

    assert collector.value("e") == ["ps", "ps", "bc", "bc", "ps", "ps", "pr", "t", "ps", "e"]
    assert collector.value("sta") == ["s", "p", "p", "p", "r", "p", "p", "p", "f", "f"]
    assert collector.value("sn") == list(range(10))
    assert [check_event(line) for line in collector.lines] == [[]] * 10
    assert set(collector.value("sid")) == {cmcd.sid}
    assert collector.value("ts")[1] == 1_700_000_001_000
    assert collector.events[5]["bsd"] == InnerList((Item(1000),))
    assert collector.events[9]["ec"] == InnerList((Item("DeliveryError"),))
    assert (reporter.dropped, reporter.lost, reporter.error) == (0, 0, None)


def test_a_batch_is_one_post_of_lines() -> None:
    collector = Collector()

    report(collector, SESSION)

    assert len(collector.bodies) == 1
    url, body, media_type = collector.bodies[0]
    assert (url, media_type) == (URL, "application/cmcd")
    assert body.count(b"\n") == 9  # between lines, and none at the end


def test_json_is_an_array_of_the_same_values() -> None:
    collector = Collector()

    report(collector, SESSION[:2], form="json")

    (said,) = json.loads(collector.bodies[0][1])
    assert collector.bodies[0][2] == "application/json"
    assert (said["e"], said["sta"], said["cid"], said["v"]) == ("ps", "s", "heat", 2)


def test_the_end_is_a_state() -> None:
    collector = Collector()

    report(collector, [*SESSION[:5], (9 * SECOND, Finish())])

    assert collector.value("sta")[-1] == "e"


def test_responses_are_reported_without_the_secrets_of_their_urls() -> None:
    collector = Collector()
    cmcd = Cmcd(version=2)
    reporter = CmcdReporter(cmcd, URL, post=collector, responses=True, wall_us=lambda: WALL_US)
    stream = [(0, opened()), *((SECOND, one) for one in segment(1, "low", 0)[:1])]
    for now_us, message in stream:
        cmcd(now_us, message)
        reporter(now_us, message)
    fetch = stream[-1][1]
    cmcd.decorate(Ask("http://me:pw@a/low/0.m4s?token=secret", about=fetch))  # type: ignore[type-var]

    failed = FetchFailed(1, "status", "gone", status=404)
    cmcd(2 * SECOND, failed)
    reporter(2 * SECOND, failed)
    reporter.close()

    (response,) = [event for event in collector.events if event["e"] == Item("rr")]
    assert response["url"] == Item("http://a/low/0.m4s")
    assert response["rc"] == Item(404)
    assert response["ts"] == Item(1_700_000_001_000)
    assert not any(check_event(line) for line in collector.lines)


@pytest.mark.parametrize("trouble", [429, 500, 503, OSError("down")])
def test_a_collector_that_cannot_now_is_asked_again(trouble: int | OSError) -> None:
    collector = Collector([trouble, trouble, 204])
    sender = CmcdReporter(Cmcd(), URL, post=collector, backoff_s=0.0, linger_s=0.0)
    cmcd_report = sender  # it stays open until the third try
    cmcd_report(0, opened())
    deadline_s = time.monotonic() + 5
    while len(collector.bodies) < 3 and time.monotonic() < deadline_s:
        threading.Event().wait(0.001)
    sender.close()

    assert len(collector.bodies) == 3
    assert sender.lost == 0


def test_what_a_collector_refuses_is_lost_and_counted() -> None:
    collector = Collector([400])

    _, reporter = report(collector, SESSION)

    assert (len(collector.bodies), reporter.lost) == (1, 10)
    assert isinstance(reporter.error, Refused)
    assert reporter.error.status == 400


def test_a_collector_that_wants_no_more_is_sent_no_more() -> None:
    collector = Collector([410])
    cmcd = Cmcd(version=2)
    reporter = CmcdReporter(cmcd, URL, post=collector, linger_s=0.0)
    reporter(0, opened())
    deadline_s = time.monotonic() + 5
    while reporter.lost == 0 and time.monotonic() < deadline_s:
        threading.Event().wait(0.001)

    for now_s in range(100, 1000, 100):
        reporter(now_s * SECOND, Tick())
    reporter.close()

    assert len(collector.bodies) == 1
    assert reporter.dropped == 9


def test_a_collector_that_hangs_keeps_nobody_waiting() -> None:
    release = threading.Event()

    def hangs(url: str, body: bytes, media_type: str) -> int:
        release.wait()
        return 200

    cmcd = Cmcd(version=2)
    reporter = CmcdReporter(cmcd, URL, post=hangs, capacity=20, linger_s=0.0)
    begun_s = time.perf_counter()
    for now_s in range(0, 60_000, 30):
        reporter(now_s * SECOND, Tick())
    took_s = time.perf_counter() - begun_s
    reporter.close(timeout_s=0.01)

    assert reporter.dropped >= 1_999 - 50
    assert took_s < 2.0
    release.set()


def test_reports_go_to_the_web_only() -> None:
    with pytest.raises(ValueError, match="http or https"):
        CmcdReporter(Cmcd(), "file:///etc/passwd")


def test_an_interval_of_nothing_reports_nothing_by_itself() -> None:
    collector = Collector()

    report(collector, [SESSION[0], (90 * SECOND, Tick())], interval_s=0)

    assert collector.value("e") == ["ps"]


def test_dropped_frames_are_in_the_next_report() -> None:
    shown = Rendered("video", 0, 0, 0, 0, frames=10, dropped=4)
    collector = Collector()

    report(collector, [SESSION[0], (SECOND, shown), (31 * SECOND, Tick())])

    assert collector.value("dfa") == [None, 4]


# Over real sockets.


@contextmanager
def server(status: int) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    came: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.headers["Content-Type"], body))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_port}/in?key=1", came
        finally:
            httpd.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [204, 302, 410])
def test_a_post_is_one_request_whatever_the_answer(status: int) -> None:
    with server(status) as (url, came):
        answer = post_over_http(url, b"e=t", "application/cmcd")

    assert answer == status
    assert came == [("application/cmcd", b"e=t")]


def test_no_answer_is_an_os_error() -> None:
    with server(204) as (url, _):
        pass

    for gone in (url, "http://127.0.0.1:1\x00/", "http://\x7f.invalid/"):
        with pytest.raises(OSError):
            post_over_http(gone, b"", "text/plain")
