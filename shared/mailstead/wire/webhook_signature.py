"""How a webhook knows that an event is ours: the symmetric signatures of the Standard Webhooks specification, version 1.0.0.

A secret is 24 to 64 random octets, told as `whsec_` and their base64. What is signed is `id.timestamp.body`; a signature is told
as `v1,` and its base64, several of them with spaces between, of which one has to fit.
"""

import hashlib
import hmac
import secrets
from base64 import b64encode
from collections.abc import Sequence

OCTETS = 32  # of a secret that we make
_PREFIX = "whsec_"


def new_secret() -> bytes:
    return secrets.token_bytes(OCTETS)


def told(secret: bytes) -> str:
    """As its owner is shown it."""
    return _PREFIX + b64encode(secret).decode()


def signatures(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature with each secret that is good. `timestamp` in Unix seconds."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join("v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
