"""Requests under way: what they brought, when they last gave a sign of life."""

from __future__ import annotations

from netplay.core.messages import Fetched, Progressed
from netplay.core.transfers import Transfers


def test_a_driver_that_does_not_say_when_the_response_began_is_believed_all_the_same() -> None:
    transfers = Transfers()
    transfer = transfers.begin(("v", 1, False), "video", "a", 0, size_bytes=1_000)

    transfers.progressed(transfer, Progressed(transfer.transfer_id, 400, received_us=70_000))

    assert transfer.first_byte_us == 70_000
    assert transfer.heard_us == 70_000


def test_headers_are_a_sign_of_life_and_a_repetition_is_none() -> None:
    transfers = Transfers()
    transfer = transfers.begin(("v", 1, False), "video", "a", 0)
    headers = Progressed(transfer.transfer_id, 0, 50_000, 9_000, first_byte_at_us=50_000)

    transfers.progressed(transfer, Progressed(transfer.transfer_id, 0, 0))
    transfers.progressed(transfer, headers)
    transfers.progressed(transfer, Progressed(transfer.transfer_id, 0, 90_000, 9_000, 50_000))

    assert transfer.heard_us == 50_000
    assert transfer.size_bytes == 9_000


def test_the_rate_counts_from_the_request_and_only_while_something_is_under_way() -> None:
    transfers = Transfers()
    transfer = transfers.begin(("v", 1, False), "video", "a", 1_000_000)

    before = transfers.rate_bps(1_500_000)
    transfers.progressed(transfer, Progressed(transfer.transfer_id, 125_000, 2_000_000))
    during = transfers.rate_bps(2_000_000)
    transfers.end(transfer)

    assert (before, during, transfers.rate_bps(3_000_000)) == (None, 1_000_000.0, None)


def test_a_video_segment_alone_names_its_rung_in_the_sample() -> None:
    transfers = Transfers()
    for track, number in (("video", 1), ("audio", 1), ("video", -1)):
        transfer = transfers.begin(
            ("x", number, False),
            track,  # type: ignore[arg-type]  # one of the tracks
            "a",
            0,
            rung=2,
            duration_us=2_000_000,
        )
        transfers.progressed(transfer, Fetched(transfer.transfer_id, 1_000, 10_000, 5_000))
        transfers.end(transfer)

    assert [sample.rung for sample in transfers.drain()] == [2, None, None]
    assert transfers.drain() == []


def test_transfers_are_found_by_what_they_are_for() -> None:
    transfers = Transfers()
    init = transfers.begin(("v", 1, True), "video", "a", 0)
    media = transfers.begin(("v", 1, False), "video", "a", 0)
    index = transfers.begin(("w", -1, False), "video", "a", 0)

    assert transfers.of(("v", 1, True)) is init
    assert transfers.segment_of("video") is media
    assert transfers.segment_of("audio") is None
    assert transfers.get(10**6) is None
    assert [index.is_index, media.is_segment, init.is_segment] == [True, True, False]
