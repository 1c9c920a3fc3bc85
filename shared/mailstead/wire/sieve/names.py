"""What a script may be called (RFC 5804 §1.6)."""

import unicodedata

MAX_NAME = 128  # characters


def is_script_name(name: str) -> bool:
    """Whether `name` is 1 to MAX_NAME characters without controls and separators of lines or paragraphs."""
    if not 1 <= len(name) <= MAX_NAME:
        return False
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)
