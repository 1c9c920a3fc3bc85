"""What a client that was away is told of: what is gone, exactly while there are tombstones, and from what is there otherwise."""

from array import array
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.grammar.ranges import PartialRange
from imap.resync import EVERYTHING, absent
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.reclaim import Reclaim
from unit.imap.serving import House, StartReplica, connected

uids = st.sets(st.integers(1, 60))


@given(uids, uids)
def test_absent_is_what_was_asked_for_less_what_is_there(there: set[int], asked: set[int]) -> None:
    found = absent(SequenceSet.of(asked), array("I", sorted(there)), 50)
    assert {uid for first, last in found.ranges for uid in range(first, last + 1)} == {uid for uid in asked - there if uid < 50}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(1, 2, "ab"), (2, 9, "bcde"), (-1, -1, "e"), (-2, -4, "bcd"), (-4, -99, "ab"), (6, 9, ""), (-6, -9, "")],
)
def test_a_stretch_counts_from_either_end(first: int, last: int, expected: str) -> None:
    assert PartialRange(first, last).of("abcde") == expected


async def test_who_was_away_for_longer_than_tombstones_are_kept(house: House, replica: StartReplica) -> None:
    """RFC 7162 §3.2.5.1: then every UID that is not there is told as gone."""
    person = await house.person()
    await house.fill(person, [b"Subject: x\r\n\r\n"] * 6)
    async with replica() as server, connected(server, person) as client:
        await client.command(b"ENABLE QRESYNC")
        await client.command(b"UID STORE 2,4:5 +FLAGS (\\Deleted)")
        await client.command(b"EXPUNGE")
        await client.command(b"UNSELECT")
        await house.owner.execute("time passes", "UPDATE expunged SET expunged_at = expunged_at - interval '30 days'")
        assert await Reclaim(house.owner).tombstones(timedelta(days=14)) == 3
        row = await house.owner.fetchrow(
            "look", "SELECT uidvalidity FROM mailboxes WHERE account_id = $1 AND name = 'INBOX'", person.account_id
        )
        assert row is not None
        said = await client.command(b"SELECT INBOX (QRESYNC (%d 2))" % row["uidvalidity"])
        assert b"* VANISHED (EARLIER) 2,4:5\r\n" in said
        said = await client.command(b"UID FETCH 3:6 (FLAGS) (CHANGEDSINCE 2 VANISHED)")
        assert b"* VANISHED (EARLIER) 4:5\r\n" in said


def test_everything_is_all_uids() -> None:
    assert str(EVERYTHING) == "1:*"
