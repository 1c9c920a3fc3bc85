"""SASLprep (RFC 4013): one spelling for user names and passwords that look alike."""

import stringprep
from collections.abc import Callable
from unicodedata import normalize

# RFC 4013 §2.3
_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,  # unassigned: what is stored is held to the strict rule, and queries are compared with that
)


def saslprep(text: str) -> str:
    """The prepared string. Raises ValueError for what RFC 4013 prohibits."""
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))  # RFC 4013 §2.1
    prepared = normalize("NFKC", mapped)
    if any(prohibited(c) for c in prepared for prohibited in _PROHIBITED):
        raise ValueError("prohibited character")
    _check_direction(prepared)
    return prepared


def _check_direction(text: str) -> None:
    """RFC 3454 §6."""
    if any(stringprep.in_table_d1(c) for c in text):
        mixed = any(stringprep.in_table_d2(c) for c in text)
        if mixed or not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
            raise ValueError("left-to-right and right-to-left are mixed")
