"""Which mailboxes a LIST names, and what it says of each (RFC 9051 §6.3.9, RFC 5258, RFC 6154). Pure: lists in, lines out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from imap.grammar.requests import List, Lsub
from mailstead.store.mailbox_row import SEPARATOR, Mailbox


@dataclass(frozen=True, slots=True)
class Listed:
    """One LIST or LSUB response. `mailbox` is None for a name that is only a level above others, or only subscribed."""

    name: str
    attributes: tuple[str, ...]
    mailbox: Mailbox | None
    child_info: bool = False
    matched: bool = True  # itself, and not only what lies below it
    old_name: str | None = None  # of a mailbox that was renamed (RFC 5465 §5.4)


def list_mailboxes(request: List, mailboxes: Iterable[Mailbox], subscriptions: Iterable[str]) -> list[Listed]:
    """The answers to `request`, by name."""
    existing = {mailbox.name: mailbox for mailbox in mailboxes}
    subscribed = set(subscriptions)
    only_subscribed = "SUBSCRIBED" in request.selection
    candidates = set(subscribed if only_subscribed else existing)
    if only_subscribed and "SPECIAL-USE" in request.selection:
        candidates &= existing.keys()
    if "SPECIAL-USE" in request.selection:
        candidates = {name for name in candidates if name in existing and existing[name].special_use}
    recursive = "RECURSIVEMATCH" in request.selection
    parents = _levels_above(existing)
    matching = _Matcher(request.reference, request.patterns)
    listed: list[Listed] = []
    names = set(candidates)
    if recursive:
        names |= _levels_above(candidates)
    elif not request.selection:
        names |= parents
    for name in sorted(names, key=_order):
        if not matching(name):
            continue
        child_info = recursive and any(_is_below(other, name) and not matching(other) for other in candidates)
        if name not in candidates and recursive and not child_info:
            continue
        attributes = _attributes(request, name, existing.get(name), name in parents, name in subscribed)
        listed.append(Listed(name, attributes, existing.get(name), child_info, name in candidates))
    return listed


def _attributes(request: List, name: str, mailbox: Mailbox | None, is_parent: bool, is_subscribed: bool) -> tuple[str, ...]:
    """CHILDREN and SPECIAL-USE are told always, as clients without the extended syntax hope for (RFC 6154 §2)."""
    attributes: list[str] = []
    if mailbox is None:
        attributes += ["\\NonExistent", "\\Noselect"] if request.extended else ["\\Noselect"]
    attributes.append("\\HasChildren" if is_parent else "\\HasNoChildren")
    if is_subscribed and ("SUBSCRIBED" in request.selection or "SUBSCRIBED" in request.returns):
        attributes.append("\\Subscribed")
    if mailbox is not None and mailbox.special_use:
        attributes.append(mailbox.special_use)
    return tuple(attributes)


def list_subscribed(request: Lsub, subscriptions: Iterable[str], existing: Mapping[str, Mailbox]) -> list[Listed]:
    """LSUB: subscribed names, whether or not there is such a mailbox (RFC 3501 §6.3.9).

    With `%`, a level above a subscribed name that is not matched itself is named as \\Noselect.
    """
    subscribed = set(subscriptions)
    matching = _Matcher(request.reference, (request.pattern,))
    names = subscribed | (_levels_above(subscribed) if "%" in request.pattern else set())
    parents = _levels_above(existing)
    listed: list[Listed] = []
    for name in sorted(filter(matching, names), key=_order):
        attributes = ["\\HasChildren" if name in parents else "\\HasNoChildren"]
        if name not in subscribed or name not in existing:
            attributes.insert(0, "\\Noselect")
        listed.append(Listed(name, tuple(attributes), existing.get(name)))
    return listed


def _order(name: str) -> tuple[bool, str]:
    """INBOX first."""
    return name != "INBOX" and not name.startswith("INBOX/"), name


def _is_below(name: str, parent: str) -> bool:
    return name.startswith(parent + SEPARATOR)


def _levels_above(names: Iterable[str]) -> set[str]:
    """`a` and `a/b` for `a/b/c`."""
    above: set[str] = set()
    for name in names:
        at = name.rfind(SEPARATOR)
        while at > 0 and name[:at] not in above:
            above.add(name[:at])
            at = name.rfind(SEPARATOR, 0, at)
    return above


class _Matcher:
    """Whether a name fits any of the patterns, the reference prepended to each (RFC 9051 §6.3.9.1)."""

    __slots__ = ("_patterns",)

    def __init__(self, reference: str, patterns: Iterable[str]) -> None:
        self._patterns = tuple(_pattern(reference + pattern) for pattern in patterns)

    def __call__(self, name: str) -> bool:
        return any(pattern(name) for pattern in self._patterns)


class _Pattern:
    """`*` fits anything, `%` anything but the separator. Linear in pattern times name, whatever the pattern."""

    __slots__ = ("_pieces",)

    def __init__(self, pattern: str) -> None:
        self._pieces = re.findall(r"[*%]+|[^*%]+", pattern)

    def __call__(self, name: str) -> bool:
        ends = {0}  # offsets up to which the pieces so far can fit
        for piece in self._pieces:
            if piece[0] in "*%":
                ends = _stretch(ends, name, across="*" in piece)
            else:
                ends = {end + len(piece) for end in ends if name.startswith(piece, end)}
            if not ends:
                return False
        return len(name) in ends


def _stretch(ends: set[int], name: str, *, across: bool) -> set[int]:
    reached: set[int] = set()
    for end in sorted(ends):
        if end in reached:
            continue
        separator = -1 if across else name.find(SEPARATOR, end)
        reached.update(range(end, (len(name) if separator < 0 else separator) + 1))
    return reached


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> _Pattern:
    # INBOX is without regard to case, also as the beginning of a pattern (RFC 9051 §5.1).
    head, wildcard, rest = re.match(r"([^*%/]*)([*%/]?)(.*)", pattern, re.DOTALL).groups()  # type: ignore[union-attr]
    return _Pattern(("INBOX" if head.upper() == "INBOX" else head) + wildcard + rest)
