"""What is asked for, and what stops being asked for."""

from core_titles import make_movie
from core_world import REFUSED, Fault, World

from netplay.core.device import Preferences
from netplay.core.messages import Fetch, Resolve, TracksChosen


def init_refused(request: Fetch | Resolve, now_us: int) -> Fault | None:
    return REFUSED if isinstance(request, Fetch) and request.init else None


def test_the_init_segment_of_a_lane_that_was_closed_is_not_asked_for_again() -> None:
    world = World(
        make_movie(10),
        fault=lambda request, now_us: (
            init_refused(request, now_us) if request.representation.startswith("0/v") else None
        ),
        script=[(1.0, TracksChosen(Preferences(video=False)))],
    )

    world.run()

    assert world.finished
    assert all(fetch.track == "audio" for at_s, fetch in world.timed(Fetch) if at_s > 1.0)
