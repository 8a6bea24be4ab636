"""What the decoders are given, and when."""

from core_titles import make_movie
from core_world import Fault, World

from netplay.core.messages import Fetch, Flush, Resolve


def test_what_was_fed_and_is_not_begun_survives_that_a_later_segment_is_taken_back() -> None:
    """Media is fed long before it is decoded; a Flush far ahead must not lose it."""

    def never_ends(request: Fetch | Resolve, now_us: int) -> Fault | None:
        sound = isinstance(request, Fetch) and request.track == "audio"
        return Fault(None, after_bytes=10**9) if sound and now_us > 10_000_000 else None

    world = World(
        make_movie(),
        fault=lambda request, now_us: never_ends(request, now_us) if request.host == "a" else None,
    )

    world.run()

    flush = next(flush for flush in world.of(Flush) if flush.track == "audio")
    assert flush.keeps
    assert world.finished
    assert world.missed_us == {"video": 0, "audio": 0}
