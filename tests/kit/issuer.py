"""An OpenID Connect issuer on loopback: it publishes its configuration and keys, and signs what a test asks for."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from kit.ports import free_port

AUDIENCE = "mailstead"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Issuer:
    """`requests` are the paths that were asked for; `away` makes it fail."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.keys: dict[str, tuple[str, PrivateKey]] = {}
        self.requests: list[str] = []
        self.away = False
        self.document: bytes | None = None  # instead of the keys
        self.add("rsa", "RS256", rsa.generate_private_key(65537, 2048))

    def add(self, key_id: str, algorithm: str, key: PrivateKey) -> None:
        """Publish one more key."""
        self.keys[key_id] = (algorithm, key)

    def token(self, address: str, key_id: str = "rsa", **changes: Any) -> str:
        """A good one; a claim that is changed to None is left out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "exp": now + 300, "email": address, "scope": "openid mail"} | changes
        algorithm, key = self.keys[key_id]
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, key, algorithm, headers={"kid": key_id})

    def published(self) -> dict[str, Any]:
        """The JWK set (RFC 7517 §5)."""
        return {"keys": [_public(key) | {"kid": key_id, "use": "sig"} for key_id, (_, key) in self.keys.items()]}

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        self.requests.append(path)
        status, body = 404, b"{}"
        if self.away:
            status = 503
        elif path == "/.well-known/openid-configuration":
            status, body = 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        elif path == "/keys":
            status, body = 200, self.document or json.dumps(self.published()).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(body), body))
        writer.close()


def _public(key: PrivateKey) -> dict[str, Any]:
    match key:
        case rsa.RSAPrivateKey():
            return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ed25519.Ed25519PrivateKey():
            return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer(free_port())
    server = await asyncio.start_server(issuer.answer, "127.0.0.1", issuer.port)
    try:
        yield issuer
    finally:
        server.close()
