"""How strings are compared for sorting: i;unicode-casemap (RFC 5051), as a key whose octets are compared."""

import unicodedata


def casemap(text: str) -> str:
    """The key of `text`: titlecased character by character, then decomposed (RFC 5051 §2). Compare keys by code point."""
    if text.isascii():
        return text.upper()
    return unicodedata.normalize("NFKD", "".join(map(_titlecase, text)))


def _titlecase(character: str) -> str:
    """The simple mapping: what would become several characters, as the sharp s, stays (RFC 5051 §2 step 2a)."""
    mapped = character.title()
    return mapped if len(mapped) == 1 else character
