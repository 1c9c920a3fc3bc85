"""Tag lists, as DKIM, ARC and DMARC write them: `name=value; name=value` (RFC 6376 §3.2)."""

import re

MAX_TAGS = 50

_TAG = re.compile(r"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=(.*)", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]+")


class BadTags(ValueError):
    """No tag list, or a value in it is not of its form."""


def parse_tags(text: str) -> dict[str, str]:
    """Values by name, in their order, without the white space around them. Raises BadTags; a name may come only once."""
    parts = text.split(";")
    if not parts[-1].strip(" \t\r\n"):
        parts.pop()
    if len(parts) > MAX_TAGS:
        raise BadTags("too many tags")
    tags: dict[str, str] = {}
    for part in parts:
        found = _TAG.fullmatch(part)
        if found is None:
            raise BadTags("no tag")
        if found[1] in tags:
            raise BadTags(f"{found[1]} is repeated")
        tags[found[1]] = found[2].strip(" \t\r\n")
    return tags


def without_space(value: str) -> str:
    """A value in which white space may stand anywhere, as in base64."""
    return _SPACE.sub("", value)
