"""A certificate authority for one test run, and what a client needs to trust it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailstead.ops.own_certificate import Certificates

NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class TestAuthority:
    """`certificate` and `key` are what a service takes; `ca_file` and `client_context` are the client's side."""

    __test__ = False
    files: Certificates

    @property
    def certificate(self) -> Path:
        return self.files.certificate

    @property
    def key(self) -> Path:
        return self.files.key

    @property
    def ca_file(self) -> Path:
        return self.files.authority

    def client_context(self) -> ssl.SSLContext:
        """Verifies as a mail client does."""
        return ssl.create_default_context(cafile=str(self.ca_file))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """One authority and one server certificate for `NAMES`. Tests that replace files make their own."""
    return make_authority(tmp_path_factory.mktemp("certificates"))


def make_authority(folder: Path) -> TestAuthority:
    files = Certificates(folder)
    files.ensure(NAMES)
    return TestAuthority(files)
