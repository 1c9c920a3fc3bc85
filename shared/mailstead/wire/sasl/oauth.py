"""Bearer tokens: OAUTHBEARER (RFC 7628) and XOAUTH2, its predecessor (developers.google.com/gmail/imap/xoauth2-protocol).

A refused token is answered with a challenge in JSON that tells the client where to get another; its answer ends the exchange
(RFC 7628 §3.2.3).
"""

import re
from abc import abstractmethod

from mailstead.wire.sasl.exchange import MAX_FIELD, Challenge, Exchange, Invalid, Outcome, Terms, Token

_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9\-._~+/]+=*)")  # RFC 6750 §2.1, the scheme in any case
_OAUTHBEARER = re.compile(rb"[ny],(?:a=(?P<user>[^,\x01]*))?,\x01(?P<pairs>(?:[A-Za-z]+=[^\x01]*\x01)*)\x01")  # RFC 7628 §3.1
_XOAUTH2 = re.compile(rb"user=(?P<user>[^\x01]*)\x01(?P<pairs>(?:[A-Za-z]+=[^\x01]*\x01)*)\x01")


class _Bearer(Exchange):
    __slots__ = ("_refused",)

    def __init__(self, initial: bytes | None, terms: Terms) -> None:
        self._refused = False
        super().__init__(initial, terms)

    def refuse(self, error: bytes) -> None:
        """The token is not good: go on with `error`, a JSON object (RFC 7628 §3.2.2)."""
        if not isinstance(self.outcome, Token):
            raise RuntimeError("there is no token to refuse")
        self._refused = True
        self.outcome = Challenge(error)

    def _take(self, response: bytes) -> Outcome:
        if self._refused:
            return Invalid("token refused")  # whatever the client answers: RFC 7628 §3.2.3
        found = self._match(response)
        if found is None:
            return Invalid("not a client response with key/value pairs")
        pairs = dict(pair.split(b"=", 1) for pair in found["pairs"].split(b"\1") if pair)
        bearer = _BEARER.fullmatch(pairs.get(b"auth", b""))
        if bearer is None:
            return Invalid("no bearer token")
        try:
            user = (found["user"] or b"").decode()
        except UnicodeDecodeError:
            return Invalid("user is not UTF-8")
        if len(found["user"] or b"") > MAX_FIELD or "\0" in user:
            return Invalid("no user name")
        return Token(self._unescaped(user), bearer[1].decode("ascii"))

    @abstractmethod
    def _match(self, response: bytes) -> "re.Match[bytes] | None": ...

    def _unescaped(self, user: str) -> str:
        return user


class OAuthBearer(_Bearer):
    """A GS2 header that may name the user, then pairs of which `auth` counts; host and port are not compared."""

    __slots__ = ()

    def _match(self, response: bytes) -> "re.Match[bytes] | None":
        return _OAUTHBEARER.fullmatch(response)

    def _unescaped(self, user: str) -> str:
        return user.replace("=2C", ",").replace("=3D", "=")  # RFC 5801 §4


class XOAuth2(_Bearer):
    """The user and `auth`, without a GS2 header."""

    __slots__ = ()

    def _match(self, response: bytes) -> "re.Match[bytes] | None":
        return _XOAUTH2.fullmatch(response)
