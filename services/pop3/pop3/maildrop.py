"""What a session sees of its maildrop: the snapshot of the log-in, numbered from 1, and its marks of deletion (RFC 1939 §3).

Numbers never change within a session, whatever other sessions do to the mailbox meanwhile.
"""

from array import array
from collections.abc import Iterator

from mailstead.model.failure import Failure, Refused


class MaildropView:
    """UIDs and sizes of the snapshot as packed arrays, ascending by UID, and the numbers marked as deleted.

    Methods that take a number raise Refused(NO_SUCH_MESSAGE) for one that never was or is marked.
    """

    __slots__ = ("_marked", "_octets", "_sizes", "_uids", "_uidvalidity")

    def __init__(self, uidvalidity: int, uids: "array[int]", sizes: "array[int]") -> None:
        if len(uids) != len(sizes):
            raise ValueError("as many sizes as UIDs")
        self._uidvalidity = uidvalidity
        self._uids = uids
        self._sizes = sizes
        self._marked: set[int] = set()
        self._octets = sum(sizes)  # of what is not marked

    @property
    def count(self) -> int:
        """Messages that are not marked (STAT)."""
        return len(self._uids) - len(self._marked)

    @property
    def last_number(self) -> int:
        """Of the snapshot, whether marked or not; 0 when it is empty."""
        return len(self._uids)

    @property
    def octets(self) -> int:
        """The sum of their sizes (STAT)."""
        return self._octets

    def uid(self, number: int) -> int:
        return self._uids[self._index(number)]

    def size(self, number: int) -> int:
        """Octets that RETR announces."""
        return self._sizes[self._index(number)]

    def unique_id(self, number: int) -> str:
        """The same in each session, and never given to another message of this account (RFC 1939 §7, UIDL)."""
        return f"{self._uidvalidity}.{self.uid(number)}"

    def sizes(self) -> Iterator[tuple[int, int]]:
        """(number, octets) of each message that is not marked, ascending (LIST)."""
        return ((number, size) for number, size in enumerate(self._sizes, 1) if number not in self._marked)

    def unique_ids(self) -> Iterator[tuple[int, str]]:
        """(number, unique id) of each message that is not marked, ascending (UIDL)."""
        prefix = f"{self._uidvalidity}."
        return ((number, f"{prefix}{uid}") for number, uid in enumerate(self._uids, 1) if number not in self._marked)

    def mark(self, number: int) -> None:
        """DELE: from now on as if the message were not there."""
        self._octets -= self.size(number)
        self._marked.add(number)

    def unmark_all(self) -> None:
        """RSET."""
        self._octets += sum(self._sizes[number - 1] for number in self._marked)
        self._marked.clear()

    def doomed(self) -> tuple[int, ...]:
        """The UIDs that QUIT deletes, ascending."""
        return tuple(self._uids[number - 1] for number in sorted(self._marked))

    @property
    def last_uid(self) -> int:
        """Of the snapshot, marked ones too; 0 when it is empty."""
        return self._uids[-1] if self._uids else 0

    def _index(self, number: int) -> int:
        if not 1 <= number <= len(self._uids) or number in self._marked:
            raise Refused(Failure.NO_SUCH_MESSAGE)
        return number - 1


def first_lines(octets: bytes, lines: int) -> tuple[bytes, int]:
    """The beginning of `octets` that holds at most `lines` line ends, and how many lines are still wanted behind it (TOP)."""
    end = 0
    for taken in range(lines):
        found = octets.find(b"\n", end)
        if found < 0:
            return octets, lines - taken
        end = found + 1
    return octets[:end], 0
