"""A reader of parenthesised lists as a client has one (RFC 9051 §9: nstring, number), to judge what the server writes."""

from typing import TypeAlias

Item: TypeAlias = "bytes | int | list[Item] | None"


def read_list(text: bytes) -> Item:
    """The one item that `text` is. Raises ValueError or IndexError for anything else."""
    item, at = _item(text, 0)
    if at != len(text):
        raise ValueError(f"more than one item: {text[at : at + 20]!r}")
    return item


def _item(text: bytes, at: int) -> tuple[Item, int]:
    match text[at : at + 1]:
        case b"(":
            found: list[Item] = []
            at += 1
            while text[at : at + 1] != b")":
                item, at = _item(text, at)
                found.append(item)
                if text[at : at + 1] == b" ":
                    at += 1
                elif text[at : at + 1] not in (b")", b"("):  # body parts and addresses follow each other without a space
                    raise ValueError(f"expected a space at {at}: {text[at : at + 20]!r}")
            return found, at + 1
        case b'"':
            return _quoted(text, at + 1)
        case b"{":
            end = text.index(b"}\r\n", at)
            start, length = end + 3, int(text[at + 1 : end])
            if len(text) < start + length or b"\0" in text[start : start + length]:
                raise ValueError("a literal that is too short, or holds NUL")
            return text[start : start + length], start + length
    end = at
    while end < len(text) and text[end : end + 1] not in (b" ", b")", b"("):
        end += 1
    word = text[at:end]
    return (None if word == b"NIL" else int(word)), end


def _quoted(text: bytes, at: int) -> tuple[bytes, int]:
    value = b""
    while text[at : at + 1] != b'"':
        if text[at : at + 1] == b"\\":
            at += 1
            if text[at : at + 1] not in (b"\\", b'"'):
                raise ValueError("only quotes and backslashes are quoted")
        elif text[at] in b"\r\n\0" or text[at] > 127:
            raise ValueError(f"octet {text[at]} in a quoted string")
        value += text[at : at + 1]
        at += 1
    return value, at + 1
