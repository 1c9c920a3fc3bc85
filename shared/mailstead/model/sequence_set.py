"""Sequence sets: the message numbers or UIDs of an IMAP command (RFC 9051 §9, `sequence-set`)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

STAR = 0  # stands for `*`, the largest number in use; no message has number 0
MAX_NUMBER = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges (first, last) as the client wrote them; `STAR` may stand on either side, and the order may be reversed."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "SequenceSet":
        """The shortest set of ascending ranges that holds exactly these numbers."""
        ranges: list[tuple[int, int]] = []
        for n in sorted(set(numbers)):
            if ranges and ranges[-1][1] == n - 1:
                ranges[-1] = (ranges[-1][0], n)
            else:
                ranges.append((n, n))
        return cls(tuple(ranges))

    def resolve(self, largest: int) -> "SequenceSet":
        """With `*` replaced by `largest`, each range ascending, ranges sorted and joined where they meet."""
        spans = sorted((min(a, b), max(a, b)) for a, b in ((x or largest, y or largest) for x, y in self.ranges))
        joined: list[tuple[int, int]] = []
        for first, last in spans:
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(joined[-1][1], last))
            else:
                joined.append((first, last))
        return SequenceSet(tuple(joined))

    def select(self, ascending: Sequence[int]) -> Iterator[int]:
        """The members of `ascending` (sorted, without repeats) that lie in this resolved set, by bisection."""
        for first, last in self.ranges:
            yield from ascending[bisect_left(ascending, first) : bisect_right(ascending, last)]

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.ranges)

    def __str__(self) -> str:
        def text(n: int) -> str:
            return "*" if n == STAR else str(n)

        return ",".join(text(a) if a == b else f"{text(a)}:{text(b)}" for a, b in self.ranges)
