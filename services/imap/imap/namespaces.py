"""Whose mailbox a name means: `Shared/owner@example.org/Work` is the mailbox `Work` of another (RFC 2342 §5). Pure.

Only names whose second level, or the levels up to it, hold an `@` are others': a mailbox of one's own may be called `Shared`, or
be below it.
"""

from dataclasses import dataclass

from mailstead.store.mailbox_row import INBOX, SEPARATOR

OTHERS = "Shared"
PREFIX = OTHERS + SEPARATOR


@dataclass(frozen=True, slots=True)
class Others:
    """A mailbox of another account, or all of them when `name` is empty. `owner` is an address in lower case."""

    owner: str
    name: str


def others(name: str) -> Others | None:
    """None for a name of one's own."""
    if not name.startswith(PREFIX):
        return None
    owner: list[str] = []
    levels = name[len(PREFIX) :].split(SEPARATOR)
    while levels:
        owner.append(levels.pop(0))
        if "@" in owner[-1]:
            break
    else:
        return None
    if levels and levels[0].upper() == INBOX:  # RFC 9051 §5.1
        levels[0] = INBOX
    return Others(SEPARATOR.join(owner).lower(), SEPARATOR.join(levels))


def name_of(owner: str, name: str) -> str:
    """How anybody but the owner calls the mailbox."""
    return SEPARATOR.join((OTHERS, owner, name))
