"""Values against keys: comparators and match types on octets (RFC 4790 §9, RFC 5228 §2.7, RFC 5231 §4)."""

import operator
import re
from collections.abc import Callable
from functools import lru_cache

from mailstead.wire.sieve.tree import Comparator, Relation

MAX_PATTERN = 4_096  # octets of a key of `:matches`

_OPERATORS: dict[Relation, Callable[[tuple[int, int, bytes], tuple[int, int, bytes]], bool]] = {
    Relation.GT: operator.gt,
    Relation.GE: operator.ge,
    Relation.LT: operator.lt,
    Relation.LE: operator.le,
    Relation.EQ: operator.eq,
    Relation.NE: operator.ne,
}
_DIGITS = re.compile(rb"[0-9]+")
_PIECE = re.compile(rb"\\.|.", re.DOTALL)  # an octet of a pattern, with the backslash that takes its meaning away


def rank(value: bytes, comparator: Comparator) -> tuple[int, int, bytes]:
    """What orders values, and is equal for equal ones. With i;ascii-numeric what is no number is above all (RFC 4790 §9.1)."""
    match comparator:
        case Comparator.OCTET:
            return 0, 0, value
        case Comparator.CASEMAP:
            return 0, 0, value.upper()
        case Comparator.NUMERIC:
            digits = _DIGITS.match(value)
            if digits is None:
                return 1, 0, b""
            number = digits[0].lstrip(b"0")
            return 0, len(number), number


def related(value: bytes, relation: Relation, key: bytes, comparator: Comparator) -> bool:
    """RFC 5231 §4.1."""
    return _OPERATORS[relation](rank(value, comparator), rank(key, comparator))


def contains(value: bytes, key: bytes, comparator: Comparator) -> bool:
    if comparator is Comparator.CASEMAP:
        return key.upper() in value.upper()
    return key in value


def wildcard_match(value: bytes, pattern: bytes, comparator: Comparator) -> tuple[bytes, ...] | None:
    """What the whole and each wildcard stand for, or None (RFC 5228 §2.7.1, RFC 5229 §3.2)."""
    found = _compiled(pattern, comparator is Comparator.CASEMAP).fullmatch(value)
    return None if found is None else (found[0], *found.groups())


@lru_cache(maxsize=512)
def _compiled(pattern: bytes, casemap: bool) -> re.Pattern[bytes]:
    """Wildcards match as little as possible (RFC 5229 §3.2). What stands behind a `*` is searched once and never given up again:
    the first place is good enough for all that follows, so that matching takes no more than value times pattern."""
    pieces = _PIECE.findall(pattern)
    stars_left = pieces.count(b"*")
    written: list[bytes] = []
    in_group = False
    for piece in pieces:
        if piece == b"*":
            stars_left -= 1
            written.append(b")" if in_group else b"")
            in_group = stars_left > 0
            written.append(b"(?>(.*?)" if in_group else b"(.*)")
        elif piece == b"?":
            written.append(b"(.)")
        else:
            written.append(re.escape(piece[-1:]))
    return re.compile(b"".join(written), re.DOTALL | (re.IGNORECASE if casemap else 0))
