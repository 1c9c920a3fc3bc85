"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), with the channel binding tls-server-end-point (RFC 5929 §4).

The server keeps no password but keys from which none can be computed, and shows the client that it has them. As the protocols
carry no data beside success, the server's last message goes out as a challenge that the client answers with nothing
(RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2).
"""

import hmac
import re
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import pbkdf2_hmac, sha256

from mailstead.wire.sasl.exchange import (
    MAX_FIELD,
    Challenge,
    Disproved,
    Exchange,
    Invalid,
    KeysWanted,
    MalformedResponse,
    Outcome,
    Proved,
    Terms,
    decode_base64,
)
from mailstead.wire.sasl.saslprep import saslprep

ITERATIONS = 10_000  # RFC 7677 §4 asks for 4096 at least
SALT_OCTETS = 16
BINDING = b"tls-server-end-point"
MAX_NONCE = 256  # octets of a client's

# RFC 5802 §7: gs2-header, then client-first-message-bare
_FIRST = re.compile(
    rb"(?P<header>(?P<flag>n|y|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>[^,\0]+))?,)"
    rb"(?P<bare>n=(?P<user>[^,\0]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,.*)?)",
    re.DOTALL,
)
_FINAL = re.compile(
    rb"(?P<without_proof>c=(?P<channel>[A-Za-z0-9+/=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[^\0]*)?),p=(?P<proof>[A-Za-z0-9+/=]+)"
)


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What the server keeps of a password (RFC 5802 §3)."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def derive_keys(password: str, salt: bytes, iterations: int = ITERATIONS) -> ScramKeys:
    """Takes some milliseconds of a core. What SASLprep prohibits is taken as it is: clients that log in with it send it so."""
    try:
        prepared = saslprep(password)
    except ValueError:
        prepared = password
    salted = pbkdf2_hmac("sha256", prepared.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return ScramKeys(salt, iterations, sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256"))


class ScramSha256(Exchange):
    """Messages of client and server in turn: first, first, final, final, and the client's empty answer."""

    __slots__ = ("_bare", "_header", "_keys", "_server_first", "_shown", "_user")

    def __init__(self, initial: bytes | None, terms: Terms) -> None:
        self._user = ""
        self._header = b""
        self._bare = b""
        self._server_first = b""
        self._keys: ScramKeys | None = None
        self._shown = False  # the client has been shown that we have its keys
        super().__init__(initial, terms)

    def supply(self, keys: ScramKeys) -> None:
        """Go on with these keys, which are made up where there is no such user."""
        if not isinstance(self.outcome, KeysWanted):
            raise RuntimeError("no keys are wanted")
        self._keys = keys
        nonce = self._client_nonce + self.terms.nonce.encode()
        self._server_first = b"r=%b,s=%b,i=%d" % (nonce, b64encode(keys.salt), keys.iterations)
        self.outcome = Challenge(self._server_first)

    def _take(self, response: bytes) -> Outcome:
        if self._shown:
            return Invalid("data behind the last message") if response else Proved(self._user)
        return self._first(response) if self._keys is None else self._final(response, self._keys)

    def _first(self, response: bytes) -> Outcome:
        found = _FIRST.fullmatch(response)
        if found is None:
            return Invalid("not a client-first-message")
        if reason := self._binding_fault(found["flag"], found["binding"]):
            return Invalid(reason)
        try:
            user = _name(found["user"])
            acting_as = _name(found["authzid"]) if found["authzid"] else user
        except ValueError as error:
            return Invalid(f"user name: {error}")
        if len(found["user"]) > MAX_FIELD or len(found["nonce"]) > MAX_NONCE:
            return Invalid("a field is too long")
        if acting_as != user:
            return Invalid(f"{user} asked to act as {acting_as}")
        self._user, self._header, self._bare = user, found["header"], found["bare"]
        return KeysWanted(user)

    def _binding_fault(self, flag: bytes, _binding: bytes | None) -> str:
        """RFC 5802 §6: what the client's flag says of channel binding, judged."""
        if flag == b"y" and self.terms.binding is not None:
            return "channel binding was offered, and the client did not hear of it"  # somebody in between took it away
        return "channel binding without -PLUS" if flag.startswith(b"p") else ""

    @property
    def _client_nonce(self) -> bytes:
        return self._bare.partition(b",r=")[2].partition(b",")[0]

    def _final(self, response: bytes, keys: ScramKeys) -> Outcome:
        found = _FINAL.fullmatch(response)
        if found is None:
            return Invalid("not a client-final-message")
        try:
            channel, proof = decode_base64(found["channel"]), decode_base64(found["proof"])
        except MalformedResponse as error:
            return Invalid(str(error))
        if not hmac.compare_digest(channel, self._header + self._bound()):
            return Invalid("another channel is bound")
        if found["nonce"] != self._client_nonce + self.terms.nonce.encode():
            return Invalid("another nonce")
        said = b",".join((self._bare, self._server_first, found["without_proof"]))
        signature = hmac.digest(keys.stored_key, said, "sha256")
        if len(proof) != len(signature):
            return Invalid("proof of another length")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(sha256(client_key).digest(), keys.stored_key):
            return Disproved(self._user)
        self._shown = True
        return Challenge(b"v=" + b64encode(hmac.digest(keys.server_key, said, "sha256")))

    def _bound(self) -> bytes:
        """The channel binding data that the client must know."""
        return b""


class ScramSha256Plus(ScramSha256):
    """With channel binding: somebody in between, with another certificate, cannot pass the exchange on."""

    __slots__ = ()

    def _binding_fault(self, _flag: bytes, binding: bytes | None) -> str:
        if self.terms.binding is None:
            return "no channel binding on this connection"
        return "" if binding == BINDING else "-PLUS without tls-server-end-point"

    def _bound(self) -> bytes:
        return self.terms.binding or b""


def _name(octets: bytes) -> str:
    """A saslname (RFC 5802 §5.1): `=2C` is a comma and `=3D` an equals sign. Raises ValueError."""
    if re.search(rb"=(?!2C|3D)", octets):
        raise ValueError("= that begins no escape")
    return saslprep(octets.replace(b"=2C", b",").replace(b"=3D", b"=").decode())
