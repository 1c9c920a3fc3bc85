"""Messages of a mailbox by runs of UIDs: how every statement says which of them it is about.

Each run is read from the primary key; what belongs to a message is looked up row by row. OFFSET 0 keeps a subquery as it is, and
lets it take an account for an average one. Else PostgreSQL, of an account that has grown since its statistics were made, would
read the whole mailbox for each page; and by an array of UIDs it would, once it plans for any values, compare each message with
each UID.
"""

from collections.abc import Sequence

from mailstead.model.sequence_set import MAX_NUMBER, SequenceSet

Runs = tuple[list[int], list[int]]
"""The first and the last UID of each run, ascending."""

ALL: Runs = ([1], [MAX_NUMBER])

# $1: account, $2: mailbox, $3 and $4: runs. `place` is where the row lies: a statement that changes what it has read joins by
# it, which no plan can get wrong, together with the key. The mailbox must be held, so that nobody moves rows meanwhile.
ADDRESSED = """(
            SELECT $1::bigint AS account_id, $2::bigint AS mailbox_id, unnest($3::bigint[]) AS first, unnest($4::bigint[]) AS last
        ) AS run CROSS JOIN LATERAL (
            SELECT ctid AS place, * FROM messages
            WHERE account_id = run.account_id AND mailbox_id = run.mailbox_id AND uid BETWEEN run.first AND run.last OFFSET 0
        ) AS m"""


def runs(uids: Sequence[int]) -> Runs:
    """Neighbours together."""
    ranges = SequenceSet.of(uids).ranges
    return [first for first, _ in ranges], [last for _, last in ranges]
