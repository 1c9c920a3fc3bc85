"""A stretch of a list of results (RFC 9394)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PartialRange:
    """From the `first` to the `last` of the results, counted from 1; negative ones count from the end."""

    first: int
    last: int

    def of(self, results: Sequence[T]) -> Sequence[T]:
        """That stretch, in the order of the results (RFC 9394 §3.1)."""
        if self.first > 0:
            return results[self.first - 1 : self.last]
        return results[max(0, len(results) + self.last) : max(0, len(results) + self.first + 1)]

    def __str__(self) -> str:
        return f"{self.first}:{self.last}"
