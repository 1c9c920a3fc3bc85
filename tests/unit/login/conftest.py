"""IMAP, POP3 and submission over one database, each with every mechanism on offer."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr

from imap.app import imap
from imap.settings import ImapSettings
from kit.certificates import TestAuthority
from kit.issuer import AUDIENCE, Issuer, running_issuer
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from mailstead.model.address import Address
from mailstead.ops.lifecycle import Runtime
from mailstead.store.engine import Database, open_database
from mailstead.store.provisioning import Provisioning
from mailstead.wire.sasl import derive_keys
from pop3.app import pop3
from pop3.settings import Pop3Settings
from smtp_in.app import smtp_in
from smtp_in.settings import Settings as SmtpSettings

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Services:
    """Ports with TLS from the start, by protocol, and whose the one account is."""

    ports: dict[str, int]
    owner: Database
    issuer: Issuer
    account_id: int
    address: str


StartServices = Callable[..., AbstractAsyncContextManager[Services]]


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as running:
        yield running


@pytest.fixture
def services(database_urls: DatabaseUrls, authority: TestAuthority, issuer: Issuer) -> StartServices:
    """`async with services(login_recheck_seconds=1) as running:`."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Services]:
        ports = {"imap": free_port(), "pop3": free_port(), "smtp": free_port()}
        common: dict[str, Any] = {
            "hostname": "mail.test",
            "observe_port": 0,
            "drain_seconds": 2,
            "tls_certificate": authority.certificate,
            "tls_key": authority.key,
            "scram": True,
            "oauth_issuer": issuer.url,
            "oauth_audience": AUDIENCE,
            **changes,
        }
        urls = {name: SecretStr(database_urls.of(f"mailstead_{name}")) for name in ("imap", "pop3", "smtp_in")}
        imap_settings = ImapSettings(
            database_url=urls["imap"], imap_port=0, imap_tls_port=ports["imap"], imap_failure_delay=0, **common
        )
        pop3_settings = Pop3Settings(
            database_url=urls["pop3"], pop3_port=0, pop3_tls_port=ports["pop3"], pop3_failure_delay=0, **common
        )
        smtp_settings = SmtpSettings(
            database_url=urls["smtp_in"],
            smtp_port=0,
            submission_port=0,
            submission_tls_port=ports["smtp"],
            lmtp_port=0,
            managesieve_port=0,
            **common,
        )
        async with AsyncExitStack() as stack:
            owner = await stack.enter_async_context(open_database(database_urls.owner, pool_size=2))
            provisioning = Provisioning(owner)
            await provisioning.create_domain("a.test")
            await provisioning.update_domain("a.test", scram=True)
            cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
            keys = derive_keys(PASSWORD, b"0123456789abcdef")
            alice = await provisioning.create_account(Address.parse("alice@a.test"), cheap, 0, scram=keys)
            runtimes = [Runtime(each, imap_settings) for each in ("imap", "pop3", "smtp-in")]
            await stack.enter_async_context(imap(imap_settings, runtimes[0]))
            await stack.enter_async_context(pop3(pop3_settings, runtimes[1]))
            await stack.enter_async_context(smtp_in(smtp_settings, runtimes[2]))
            yield Services(ports, owner, issuer, alice.account_id, alice.address)
        for runtime in runtimes:
            await runtime.end_tasks()

    return start
