"""Which keywords the client of a selected mailbox was told of: FLAGS names each before a FETCH does (RFC 9051 §7.3.5)."""

from collections.abc import Iterable, Iterator

from mailstead.model.flags import Flags

MAX_TOLD = 1_000  # of one mailbox: whatever its messages carry, the memory of a session is bounded


class Keywords:
    """In the spelling they were first told in; they compare without regard to case."""

    __slots__ = ("_spellings",)

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._spellings = {name.lower(): name for name in names}

    def __iter__(self) -> Iterator[str]:
        return iter(self._spellings.values())

    def learn(self, told: Iterable[Flags]) -> bool:
        """Take in the flags that the client is about to hear of; whether there are new keywords among them."""
        new = {
            name.lower(): name
            for flags in told
            if flags.keywords
            for name in flags.keywords
            if name.lower() not in self._spellings
        }
        if not new or len(self._spellings) + len(new) > MAX_TOLD:
            return False
        self._spellings.update(new)
        return True
