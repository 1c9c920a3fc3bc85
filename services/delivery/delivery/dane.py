"""DANE for SMTP (RFC 7672): whether the certificates that a host shows are those that its TLSA records name. Pure.

The records count only because DNSSEC vouches for them; `mx.py` sees to that.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

TRUST_ANCHOR = 2  # usage DANE-TA: the record names an authority
END_ENTITY = 3  # usage DANE-EE: the record names the host's own certificate
MAX_RECORDS = 20  # of one host that are looked at
MAX_CHAIN = 10  # certificates of one host that are looked at

_DIGESTS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: lambda octets: hashlib.sha256(octets).digest(),
    2: lambda octets: hashlib.sha512(octets).digest(),
}


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record (RFC 6698 §2.1): `selector` 0 is the certificate, 1 its public key; `matching` 0 whole, 1 SHA-256, 2 SHA-512."""

    usage: int
    selector: int
    matching: int
    data: bytes

    @property
    def usable(self) -> bool:
        """RFC 7672 §3.1.3: usages 0 and 1 are not for SMTP."""
        return self.usage in (TRUST_ANCHOR, END_ENTITY) and self.selector in (0, 1) and self.matching in _DIGESTS

    def names(self, certificate: bytes) -> bool:
        """Whether this record speaks of this certificate (DER). Raises ValueError for what is no certificate."""
        octets = certificate
        if self.selector == 1:
            public_key = x509.load_der_x509_certificate(certificate).public_key()
            octets = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _DIGESTS[self.matching](octets) == self.data


def authenticates(records: Sequence[Tlsa], chain: Sequence[bytes], host: str, now: datetime) -> bool:
    """Whether any record vouches for this chain (DER, the host's own certificate first)."""
    chain = chain[:MAX_CHAIN]
    return any(_vouches(record, chain, host, now) for record in records[:MAX_RECORDS] if record.usable)


def _vouches(record: Tlsa, chain: Sequence[bytes], host: str, now: datetime) -> bool:
    if not chain:
        return False
    try:
        if record.usage == END_ENTITY:  # RFC 7672 §3.1.1: neither names nor times of the certificate count
            return record.names(chain[0])
        anchors = [x509.load_der_x509_certificate(c) for c in chain[1:] if record.names(c)]
        if (record.selector, record.matching) == (0, 0):  # the whole certificate stands in the record, it need not be sent
            anchors.append(x509.load_der_x509_certificate(record.data))
        if not anchors:
            return False
        own, *others = [x509.load_der_x509_certificate(c) for c in chain]
        verifier = PolicyBuilder().store(Store(anchors)).time(now).build_server_verifier(x509.DNSName(host))
        verifier.verify(own, others)  # RFC 7672 §3.1.2, §3.2.3: the names count
    except (ValueError, VerificationError):
        return False
    return True
