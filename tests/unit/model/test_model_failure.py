"""A refusal says two things apart: what a client may hear, and what the log is told."""

from mailstead.model.failure import Failure, Refused


def test_a_refusal_keeps_both_apart() -> None:
    refused = Refused(Failure.UNAVAILABLE, "the disk of db-3 is full")
    assert refused.failure is Failure.UNAVAILABLE
    assert refused.detail == str(refused) == "the disk of db-3 is full"
    assert "db-3" not in refused.failure.value


def test_a_refusal_without_detail_says_its_failure() -> None:
    assert str(Refused(Failure.OVER_QUOTA)) == "over quota"


def test_the_list_is_closed_and_without_doubles() -> None:
    assert len({failure.value for failure in Failure}) == len(list(Failure))
