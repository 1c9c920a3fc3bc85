"""The certificate a listener shows, read again when its files change.

Handshakes take `files.context` anew, so connections that are open keep what they have and new ones get the new certificate.
"""

import asyncio
import contextlib
import hashlib
import ssl
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from mailstead.ops.logging import get_logger

CHECK_SECONDS = 10.0

log = get_logger()


class ServerContext(ssl.SSLContext):
    """The context of one certificate. A connection knows which of them its handshake used."""

    end_point: bytes | None = None  # channel binding data tls-server-end-point; None where none is defined
    key_digest: bytes = b""  # SHA-256 of its public key, as TLSA records of the form 3 1 1 have it (RFC 7671 §5.1)


class TlsFiles:
    """A certificate chain and its key on disk. Raises OSError or ssl.SSLError at construction when they cannot be used."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._looked_at = self._state()
        self._context = self._load()

    @property
    def context(self) -> ServerContext:
        """What the next handshake is to use."""
        return self._context

    async def refresh(self) -> Literal["unchanged", "loaded", "broken"]:
        """Look once. A pair that cannot be loaded (half-written, mismatched, gone) leaves the one in use."""
        state = await asyncio.to_thread(self._state)
        if state == self._looked_at:
            return "unchanged"
        self._looked_at = state
        try:
            self._context = await asyncio.to_thread(self._load)
        except (OSError, ssl.SSLError, ValueError) as error:
            log.error("certificate not usable, keeping the one before", certificate=str(self._certificate), reason=str(error))
            return "broken"
        log.info("certificate loaded", certificate=str(self._certificate))
        return "loaded"

    def _state(self) -> tuple[int, ...]:
        """Of both files: inode, size, time of change; shorter when one is missing.

        Symbolic links are followed, for a mounted Kubernetes secret is renewed by swapping one.
        """
        state: list[int] = []
        for path in (self._certificate, self._key):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                state += (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return tuple(state)

    def _load(self) -> ServerContext:
        context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8997, RFC 9325 §3.1.1
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_cert_chain(self._certificate, self._key)
        chain = self._certificate.read_bytes()
        context.end_point = end_point(chain)
        context.key_digest = key_digest(chain)
        return context


def end_point(chain: bytes) -> bytes | None:
    """The channel binding tls-server-end-point of the first certificate of a PEM chain (RFC 5929 §4.1).

    None where its signature algorithm uses no hash of its own, as Ed25519. Raises ValueError for what is no certificate.
    """
    certificate = x509.load_pem_x509_certificates(chain)[0]
    used = certificate.signature_hash_algorithm
    if used is None:
        return None
    return certificate.fingerprint(hashes.SHA256() if isinstance(used, hashes.MD5 | hashes.SHA1) else used)


def key_digest(chain: bytes) -> bytes:
    """SHA-256 of the public key of the first certificate of a PEM chain. Raises ValueError for what is no certificate."""
    key = x509.load_pem_x509_certificates(chain)[0].public_key()
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).digest()
