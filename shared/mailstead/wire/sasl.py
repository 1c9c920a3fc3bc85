"""SASL server mechanisms without a socket (RFC 4422): PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login).

A protocol's shell does this, whichever of SMTP, IMAP and POP3 it speaks::

    exchange = start(name, initial)              # `initial` is decode_response(...) of the argument, or None without one
    while isinstance(exchange.outcome, Challenge):
        send(encode_challenge(exchange.outcome))  # behind the protocol's own "334 " or "+ "
        exchange.step(decode_response(line))
    # exchange.outcome is Credentials (to be verified) or Invalid (to be refused)

Whoever reads the lines bounds them by MAX_RESPONSE. Passwords stand in no repr.
"""

from abc import ABC, abstractmethod
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass, field
from enum import Enum

MECHANISMS = ("PLAIN", "LOGIN")
MAX_RESPONSE = 12_288  # octets of base64 in one line, RFC 4954 §4
MAX_FIELD = 255  # octets of one identity or password, RFC 4616 §2


class UnknownMechanism(ValueError):
    """The client named a mechanism that is not in MECHANISMS."""


class MalformedResponse(ValueError):
    """A response line that is too long or is not canonical base64."""


class Cancelled(Exception):
    """The client broke off the exchange with `*` (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server says next, before base64."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the client claims. `authorization_id` is empty where the client asks for no other identity than its own."""

    authorization_id: str
    user: str
    password: str = field(repr=False)

    @property
    def impersonates(self) -> bool:
        """Whether the client asks to act as somebody else than the owner of the password (RFC 4616 §2)."""
        return self.authorization_id not in ("", self.user)


@dataclass(frozen=True, slots=True)
class Invalid:
    """The exchange failed before any password could be looked at; `reason` is for the log."""

    reason: str


Outcome = Challenge | Credentials | Invalid


class Exchange(ABC):
    """One authentication in progress. `outcome` is where it stands; only while that is a Challenge may `step` be called."""

    __slots__ = ("outcome",)

    def __init__(self, initial: bytes | None) -> None:
        self.outcome: Outcome = self._greeting() if initial is None else self._take(initial)

    def step(self, response: bytes) -> Outcome:
        """Take the decoded answer to the last challenge; returns the new `outcome`."""
        if not isinstance(self.outcome, Challenge):
            raise RuntimeError("the exchange is over")
        self.outcome = self._take(response)
        return self.outcome

    @abstractmethod
    def _greeting(self) -> Challenge:
        """The first challenge, sent when the client gave no initial response."""

    @abstractmethod
    def _take(self, response: bytes) -> Outcome: ...


class _Plain(Exchange):
    """`[authzid] NUL authcid NUL passwd`, all in one response (RFC 4616 §2)."""

    __slots__ = ()

    def _greeting(self) -> Challenge:
        return Challenge(b"")

    def _take(self, response: bytes) -> Outcome:
        parts = response.split(b"\0")
        if len(parts) != 3:
            return Invalid("PLAIN response is not three fields")
        return _credentials(*parts)


class _LoginStep(Enum):
    """The prompts that clients of LOGIN compare with, or ignore."""

    USER = b"Username:"
    PASSWORD = b"Password:"


class _Login(Exchange):
    """User and password in two responses; an initial response is the user."""

    __slots__ = ("_user",)

    def __init__(self, initial: bytes | None) -> None:
        self._user: bytes | None = None
        super().__init__(initial)

    def _greeting(self) -> Challenge:
        return Challenge(_LoginStep.USER.value)

    def _take(self, response: bytes) -> Outcome:
        if self._user is None:
            self._user = response
            return Challenge(_LoginStep.PASSWORD.value)
        return _credentials(b"", self._user, response)


_EXCHANGES: dict[str, type[Exchange]] = {"PLAIN": _Plain, "LOGIN": _Login}


def start(name: str, initial: bytes | None) -> Exchange:
    """Begin an exchange of the mechanism `name` (in any case). Raises UnknownMechanism."""
    mechanism = _EXCHANGES.get(name.upper())
    if mechanism is None:
        raise UnknownMechanism(name)
    return mechanism(initial)


def decode_response(line: bytes) -> bytes:
    """The octets behind one response line, or behind an initial response, without its CRLF.

    An empty line and `=` both stand for the empty response (RFC 4954 §4). Raises Cancelled for `*`, and MalformedResponse
    for anything that is not canonical base64 (no white space, padding present, unused bits zero: RFC 4648 §3.5).
    """
    if line == b"*":
        raise Cancelled
    if line == b"=":
        return b""
    if len(line) > MAX_RESPONSE:
        raise MalformedResponse("response too long")
    try:
        data = a2b_base64(line, strict_mode=True)
    except Base64Error as error:
        raise MalformedResponse("not base64") from error
    if b64encode(data) != line:
        raise MalformedResponse("base64 is not canonical")
    return data


def encode_challenge(challenge: Challenge) -> bytes:
    """The challenge as the protocols carry it, without prefix and CRLF."""
    return b64encode(challenge.data)


def _credentials(authorization_id: bytes, user: bytes, password: bytes) -> Credentials | Invalid:
    if not user or not password:
        return Invalid("user or password is empty")
    fields = (authorization_id, user, password)
    if any(len(octets) > MAX_FIELD for octets in fields):
        return Invalid("a field is too long")
    if any(b"\0" in octets for octets in fields):
        return Invalid("NUL in a field")
    try:
        return Credentials(*(octets.decode() for octets in fields))
    except UnicodeDecodeError:
        return Invalid("a field is not UTF-8")
