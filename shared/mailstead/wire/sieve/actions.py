"""The actions of the language: what each takes, and the value it becomes (RFC 5228 §4 and its extensions)."""

from collections.abc import Callable

from mailstead.wire.addresses import parse_addresses
from mailstead.wire.sieve import tree
from mailstead.wire.sieve.arguments import Given, Kind, Signature, TagSpec
from mailstead.wire.sieve.errors import Position, ScriptError
from mailstead.wire.sieve.tests import variable_name
from mailstead.wire.sieve.text import Text
from mailstead.wire.sieve.tree import FlagAction, Modifier

MAX_MAILBOX = 255  # octets of a mailbox name
DAY = 86_400  # seconds

_COPY = {"copy": TagSpec(extension="copy")}
_FLAGS = {"flags": TagSpec(Kind.STRINGS, "imap4flags")}


def outbound_address(value: bytes) -> str | None:
    """The addr-spec of an address that mail can be sent to (RFC 5228 §2.4.2.3), or None for what is none."""
    found = parse_addresses(value)
    if len(found) != 1:
        return None
    mailbox, host = found[0].mailbox, found[0].host
    if not mailbox or not host or found[0].route or mailbox == b"MISSING_MAILBOX" or host == b"MISSING_DOMAIN":
        return None
    if any(octet <= 0x20 or octet in b'<>()\\,;:"\x7f' for octet in mailbox + host):
        return None
    try:
        return f"{mailbox.decode()}@{host.decode()}"
    except UnicodeDecodeError:
        return None


def is_mailbox_name(name: bytes) -> bool:
    """Whether a message may be filed under this name at all."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return False
    return 0 < len(name) <= MAX_MAILBOX and not any(ord(character) < 32 or ord(character) == 127 for character in text)


def _check(text: Text | None, at: Position, fits: Callable[[bytes], object], what: str) -> None:
    """Constants are judged here, all else when it is known."""
    if text is not None and (value := text.constant) is not None and not fits(value):
        raise ScriptError(at, f"{value.decode('utf-8', 'replace')!r} is no {what}")


def _keep(given: Given) -> tree.Command:
    return tree.Keep(given.texts("flags"))


def _fileinto(given: Given) -> tree.Command:
    mailbox = given.place(0)
    _check(mailbox, given.place_at(0), is_mailbox_name, "name of a mailbox")
    return tree.FileInto(given.at, mailbox, given.texts("flags"), given.given("copy"), given.given("create"))


def _redirect(given: Given) -> tree.Command:
    address = given.place(0)
    _check(address, given.place_at(0), outbound_address, "address")
    return tree.Redirect(given.at, address, given.given("copy"))


def _reject(given: Given) -> tree.Command:
    return tree.Reject(given.at, given.place(0), protocol=given.name == "ereject")


def _vacation(given: Given) -> tree.Command:
    days, seconds = given.number("days"), given.number("seconds")
    if days is not None:
        seconds = days * DAY
    _check(given.text("from"), given.tag_at("from"), outbound_address, "address")
    addresses = given.texts("addresses") or ()
    for address in addresses:
        _check(address, given.tag_at("addresses"), outbound_address, "address")
    reason = given.place(0)
    if given.given("mime"):
        _check(reason, given.place_at(0), is_mime_entity, "MIME entity: its header has to be ASCII")
    return tree.Vacation(
        given.at, reason, seconds, given.text("subject"), given.text("from"), addresses, given.given("mime"), given.text("handle")
    )


def is_mime_entity(reason: bytes) -> bool:
    """RFC 5230 §5: no 8-bit header material."""
    header, _, _ = reason.partition(b"\r\n\r\n")
    return header.isascii()


def _flags(given: Given) -> tree.Command:
    variable = None
    if given.count == 2:
        variable = variable_name(given.place(0).constant, given.place_at(0), given.scope)
    return tree.ChangeFlags(FlagAction(given.name), variable, given.places(given.count - 1))


def _set(given: Given) -> tree.Command:
    name = variable_name(given.place(0).constant, given.place_at(0), given.scope)
    modifiers = tuple(modifier for modifier in Modifier if given.given(modifier.value))
    return tree.Set(name, given.place(1), modifiers)


Build = Callable[[Given], tree.Command]

_CHANGE_FLAGS = Signature((Kind.STRING, Kind.STRINGS), {}, "imap4flags", may_omit_first=True)

ACTIONS: dict[str, tuple[Signature, Build]] = {
    "keep": (Signature((), _FLAGS), _keep),
    "discard": (Signature(), lambda _: tree.Discard()),
    "stop": (Signature(), lambda _: tree.Stop()),
    "redirect": (Signature((Kind.STRING,), _COPY), _redirect),
    "fileinto": (
        Signature((Kind.STRING,), _COPY | _FLAGS | {"create": TagSpec(extension="mailbox")}, "fileinto"),
        _fileinto,
    ),
    "reject": (Signature((Kind.STRING,), {}, "reject"), _reject),
    "ereject": (Signature((Kind.STRING,), {}, "ereject"), _reject),
    "vacation": (
        Signature(
            (Kind.STRING,),
            {
                "days": TagSpec(Kind.NUMBER, group="time"),
                "seconds": TagSpec(Kind.NUMBER, "vacation-seconds", "time"),
                "subject": TagSpec(Kind.STRING),
                "from": TagSpec(Kind.STRING),
                "addresses": TagSpec(Kind.STRINGS),
                "mime": TagSpec(),
                "handle": TagSpec(Kind.STRING),
            },
            "vacation",
        ),
        _vacation,
    ),
    "setflag": (_CHANGE_FLAGS, _flags),
    "addflag": (_CHANGE_FLAGS, _flags),
    "removeflag": (_CHANGE_FLAGS, _flags),
    "set": (
        Signature(
            (Kind.STRING, Kind.STRING),
            {
                "lower": TagSpec(group="case"),
                "upper": TagSpec(group="case"),
                "lowerfirst": TagSpec(group="first"),
                "upperfirst": TagSpec(group="first"),
                "quotewildcard": TagSpec(),
                "length": TagSpec(),
            },
            "variables",
        ),
        _set,
    ),
}
"""All commands that do something to the message, and `stop`."""
