"""An SPF record as values (RFC 7208 §4.6, §5, §6, §12)."""

import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

MAX_RECORD = 8 * 1024  # octets; what is longer is no record that anybody publishes
MAX_TERMS = 200

_QUALIFIED = re.compile(r"([+\-~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?=[:/]|$)(.*)", re.IGNORECASE | re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9\-_.]*)=(.*)", re.DOTALL)
_CIDR4 = r"0|[1-9][0-9]?"
_CIDR6 = r"0|[1-9][0-9]{0,2}"
_DUAL_CIDR = re.compile(rf"(?:/({_CIDR4}))?(?://({_CIDR6}))?$")
_IP4 = re.compile(rf":([0-9.]+)(?:/({_CIDR4}))?")
_IP6 = re.compile(rf":([0-9A-Fa-f:.]+)(?:/({_CIDR6}))?")
MACRO = r"%\{[slodiphcrtvSLODIPHCRTV](?:0*[1-9][0-9]*)?[rR]?[.\-+,/_=]*\}"
_MACRO_STRING = re.compile(rf"(?:{MACRO}|%[%_\-]|[!-$&-~])*")
_ENDS_IN_MACRO = re.compile(rf".*(?:{MACRO}|%[%_\-])", re.DOTALL)
_TOP_LABEL = re.compile(r".*\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?", re.DOTALL)
_ONLY_IN_EXPLANATIONS = re.compile(r"%\{[crtCRT]")


class BadRecord(ValueError):
    """The record is no SPF record: permerror."""


class Qualifier(Enum):
    """What a match of a mechanism means."""

    PASS = "+"  # noqa: S105 - no password
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


@dataclass(frozen=True, slots=True)
class Mechanism:
    """`domain` is a domain-spec whose macros are not expanded; `prefix4` and `prefix6` are the lengths after a and mx."""

    qualifier: Qualifier
    name: str
    domain: str | None = None
    prefix4: int = 32
    prefix6: int = 128
    network: IPv4Network | IPv6Network | None = None


@dataclass(frozen=True, slots=True)
class Record:
    mechanisms: tuple[Mechanism, ...]
    redirect: str | None = None
    explanation: str | None = None


def is_record(text: str) -> bool:
    """Whether a TXT record is meant as SPF (RFC 7208 §4.5)."""
    return text[:6].lower() == "v=spf1" and (len(text) == 6 or text[6] == " ")


def parse_record(text: str) -> Record:
    """Raises BadRecord."""
    if len(text) > MAX_RECORD or not text.isascii():
        raise BadRecord("too long or not ASCII")
    terms = [term for term in text[6:].split(" ") if term]
    if len(terms) > MAX_TERMS:
        raise BadRecord("too many terms")
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, str] = {}
    for term in terms:
        found = _QUALIFIED.fullmatch(term)
        if found:
            mechanisms.append(_mechanism(Qualifier(found[1] or "+"), found[2].lower(), found[3]))
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            raise BadRecord(f"no term: {term[:50]!r}")
        name, value = modifier[1].lower(), modifier[2]
        if name in ("redirect", "exp"):  # RFC 7208 §6: once each
            if name in modifiers:
                raise BadRecord(f"{name} is repeated")
            modifiers[name] = _domain_spec(value)
        elif _MACRO_STRING.fullmatch(value) is None:
            raise BadRecord("a modifier is malformed")
    return Record(tuple(mechanisms), modifiers.get("redirect"), modifiers.get("exp"))


def is_macro_string(text: str) -> bool:
    """RFC 7208 §7.1; spaces, which explanations may have, aside."""
    return _MACRO_STRING.fullmatch(text.replace(" ", "")) is not None


def _mechanism(qualifier: Qualifier, name: str, rest: str) -> Mechanism:
    match name:
        case "all":
            if rest:
                raise BadRecord("all takes no argument")
            return Mechanism(qualifier, name)
        case "include" | "exists":
            return Mechanism(qualifier, name, _domain_spec(rest.removeprefix(":")))
        case "ptr":
            return Mechanism(qualifier, name, _optional_domain(rest))
        case "a" | "mx":
            cidr = _DUAL_CIDR.search(rest)
            assert cidr is not None  # the empty one is always found
            prefix4, prefix6 = int(cidr[1] or "32"), int(cidr[2] or "128")
            if prefix4 > 32 or prefix6 > 128:
                raise BadRecord("a prefix length is out of range")
            return Mechanism(qualifier, name, _optional_domain(rest[: cidr.start()]), prefix4, prefix6)
        case _:
            return Mechanism(qualifier, name, network=_network(name, rest))


def _network(name: str, rest: str) -> IPv4Network | IPv6Network:
    found = (_IP4 if name == "ip4" else _IP6).fullmatch(rest)
    if found is None:
        raise BadRecord(f"{name} is malformed")
    try:
        if name == "ip4":
            return IPv4Network(f"{found[1]}/{found[2] or 32}", strict=False)
        return IPv6Network(f"{found[1]}/{found[2] or 128}", strict=False)
    except ValueError as error:
        raise BadRecord(str(error)) from error


def _optional_domain(rest: str) -> str | None:
    if rest and not rest.startswith(":"):
        raise BadRecord("a mechanism is malformed")
    return _domain_spec(rest[1:]) if rest else None


def _domain_spec(text: str) -> str:
    if not text or _MACRO_STRING.fullmatch(text) is None or _ONLY_IN_EXPLANATIONS.search(text):
        raise BadRecord("a domain is malformed")
    if _ENDS_IN_MACRO.fullmatch(text) is None and _TOP_LABEL.fullmatch(text) is None:
        raise BadRecord("a domain does not end in a name")
    return text
