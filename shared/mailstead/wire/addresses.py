"""Address lists of header fields (RFC 5322 §3.4, its obsolete forms included). Junk gives fewer addresses, never an error."""

import re
from dataclasses import dataclass

MAX_ADDRESSES = 10_000  # of one field
MAX_VALUE = 512 * 1024  # octets of one field that are looked at

_SIMPLE = re.compile(rb'\s*(?:([^\x00-\x1f()<>\[\]:;@\\,"]*?)\s*<([^\s()<>\[\]:;@\\,"]+)@([^\s()<>\[\]:;@\\,"]+)>'
                     rb'|([^\s()<>\[\]:;@\\,"]+)@([^\s()<>\[\]:;@\\,"]+))\s*')  # fmt: skip
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"?|(\[[^\]]*\]?)|([<>@,;:()])|([^\s"\[\]<>@,;:()]+|\])|(\s+)', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HeaderAddress:
    """As ENVELOPE shows it (RFC 9051 §7.5.2): a group starts with a mailbox and no host, and ends with neither."""

    name: bytes | None
    mailbox: bytes | None
    host: bytes | None


END_OF_GROUP = HeaderAddress(None, None, None)


def parse_addresses(value: bytes) -> tuple[HeaderAddress, ...]:
    """The addresses of an unfolded value, names still as they were encoded."""
    simple = _SIMPLE.fullmatch(value)
    if simple:
        name, mailbox, host, bare, bare_host = simple.groups()
        return (HeaderAddress(name or None, mailbox or bare, host or bare_host),)
    return _Parser(value[:MAX_VALUE]).parse()


class _Parser:
    """Walks over tokens; what an address is becomes clear at the comma, semicolon or end that follows it."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._found: list[HeaderAddress] = []
        self._reset()

    def _reset(self) -> None:
        self._words: list[bytes] = []  # of the display name, or of a local part without angle brackets
        self._comment: list[bytes] = []
        self._angle: list[bytes] | None = None  # tokens within < >
        self._plain: list[bytes] = []  # tokens outside, to tell local-part@domain
        self._has_at = False

    def parse(self) -> tuple[HeaderAddress, ...]:
        in_angle, depth, in_group = False, 0, False
        for match in _TOKEN.finditer(self._value):
            quoted, literal, special, atom, space = match.groups()
            if depth:
                depth += {b"(": 1, b")": -1}.get(special or b"", 0)
                if depth:
                    self._comment.append(match[0])
                continue
            if special == b"(":
                depth = 1
            elif special == b"<":
                in_angle, self._angle = True, []
            elif special == b">":
                in_angle = False
            elif special == b":" and not in_angle and not in_group and not self._has_at:
                self._found.append(HeaderAddress(None, b" ".join(self._words), None))
                in_group = True
                self._reset()
            elif special in (b",", b";") and not in_angle:
                self._finish()
                if special == b";" and in_group:
                    self._found.append(END_OF_GROUP)
                    in_group = False
            elif space is None:
                word = _QUOTED_PAIR.sub(rb"\1", quoted) if quoted is not None else literal or special or atom
                if in_angle and self._angle is not None:
                    self._angle.append(word)
                else:
                    self._plain.append(word)
                    self._has_at |= special == b"@"
                    if special is None:
                        self._words.append(word)
            if len(self._found) >= MAX_ADDRESSES:
                break
        self._finish()
        if in_group:
            self._found.append(END_OF_GROUP)
        return tuple(self._found)

    def _finish(self) -> None:
        if self._angle is not None:
            name = b" ".join(self._words) or None
            self._add(name, self._angle)
        elif self._plain:
            self._add(b"".join(self._comment).strip() or None, self._plain)
        self._reset()

    def _add(self, name: bytes | None, tokens: list[bytes]) -> None:
        if b":" in tokens and b"@" in tokens[: tokens.index(b":")]:
            tokens = tokens[tokens.index(b":") + 1 :]  # an obsolete route (RFC 5322 §4.4) is not part of the address
        if b"@" in tokens:
            last = len(tokens) - 1 - tokens[::-1].index(b"@")
            mailbox, host = b"".join(tokens[:last]), b"".join(tokens[last + 1 :])
        else:
            mailbox, host = b"".join(tokens), b""
        if mailbox or host or name:
            # A mailbox without a host would look like the start of a group.
            self._found.append(HeaderAddress(name, mailbox, host or b"MISSING_DOMAIN"))
