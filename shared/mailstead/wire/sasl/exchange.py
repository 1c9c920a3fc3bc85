"""What all mechanisms share: the outcomes of a step, the exchange, and the base64 that the protocols carry it in."""

from abc import ABC, abstractmethod
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass, field

MAX_RESPONSE = 12_288  # octets of base64 in one line, RFC 4954 §4
MAX_FIELD = 255  # octets of one identity or password, RFC 4616 §2


class UnknownMechanism(ValueError):
    """The client named a mechanism that is not offered."""


class MalformedResponse(ValueError):
    """A response line that is too long or is not canonical base64."""


class Cancelled(Exception):
    """The client broke off the exchange with `*` (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an exchange needs of its surroundings: `binding` is the tls-server-end-point data of this connection (RFC 5929 §4),
    None where there is none and no -PLUS mechanism is offered; `nonce` is random, printable, and of this exchange alone."""

    binding: bytes | None = None
    nonce: str = field(default="", repr=False)


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
class KeysWanted:
    """The SCRAM keys of `user` are wanted: the exchange goes on with `supply`."""

    user: str


@dataclass(frozen=True, slots=True)
class Proved:
    """The client knows the password whose keys were supplied, and has been shown that we do."""

    user: str


@dataclass(frozen=True, slots=True)
class Disproved:
    """The client does not know the password whose keys were supplied."""

    user: str


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token (RFC 6750). `user` is whom the client asks to be, empty where the token alone says it."""

    user: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Invalid:
    """The exchange failed before any secret could be looked at, or the client has heard why; `reason` is for the log."""

    reason: str


Outcome = Challenge | Credentials | KeysWanted | Proved | Disproved | Token | Invalid


class Exchange(ABC):
    """One authentication in progress. `outcome` is where it stands; only while that is a Challenge may `step` be called."""

    __slots__ = ("outcome", "terms")

    def __init__(self, initial: bytes | None, terms: Terms) -> None:
        self.terms = terms
        self.outcome: Outcome = self._greeting() if initial is None else self._take(initial)

    def step(self, response: bytes) -> Outcome:
        """Take the decoded answer to the last challenge; returns the new `outcome`."""
        if not isinstance(self.outcome, Challenge):
            raise RuntimeError("the exchange waits for no answer of the client")
        self.outcome = self._take(response)
        return self.outcome

    def _greeting(self) -> Challenge:
        """The first challenge, sent when the client gave no initial response; empty where the client speaks first."""
        return Challenge(b"")

    @abstractmethod
    def _take(self, response: bytes) -> Outcome: ...


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
    return decode_base64(line)


def decode_base64(text: bytes) -> bytes:
    """Raises MalformedResponse unless it is canonical base64."""
    try:
        data = a2b_base64(text, strict_mode=True)
    except Base64Error as error:
        raise MalformedResponse("not base64") from error
    if b64encode(data) != text:
        raise MalformedResponse("base64 is not canonical")
    return data


def encode_challenge(challenge: Challenge) -> bytes:
    """The challenge as the protocols carry it, without prefix and CRLF."""
    return b64encode(challenge.data)
