"""Address lists of header fields (RFC 5322 §3.4, its obsolete forms included). Junk gives fewer addresses, never an error."""

import re
from dataclasses import dataclass

from mailstead.wire.headers import comment_end

MAX_ADDRESSES = 10_000  # of one field
MAX_VALUE = 512 * 1024  # octets of one field that are looked at

_ATOM = rb'[^\x00-\x20()<>\[\]:;@\\,"]++'
# What nearly all addresses look like, with the comma after it: "Name" <local@host>, Name <local@host>, local@host.
_SIMPLE = re.compile(
    rb'\s*+(?:(?:"([^"\\]*+)"|(ATOM(?:[ \t]++ATOM)*+)?+)\s*+<(ATOM)@(ATOM)>|(ATOM)@(ATOM))\s*+(?:,|\Z)'.replace(b"ATOM", _ATOM)
)
_TOKEN = re.compile(rb'"((?:[^"\\]+|\\.)*+)"?|(\[[^\]]*\]?)|([<>@,;:()])|([^\s"\[\]<>@,;:()]+|\])|(\s+)', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HeaderAddress:
    """As ENVELOPE shows it (RFC 9051 §7.5.2): a group starts with a mailbox and no host, and ends with neither.

    `route` is the obsolete source route, without its colon (RFC 5322 §4.4).
    """

    name: bytes | None
    mailbox: bytes | None
    host: bytes | None
    route: bytes | None = None


END_OF_GROUP = HeaderAddress(None, None, None)


def parse_addresses(value: bytes) -> tuple[HeaderAddress, ...]:
    """The addresses of an unfolded value, names still as they were encoded."""
    value = value[:MAX_VALUE]
    found: list[HeaderAddress] = []
    at = 0
    while len(found) < MAX_ADDRESSES and (simple := _SIMPLE.match(value, at)):
        quoted, phrase, mailbox, host, bare, bare_host = simple.groups()
        found.append(HeaderAddress(quoted or phrase or None, mailbox or bare, host or bare_host))
        at = simple.end()
    if at < len(value) and len(found) < MAX_ADDRESSES:
        _Parser(value, found).parse(at)
    return tuple(found)


def first_address(value: bytes) -> HeaderAddress | None:
    """The first of `parse_addresses`, most times without looking at the others."""
    simple = _SIMPLE.match(value[:MAX_VALUE])
    if simple is None:
        return next(iter(parse_addresses(value)), None)
    quoted, phrase, mailbox, host, bare, bare_host = simple.groups()
    return HeaderAddress(quoted or phrase or None, mailbox or bare, host or bare_host)


class _Parser:
    """Walks over tokens; what an address is becomes clear at the comma, semicolon or end that follows it."""

    def __init__(self, value: bytes, found: list[HeaderAddress]) -> None:
        self._value = value
        self._found = found
        self._reset()

    def _reset(self) -> None:
        self._phrase: list[bytes] = []  # the display name, white space as one space
        self._comment: list[bytes] = []
        self._angle: list[bytes] | None = None  # tokens within < >
        self._plain: list[bytes] = []  # tokens outside, to tell local-part@domain
        self._in_angle = False
        self._has_at = False

    def parse(self, at: int) -> None:
        """Add the addresses from `at` on."""
        in_group = False
        while len(self._found) < MAX_ADDRESSES and (match := _TOKEN.match(self._value, at)):
            at = match.end()
            quoted, literal, special, atom, space = match.groups()
            if special == b"(":
                at = comment_end(self._value, at - 1)
                self._comment.append(self._value[match.end() : at].removesuffix(b")"))
                self._phrase.append(b" ")
            elif special == b"<":
                self._in_angle, self._angle = True, []
            elif special == b">":
                self._in_angle = False
            elif special == b":" and not in_group and not self._in_angle and not self._has_at:
                self._found.append(HeaderAddress(None, self._name() or b"", None))
                in_group = True
                self._reset()
            elif special in (b",", b";") and not self._in_route():
                self._finish()
                if special == b";" and in_group:
                    self._found.append(END_OF_GROUP)
                    in_group = False
            elif space is not None:
                self._phrase.append(b" ")
            else:
                self._word(_unquoted(quoted) if quoted is not None else literal or special or atom, special)
        self._finish()
        if in_group:
            self._found.append(END_OF_GROUP)

    def _in_route(self) -> bool:
        """Whether a comma here stands between the hosts of `<@one,@two:local@host>`; else it ends what lacks its `>`."""
        return self._in_angle and (not self._angle or (self._angle[0] == b"@" and b":" not in self._angle))

    def _word(self, word: bytes, special: bytes | None) -> None:
        if self._in_angle and self._angle is not None:
            self._angle.append(word)
        else:
            self._plain.append(word)
            self._phrase.append(word)
            self._has_at |= special == b"@"

    def _name(self) -> bytes | None:
        return b" ".join(b"".join(self._phrase).split()) or None

    def _finish(self) -> None:
        if self._angle is not None:
            self._add(self._name(), self._angle)
        elif self._plain and not self._has_at and b" " in (name := self._name() or b""):
            self._add(name, [])  # words without an address
        elif self._plain:
            self._add(_unquoted(b"".join(self._comment).strip()) or None, self._plain)
        self._reset()

    def _add(self, name: bytes | None, tokens: list[bytes]) -> None:
        route = None
        if tokens[:1] == [b"@"] and b":" in tokens:
            colon = tokens.index(b":")
            route, tokens = b"".join(tokens[:colon]), tokens[colon + 1 :]
        if b"@" in tokens:
            last = len(tokens) - 1 - tokens[::-1].index(b"@")
            mailbox, host = b"".join(tokens[:last]), b"".join(tokens[last + 1 :])
        else:
            mailbox, host = b"".join(tokens), b""
        if mailbox or host or name:
            # A mailbox without a host would look like the start of a group.
            self._found.append(HeaderAddress(name, mailbox or b"MISSING_MAILBOX", host or b"MISSING_DOMAIN", route))


def _unquoted(value: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", value) if b"\\" in value else value
