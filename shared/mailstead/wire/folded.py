"""Text as SEARCH compares it: decoded, cases of letters folded, and without what a stored text cannot hold.

Comparing is substring by code point of what `str.casefold` makes of both sides, here and in `wire.text` alike. Control characters
would break lines apart that are kept together, so they are replaced by one that no served key has: a key with control characters
is not served by what is stored.
"""

import re

from mailstead.wire.headers import HeaderField, decode_octets, decode_value

REPLACED = "\x01"
MAX_FIELD = 2_000  # octets of a field that is kept for SEARCH by itself
FIELDS = (b"subject", b"from", b"to", b"cc", b"bcc")  # which are

_CONTROL = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def is_served(key: str) -> bool:
    """Whether this search key can be compared with stored text."""
    return _CONTROL.search(key) is None


def fold_line(text: str) -> str:
    """One line: control characters are replaced."""
    folded = text.casefold()
    return folded if folded.isprintable() else _CONTROL.sub(REPLACED, folded)


def fold_lines(text: str) -> str:
    """As `fold_line`, but line ends and the like stay."""
    return _UNSTORABLE.sub(REPLACED, text.casefold())


def fold_field(field: HeaderField) -> str:
    """`name: value` on one line."""
    return fold_line(f"{decode_octets(field.name)}: {decode_value(field.value)}")


def fold_fields(values: dict[bytes, bytes], repeated: set[bytes], decoded: dict[bytes, str]) -> tuple[str | None, ...] | None:
    """The values of FIELDS, each None where there is no such field; None in all where one is repeated or too long.

    `decoded` are values that the caller has decoded already.
    """
    if not repeated.isdisjoint(FIELDS):
        return None
    found: list[str | None] = []
    for name in FIELDS:
        raw = values.get(name)
        if raw is None:
            found.append(None)
        elif len(raw) > MAX_FIELD:
            return None
        else:
            found.append(fold_line(decoded[name] if name in decoded else decode_value(raw)))
    return tuple(found)
