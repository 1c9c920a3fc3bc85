"""PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login): the password itself, which only TLS hides."""

from enum import Enum

from mailstead.wire.sasl.exchange import MAX_FIELD, Challenge, Credentials, Exchange, Invalid, Outcome, Terms


class Plain(Exchange):
    """`[authzid] NUL authcid NUL passwd`, all in one response (RFC 4616 §2)."""

    __slots__ = ()

    def _take(self, response: bytes) -> Outcome:
        parts = response.split(b"\0")
        if len(parts) != 3:
            return Invalid("PLAIN response is not three fields")
        return _credentials(*parts)


class _Prompt(Enum):
    """The prompts that clients of LOGIN compare with, or ignore."""

    USER = b"Username:"
    PASSWORD = b"Password:"


class Login(Exchange):
    """User and password in two responses; an initial response is the user."""

    __slots__ = ("_user",)

    def __init__(self, initial: bytes | None, terms: Terms) -> None:
        self._user: bytes | None = None
        super().__init__(initial, terms)

    def _greeting(self) -> Challenge:
        return Challenge(_Prompt.USER.value)

    def _take(self, response: bytes) -> Outcome:
        if self._user is None:
            self._user = response
            return Challenge(_Prompt.PASSWORD.value)
        return _credentials(b"", self._user, response)


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
