"""Parameters of MAIL and RCPT, from their text to values (RFC 1870, 3461, 4865, 4954, 6152, 6531, 8689). Pure."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mailstead.model.address import Address
from mailstead.store.delivery import Notify
from smtp_in import grammar, replies
from smtp_in.replies import Reply

MAX_ENVID = 100  # octets, RFC 3461 §4.4
MAX_ORCPT = 500  # octets, RFC 3461 §4.2
MAX_SIZE_DIGITS = 20  # RFC 1870 §4
MAX_HOLD_DIGITS = 9  # RFC 4865 §5


@dataclass(frozen=True, slots=True)
class Offer:
    """Which of them may be used now."""

    auth: bool = False
    dsn: bool = False
    require_tls: bool = False
    hold: timedelta = timedelta(0)  # at most; 0: FUTURERELEASE is not offered


@dataclass(frozen=True, slots=True)
class Sender:
    """A MAIL command that is in order. `address` None is the null reverse-path; `size` is what was declared, or 0."""

    address: Address | None
    size: int = 0
    utf8: bool = False
    envelope_id: str | None = None
    return_full: bool = False
    require_tls: bool = False
    hold_until: datetime | None = None  # FUTURERELEASE, RFC 4865

    @property
    def path(self) -> str:
        """As it stands between the brackets of MAIL FROM."""
        return str(self.address) if self.address else ""


@dataclass(frozen=True, slots=True)
class RecipientAsked:
    """A RCPT command that is in order. `address` None is `<Postmaster>`."""

    address: Address | None
    notify: frozenset[Notify] = frozenset()
    original: str | None = None


def sender(address: Address | None, given: dict[str, str | None], offer: Offer, now: datetime) -> Sender | Reply:
    """MAIL with these parameters, or why not."""
    made = Sender(address)
    if "HOLDFOR" in given and "HOLDUNTIL" in given:
        return replies.BAD_PARAMETER  # RFC 4865 §5
    for keyword, value in given.items():
        changed = _applied(made, keyword, value, offer, now)
        if isinstance(changed, Reply):
            return changed
        made = changed
    return made


def _applied(made: Sender, keyword: str, value: str | None, offer: Offer, now: datetime) -> Sender | Reply:
    match keyword:
        case "SIZE":  # RFC 1870 §4
            if value and value.isascii() and value.isdigit() and len(value) <= MAX_SIZE_DIGITS:
                return replace(made, size=int(value))
        case "BODY":  # RFC 6152 §3; 8-bit content is taken either way
            if (value or "").upper() in ("7BIT", "8BITMIME"):
                return made
        case "SMTPUTF8":  # RFC 6531 §3.4
            if value is None:
                return replace(made, utf8=True)
        case "AUTH" if offer.auth:  # RFC 4954 §5: no client is trusted to say it, so it is dropped
            if value and (value == "<>" or _is_xtext(value)):
                return made
        case "RET" if offer.dsn:  # RFC 3461 §4.3
            if (value or "").upper() in ("FULL", "HDRS"):
                return replace(made, return_full=(value or "").upper() == "FULL")
        case "ENVID" if offer.dsn:  # RFC 3461 §4.4
            if value and len(value) <= MAX_ENVID and _is_xtext(value):
                return replace(made, envelope_id=value)
        case "REQUIRETLS" if offer.require_tls:  # RFC 8689 §4.1
            if value is None:
                return replace(made, require_tls=True)
        case "HOLDFOR" | "HOLDUNTIL" if offer.hold:  # RFC 4865 §5
            until = _hold_until(keyword, value or "", now)
            if until is not None and until > now + offer.hold:
                return replies.HOLD_TOO_LONG
            if until is not None:
                return replace(made, hold_until=until if until > now else None)
        case _:
            return replies.UNKNOWN_PARAMETER  # RFC 5321 §4.1.1.11
    return replies.BAD_PARAMETER


def _hold_until(keyword: str, value: str, now: datetime) -> datetime | None:
    if keyword == "HOLDFOR":
        is_number = value.isascii() and value.isdigit() and len(value) <= MAX_HOLD_DIGITS and not value.startswith("0")
        return now + timedelta(seconds=int(value)) if is_number else None
    try:
        until = datetime.fromisoformat(value)
    except ValueError:
        return None
    return until.astimezone(UTC) if until.tzinfo and "T" in value.upper() and until.year < 9999 else None  # RFC 3339 §5.6


def recipient(address: Address | None, given: dict[str, str | None], offer: Offer) -> RecipientAsked | Reply:
    """RCPT with these parameters, or why not."""
    notify: frozenset[Notify] = frozenset()
    original = None
    for keyword, value in given.items():
        match keyword:
            case "NOTIFY" if offer.dsn:  # RFC 3461 §4.1
                words = (value or "").upper().split(",")
                if len(set(words)) < len(words) or not all(word in Notify.__members__ for word in words):
                    return replies.BAD_PARAMETER
                if "NEVER" in words and len(words) > 1:
                    return replies.BAD_PARAMETER
                notify = frozenset(Notify[word] for word in words)
            case "ORCPT" if offer.dsn:  # RFC 3461 §4.2
                kind, semicolon, path = (value or "").partition(";")
                if not (semicolon and kind and path and len(path) <= MAX_ORCPT and (_is_xtext(path) or kind.lower() == "utf-8")):
                    return replies.BAD_PARAMETER
                original = value
            case _:
                return replies.UNKNOWN_PARAMETER
    return RecipientAsked(address, notify, original)


def _is_xtext(value: str) -> bool:
    return grammar.XTEXT.fullmatch(value) is not None
