"""Macro expansion (RFC 7208 §7)."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

MAX_NAME = 253  # characters of a name, RFC 7208 §7.3

_EXPANDABLE = re.compile(r"%\{([a-zA-Z])([0-9]*)([rR]?)([.\-+,/_=]*)\}|%([%_\-])")
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}


@dataclass(frozen=True, slots=True)
class Context:
    """What macros speak of. `validated` is what %{p} stands for, looked up only where `asks_validated_name` says so."""

    client: IPv4Address | IPv6Address
    sender: str  # local-part@domain
    domain: str
    helo: str
    receiver: str = "unknown"
    now: int = 0  # Unix time
    validated: str = "unknown"


def asks_validated_name(text: str) -> bool:
    return any(found[1] in ("p", "P") for found in _EXPANDABLE.finditer(text))


def expand(text: str, context: Context) -> str:
    """`text` is a macro-string."""
    return _EXPANDABLE.sub(lambda found: _ESCAPES[found[5]] if found[5] else _value(found, context), text)


def expand_domain(text: str, context: Context) -> str:
    """A domain-spec as a name, cut on its left to what a name may have (RFC 7208 §7.3)."""
    name = expand(text, context).removesuffix(".")
    while len(name) > MAX_NAME and "." in name:
        name = name.partition(".")[2]
    return name


def _value(found: re.Match[str], context: Context) -> str:
    letter = found[1]
    value = _plain(letter.lower(), context)
    digits, reverse, delimiters = found[2], found[3], found[4]
    if digits or reverse or delimiters:
        parts = re.split("[" + re.escape(delimiters or ".") + "]", value)
        if reverse:
            parts.reverse()
        # A number of more digits than any name has labels keeps them all.
        kept = int(digits) if digits and len(digits) < 5 else 0
        value = ".".join(parts[-kept:])
    return quote(value, safe="") if letter.isupper() else value


def _plain(letter: str, context: Context) -> str:
    local_part, _, sender_domain = context.sender.rpartition("@")
    match letter:
        case "s":
            return context.sender
        case "l":
            return local_part
        case "o":
            return sender_domain
        case "d":
            return context.domain
        case "i":
            return (
                ".".join(context.client.exploded.replace(":", "").upper()) if context.client.version == 6 else str(context.client)
            )
        case "p":
            return context.validated
        case "v":
            return "ip6" if context.client.version == 6 else "in-addr"
        case "h":
            return context.helo
        case "c":
            return str(context.client)
        case "r":
            return context.receiver
        case _:
            return str(context.now)
