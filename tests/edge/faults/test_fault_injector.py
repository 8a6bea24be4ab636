"""Who is struck: by host, path, window, count and chance, the same whenever it is repeated."""

from collections.abc import Iterable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from netplay.edge.faults import Fault, FaultScript, Injector

Asked = tuple[str, str]

ASKED = st.lists(
    st.tuples(st.sampled_from(["oca-1", "oca-2"]), st.sampled_from(["/a.m4s", "/b.m4s"])),
    max_size=60,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def struck(script: FaultScript, asked: Iterable[Asked]) -> list[tuple[Fault, ...]]:
    injector = Injector(script, clock=Clock())
    return [injector.strike(host, path) for host, path in asked]


@given(ASKED, st.integers(), st.floats(0, 1))
def test_the_same_seed_and_requests_give_the_same_faults(
    asked: list[Asked], seed: int, rate: float
) -> None:
    script = FaultScript((Fault(kind="hang", rate=rate), Fault(kind="reset", rate=rate)), seed)

    assert struck(script, asked) == struck(script, asked)


@given(ASKED, st.integers(), st.randoms(use_true_random=False))
def test_the_order_of_requests_changes_nothing_for_any_of_them(
    asked: list[Asked], seed: int, random: Random
) -> None:
    script = FaultScript((Fault(kind="hang", rate=0.5),), seed)
    shuffled = list(asked)
    random.shuffle(shuffled)

    def by_request(order: list[Asked]) -> dict[Asked, list[bool]]:
        told: dict[Asked, list[bool]] = {}
        for request, faults in zip(order, struck(script, order), strict=True):
            told.setdefault(request, []).append(bool(faults))
        return told

    assert by_request(asked) == by_request(shuffled)


def test_a_rate_is_the_share_that_is_struck() -> None:
    asked = [("oca-1", f"/{number}.m4s") for number in range(10_000)]

    for rate in (0.0, 0.01, 0.5, 1.0):
        count = sum(map(bool, struck(FaultScript((Fault(kind="hang", rate=rate),), 7), asked)))
        # Five standard deviations of a fair draw.
        assert abs(count - rate * 10_000) <= 5 * (10_000 * rate * (1 - rate)) ** 0.5


def test_another_seed_strikes_others() -> None:
    asked = [("oca-1", f"/{number}.m4s") for number in range(100)]
    one, other = (
        struck(FaultScript((Fault(kind="hang", rate=0.5),), seed), asked) for seed in (1, 2)
    )

    assert one != other


def test_a_fault_strikes_where_its_host_and_path_are_meant() -> None:
    fault = Fault(kind="hang", host="oca-?", path="*/video-*.m4s")
    injector = Injector(FaultScript((fault,)), clock=Clock())

    assert injector.strike("oca-1", "/t/video-1/2.m4s") == (fault,)
    assert injector.strike("oca-12", "/t/video-1/2.m4s") == ()
    assert injector.strike("oca-1", "/t/audio-1/2.m4s") == ()


def test_it_spares_the_first_and_ends_after_so_many() -> None:
    fault = Fault(kind="hang", after=2, times=3)

    told = struck(FaultScript((fault,)), [("oca-1", "/a")] * 8)

    assert [len(faults) for faults in told] == [0, 0, 1, 1, 1, 0, 0, 0]


def test_a_window_opens_and_closes_on_time_and_starts_again_with_the_script() -> None:
    clock = Clock()
    script = FaultScript((Fault(kind="hang", from_s=2, until_s=5),))
    injector = Injector(script, clock=clock)

    told = []
    for now_s in (100, 101.999, 102, 104.999, 105):
        clock.now_s = now_s
        told.append(len(injector.strike("oca-1", "/a")))
    injector.start(script)
    clock.now_s += 2
    told.append(len(injector.strike("oca-1", "/a")))

    assert told == [0, 0, 1, 1, 0, 1]


def test_all_faults_that_match_strike_in_the_order_of_the_script() -> None:
    first, second = Fault(kind="delay", delay_s=1), Fault(kind="truncate", at_byte=3)

    assert struck(FaultScript((first, second)), [("oca-1", "/a")]) == [(first, second)]


def test_refusals_say_when_they_may_change() -> None:
    clock = Clock()
    script = FaultScript(
        (
            Fault(kind="refuse", host="oca-1", from_s=2, until_s=4),
            Fault(kind="refuse", host="oca-1", from_s=3),
            Fault(kind="slow_tls", delay_s=1.5, until_s=1),
        )
    )
    injector = Injector(script, clock=clock)

    told = []
    for now_s in (100, 102, 103, 104):
        clock.now_s = now_s
        told.append((injector.refuses("oca-1"), injector.next_edge_s("oca-1")))
    clock.now_s = 100

    assert told == [(False, 2), (True, 1), (True, 1), (True, None)]
    assert injector.next_edge_s("oca-2") is None
    assert injector.tls_delay_s("oca-2") == 1.5


def test_counts_are_told_and_more_faults_leave_them() -> None:
    injector = Injector(FaultScript((Fault(kind="hang"),), 9), clock=Clock())
    injector.strike("oca-1", "/a")
    injector.add([Fault(kind="reset")])
    injector.strike("oca-1", "/a")

    told = injector.to_json()

    assert told["struck"] == [2, 1]
    assert told["fault"] == [{"kind": "hang"}, {"kind": "reset"}]
    assert told["seed"] == 9
