"""A certificate authority of our own, and a server certificate from it that is renewed before it runs out.

For trying the system where nobody else vouches for it: `python -m mailstead.ops.own_certificate FOLDER NAME …`.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397  # what mail clients accept at most from an authority they were told to trust
RENEW_DAYS = 30
_SKEW = timedelta(minutes=5)  # for clocks that are behind ours


class Certificates:
    """PEM files in one folder: `ca.pem`, `ca.key`, `server.pem` (with its chain), `server.key`."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "ca.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        self._authority_key = folder / "ca.key"

    def ensure(self, names: tuple[str, ...]) -> None:
        """Make what is missing or close to its end, for these host names and addresses."""
        if not (self.authority.exists() and self._authority_key.exists()):
            self._make_authority()
        if not (self.certificate.exists() and self.key.exists()) or self._runs_out() or self._names() != set(names):
            self.issue(names)

    def issue(self, names: tuple[str, ...]) -> None:
        """A new server certificate in place of the one before."""
        authority = x509.load_pem_x509_certificate(self.authority.read_bytes())
        signer = serialization.load_pem_private_key(self._authority_key.read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), authority.subject, key, SERVER_DAYS)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        write_private(self.key, _pem_of_key(key))
        write_private(self.certificate, _pem(certificate) + _pem(authority))

    def _make_authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mailstead on this machine")])
        certificate = (
            _builder(name, name, key, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(self._authority_key, _pem_of_key(key))
        write_private(self.authority, _pem(certificate))

    def _server(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())

    def _runs_out(self) -> bool:
        return self._server().not_valid_after_utc < datetime.now(UTC) + timedelta(days=RENEW_DAYS)

    def _names(self) -> set[str]:
        found = self._server().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return {*found.get_values_for_type(x509.DNSName), *(str(ip) for ip in found.get_values_for_type(x509.IPAddress))}


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole; at no moment is it readable by others or half-written."""
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit("usage: python -m mailstead.ops.own_certificate FOLDER NAME ...")
    try:
        Certificates(Path(sys.argv[1])).ensure(tuple(sys.argv[2:]))
    except OSError as error:
        sys.exit(f"no certificate made: {error}")


if __name__ == "__main__":
    main()
