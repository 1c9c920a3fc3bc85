"""The arguments of HELO, EHLO, MAIL and RCPT (RFC 5321 §4.1.2, with the internationalised forms of RFC 6531 §3.3).

Every pattern here is linear in its input, and the input is a command line of bounded length. Leniency, and why: spaces after
`FROM:` and `TO:` (many scripts send them), `_` in domains (hosts on the Internet have it), source routes are read and
forgotten (RFC 5321 §4.1.1.3 and appendix C ask for it). One strictness: a quoted local part holds no white space, as no
`Address` does.
"""

import re
from dataclasses import dataclass

from mailstead.model.address import MAX_DOMAIN, MAX_ROUTED_LOCAL_PART, Address

MAX_PATH = 256  # octets with its brackets, RFC 5321 §4.5.3.1.3
MAX_PARAMETERS = 20

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_DOT_STRING = rf"{_ATOM}(?:\.{_ATOM})*"
_QUOTED = r'"(?:[\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x21-\x7e])+"'
_LABEL = r"[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_\-\u0080-\U0010ffff]*[A-Za-z0-9_\u0080-\U0010ffff])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[(?:IPv6:[0-9A-Fa-f:.]{2,45}|[0-9]{1,3}(?:\.[0-9]{1,3}){3})\]"
_HOST = rf"(?:{_DOMAIN}|{_LITERAL})"

_PATH = re.compile(
    rf"[ \t]*<(?:@{_HOST}(?:,@{_HOST})*:)?(?:(?P<dotted>{_DOT_STRING})|(?P<quoted>{_QUOTED}))@(?P<domain>{_HOST})\.?>"
)
_NULL_PATH = re.compile(r"[ \t]*<>")
_POSTMASTER = re.compile(r"[ \t]*<postmaster>", re.IGNORECASE)  # RFC 5321 §4.1.1.3, §4.5.1
_DOTTED = re.compile(_DOT_STRING)
_ESCAPE = re.compile(r"\\(.)")
_MUST_ESCAPE = re.compile(r'(["\\])')
_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_VALUE = re.compile(r"[\x21-\x3c\x3e-\x7e\u0080-\U0010ffff]+")
_HELLO = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_.])?|\[[A-Za-z0-9:.\-]+\]")
XTEXT = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*")  # RFC 3461 §4


class BadPath(ValueError):
    """Not a Path of RFC 5321 §4.1.2."""


class BadParameters(ValueError):
    """Not esmtp-params of RFC 5321 §4.1.2, or one of them twice."""


@dataclass(frozen=True, slots=True)
class Postmaster:
    """`<Postmaster>` without a domain: the one address that every server owes an answer to (RFC 5321 §4.5.1)."""


POSTMASTER = Postmaster()


def hello_name(argument: str) -> str | None:
    """The name a client gives in HELO or EHLO, or None where it is none. Safe to be quoted in a header field."""
    return argument if len(argument) <= MAX_DOMAIN and _HELLO.fullmatch(argument) else None


def reverse_path(text: str) -> tuple[Address | None, str]:
    """The sender (None: the null sender `<>`) and what follows it. Raises BadPath."""
    if null := _NULL_PATH.match(text):
        return None, text[null.end() :]
    return _path(text)


def forward_path(text: str) -> tuple[Address | Postmaster, str]:
    """The recipient and what follows it. Raises BadPath."""
    if postmaster := _POSTMASTER.match(text):
        return POSTMASTER, text[postmaster.end() :]
    return _path(text)


def _path(text: str) -> tuple[Address, str]:
    match = _PATH.match(text)
    if match is None or match.end() - match.start() > MAX_PATH:
        raise BadPath(text)
    dotted, quoted, domain = match.group("dotted", "quoted", "domain")
    local_part = dotted if dotted is not None else _canonical(quoted)
    if len(local_part.encode()) > MAX_ROUTED_LOCAL_PART or len(domain.encode()) > MAX_DOMAIN:
        raise BadPath(text)
    return Address(local_part, domain.lower()), text[match.end() :]


def _canonical(quoted: str) -> str:
    """RFC 5321 §4.1.2: `"a.b"` and `a.b` are the same mailbox; quotes stay only where they are needed."""
    plain = _ESCAPE.sub(r"\1", quoted[1:-1])
    return plain if _DOTTED.fullmatch(plain) else '"' + _MUST_ESCAPE.sub(r"\\\1", plain) + '"'


def parameters(text: str) -> dict[str, str | None]:
    """What follows a path: keywords in upper case with their values (None: without `=`). Raises BadParameters."""
    if not text:
        return {}
    if text[0] not in " \t":
        raise BadParameters(text)
    found: dict[str, str | None] = {}
    for word in text.split():
        keyword, equals, value = word.partition("=")
        if not _KEYWORD.fullmatch(keyword) or (equals and not _VALUE.fullmatch(value)) or keyword.upper() in found:
            raise BadParameters(word)
        found[keyword.upper()] = value if equals else None
    if len(found) > MAX_PARAMETERS:
        raise BadParameters("too many")
    return found
