"""SASL server mechanisms without a socket (RFC 4422), one file for each family; `start` begins an exchange.

    exchange = start(name, initial, terms)            # `initial` is decode_response(...) of the argument, or None without one
    while isinstance(exchange.outcome, Challenge):
        send(encode_challenge(exchange.outcome))      # behind the protocol's own "334 " or "+ "
        exchange.step(decode_response(line))

What else `outcome` may be asks something of the shell (`ops/authentication.py`): Credentials are to be verified, KeysWanted to be
answered with `supply`, a Token to be verified or answered with `refuse`; Proved, Disproved and Invalid are the end.

Whoever reads the lines bounds them by MAX_RESPONSE. Passwords and tokens stand in no repr.
"""

from mailstead.wire.sasl.exchange import (
    MAX_FIELD,
    MAX_RESPONSE,
    Cancelled,
    Challenge,
    Credentials,
    Disproved,
    Exchange,
    Invalid,
    KeysWanted,
    MalformedResponse,
    Outcome,
    Proved,
    Terms,
    Token,
    UnknownMechanism,
    decode_response,
    encode_challenge,
)
from mailstead.wire.sasl.oauth import OAuthBearer, XOAuth2
from mailstead.wire.sasl.plain import Login, Plain
from mailstead.wire.sasl.scram import ScramKeys, ScramSha256, ScramSha256Plus, derive_keys

__all__ = [
    "MAX_FIELD",
    "MAX_RESPONSE",
    "MECHANISMS",
    "OAUTH_MECHANISMS",
    "PASSWORD_MECHANISMS",
    "SCRAM_MECHANISMS",
    "Cancelled",
    "Challenge",
    "Credentials",
    "Disproved",
    "Exchange",
    "Invalid",
    "KeysWanted",
    "MalformedResponse",
    "OAuthBearer",
    "Outcome",
    "Proved",
    "ScramKeys",
    "ScramSha256",
    "Terms",
    "Token",
    "UnknownMechanism",
    "XOAuth2",
    "decode_response",
    "derive_keys",
    "encode_challenge",
    "start",
]

PASSWORD_MECHANISMS = ("PLAIN", "LOGIN")
SCRAM_MECHANISMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")
OAUTH_MECHANISMS = ("OAUTHBEARER", "XOAUTH2")
MECHANISMS = (*SCRAM_MECHANISMS, *PASSWORD_MECHANISMS, *OAUTH_MECHANISMS)

_EXCHANGES: dict[str, type[Exchange]] = {
    "PLAIN": Plain,
    "LOGIN": Login,
    "SCRAM-SHA-256": ScramSha256,
    "SCRAM-SHA-256-PLUS": ScramSha256Plus,
    "OAUTHBEARER": OAuthBearer,
    "XOAUTH2": XOAuth2,
}


def start(name: str, initial: bytes | None, terms: Terms | None = None) -> Exchange:
    """Begin an exchange of the mechanism `name` (in any case). Raises UnknownMechanism."""
    mechanism = _EXCHANGES.get(name.upper())
    if mechanism is None:
        raise UnknownMechanism(name)
    return mechanism(initial, terms or Terms())
