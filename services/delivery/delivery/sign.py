"""Signs what leaves with the active keys of its author's domain, RSA and Ed25519 together (RFC 6376, RFC 8463 §3)."""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from delivery.metrics import Metrics
from mailstead.model.address import Address
from mailstead.store.engine import Database
from mailstead.store.queued import Leased
from mailstead.store.signing_keys import ActiveKey, active_keys
from mailstead.wire.addresses import parse_addresses
from mailstead.wire.dkim import Algorithm, BodyHash, names_to_sign, signed_field, signing_input, unsigned_field
from mailstead.wire.headers import first_values, unfold

REMEMBERED_SECONDS = 60.0  # after which a key that was activated or retired elsewhere is noticed
REMEMBERED_DOMAINS = 10_000
THREADS = 2


@dataclass(frozen=True, slots=True)
class _Key:
    selector: str
    algorithm: Algorithm
    private: RSAPrivateKey | Ed25519PrivateKey

    @classmethod
    def of(cls, key: ActiveKey) -> "_Key":
        private = load_der_private_key(key.private_key, None)
        assert isinstance(private, RSAPrivateKey | Ed25519PrivateKey)
        return cls(key.selector, key.algorithm, private)

    def sign(self, octets: bytes) -> bytes:
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(octets, PKCS1v15(), hashes.SHA256())
        return self.private.sign(hashlib.sha256(octets).digest())  # RFC 8463 §3: the hash is what Ed25519 signs


class Signer:
    """Keys are read once a minute for each domain at most."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sign")
        self._known: OrderedDict[tuple[int, str], tuple[float, tuple[_Key, ...]]] = OrderedDict()

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def fields(self, leased: Leased, header: bytes, body: AsyncIterator[bytes]) -> bytes:
        """The signature fields that go before `header`; empty where no domain of the message has keys. Raises Refused."""
        for domain in _domains(header, leased.sender):
            keys = await self._keys(leased.tenant_id, domain)
            if keys:
                hashed = BodyHash()
                async for octets in body:
                    hashed.update(octets)
                made = await asyncio.get_running_loop().run_in_executor(
                    self._threads, _sign, keys, domain, header, hashed.digest(), datetime.now(UTC)
                )
                for key in keys:
                    self._metrics.signed.labels(key.algorithm.value).inc()
                return made
        return b""

    async def _keys(self, tenant_id: int, domain: str) -> tuple[_Key, ...]:
        found = self._known.get((tenant_id, domain))
        if found is not None and found[0] > time.monotonic():
            return found[1]
        keys = tuple(map(_Key.of, await active_keys(self._database, tenant_id, domain)))
        self._known[tenant_id, domain] = time.monotonic() + REMEMBERED_SECONDS, keys
        self._known.move_to_end((tenant_id, domain))
        while len(self._known) > REMEMBERED_DOMAINS:
            self._known.popitem(last=False)
        return keys


def _domains(header: bytes, sender: str) -> list[str]:
    """Whose keys may sign: the author's domain, which is what DMARC aligns with; else the envelope sender's."""
    authors = parse_addresses(unfold(first_values(header).get(b"from", b"")))
    hosts = [author.host.decode("ascii", "replace").lower() for author in authors if author.host]
    if sender:
        hosts.append(Address.parse(sender).domain.lower())
    return list(dict.fromkeys(hosts))[:2]


def _sign(keys: tuple[_Key, ...], domain: str, header: bytes, body_hash: bytes, now: datetime) -> bytes:
    names = names_to_sign(header)
    made = b""
    for key in keys:
        unsigned = unsigned_field(names, body_hash, algorithm=key.algorithm, domain=domain, selector=key.selector, now=now)
        made += signed_field(unsigned, key.sign(signing_input(header, names, unsigned)))
    return made
