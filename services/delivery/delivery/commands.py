"""The commands of one mail transaction, with the parameters that the server's offers allow (RFC 5321 §4.1.1.2, §4.1.1.3)."""

from dataclasses import dataclass

from delivery.replies import Capabilities

_NOTIFY_ORDER = ("NEVER", "SUCCESS", "FAILURE", "DELAY")


@dataclass(frozen=True, slots=True)
class EnvelopeRecipient:
    """A forward-path; `notify` holds the keywords of NOTIFY, `original` is ORCPT as it came (RFC 3461 §4.1, §4.2)."""

    address: str
    notify: frozenset[str] = frozenset()
    original: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is to be sent, without its content. `size` is octets before dot-stuffing; an empty `sender` is the null one."""

    sender: str
    recipients: tuple[EnvelopeRecipient, ...]
    size: int
    eight_bit: bool = False  # the content may hold octets above 127
    utf8_header: bool = False  # the header section holds UTF-8 (RFC 6532)
    envelope_id: str | None = None
    return_full: bool | None = None  # RET; None: not asked
    require_tls: bool = False  # REQUIRETLS (RFC 8689)


@dataclass(frozen=True, slots=True)
class Unsendable:
    """This server cannot be given this message; a status, and words for the sender."""

    status: str
    reason: str


def needs_utf8(address: str) -> bool:
    """Whether an address can go only to a server that offers SMTPUTF8: an international domain alone can be spelled in ASCII."""
    return not address.rpartition("@")[0].isascii()


def unsendable(envelope: Envelope, offers: Capabilities) -> Unsendable | None:
    """Why no transaction should be begun, told before anything is sent."""
    if offers.max_size and envelope.size > offers.max_size:  # RFC 1870 §6.1
        return Unsendable("5.3.4", f"message of {envelope.size} octets exceeds the {offers.max_size} that this host takes")
    if "SMTPUTF8" not in offers and any(needs_utf8(a) for a in (envelope.sender, *(r.address for r in envelope.recipients))):
        return Unsendable("5.6.7", "an international address is needed, and this host does not offer SMTPUTF8")  # RFC 6531 §3.5
    try:
        mail_command(envelope, offers)
        for recipient in envelope.recipients:
            recipient_command(recipient, offers)
    except ValueError as error:
        return Unsendable("5.1.3", f"the envelope cannot be sent: {error}")
    return None


def mail_command(envelope: Envelope, offers: Capabilities) -> bytes:
    """`MAIL FROM`. Raises ValueError for an address that cannot stand in a command."""
    parameters = []
    if "SIZE" in offers:
        parameters.append(f"SIZE={envelope.size}")
    if "8BITMIME" in offers and envelope.eight_bit:
        parameters.append("BODY=8BITMIME")
    if "SMTPUTF8" in offers and _wants_utf8(envelope):
        parameters.append("SMTPUTF8")
    if "REQUIRETLS" in offers and envelope.require_tls:
        parameters.append("REQUIRETLS")
    if "DSN" in offers:
        if envelope.return_full is not None:
            parameters.append("RET=FULL" if envelope.return_full else "RET=HDRS")
        if envelope.envelope_id:
            parameters.append(f"ENVID={_token(envelope.envelope_id)}")
    return _line(f"MAIL FROM:<{_path(envelope.sender, offers)}>", parameters)


def recipient_command(recipient: EnvelopeRecipient, offers: Capabilities) -> bytes:
    """`RCPT TO`. Raises ValueError for an address that cannot stand in a command."""
    parameters = []
    if "DSN" in offers:
        if recipient.notify:
            wanted = {"NEVER"} if "NEVER" in recipient.notify else recipient.notify  # NEVER stands alone, RFC 3461 §4.1
            parameters.append(f"NOTIFY={','.join(k for k in _NOTIFY_ORDER if k in wanted)}")
        if recipient.original and recipient.original.isascii():
            parameters.append(f"ORCPT={_token(recipient.original)}")
    return _line(f"RCPT TO:<{_path(recipient.address, offers)}>", parameters)


def _wants_utf8(envelope: Envelope) -> bool:
    addresses = (envelope.sender, *(r.address for r in envelope.recipients))
    return envelope.utf8_header or not all(a.isascii() for a in addresses)


def _path(address: str, offers: Capabilities) -> str:
    """The address as this server can read it; a U-label becomes its A-label where SMTPUTF8 is not offered."""
    if any(ord(c) < 32 or ord(c) == 127 for c in address):
        raise ValueError("control character in an address")
    local_part, at, domain = address.rpartition("@")
    if "SMTPUTF8" not in offers and not domain.isascii():
        domain = domain.encode("idna").decode("ascii")
    return f"{local_part}{at}{domain}"


def _token(text: str) -> str:
    if not text.isascii() or any(not "!" <= c <= "~" for c in text):
        raise ValueError("a parameter holds what is not xtext")
    return text


def _line(command: str, parameters: list[str]) -> bytes:
    return " ".join([command, *parameters]).encode() + b"\r\n"
