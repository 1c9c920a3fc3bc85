"""The POP3 service as it is, over a real database and loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kit.certificates import TestAuthority
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from mailstead.model.address import Address
from mailstead.ops.lifecycle import Runtime
from mailstead.store.engine import open_database
from mailstead.store.provisioning import Provisioning
from pop3.app import pop3
from pop3.settings import Pop3Settings
from unit.pop3.serving import CHEAP, PASSWORD, Account, Replica, StartReplica


@pytest.fixture
async def alice(database_urls: DatabaseUrls) -> AsyncIterator[Account]:
    """An account with nothing in its INBOX."""
    async with open_database(database_urls.owner, pool_size=2) as owner:
        provisioning = Provisioning(owner)
        await provisioning.create_domain("a.test")
        row = await provisioning.create_account(Address.parse("alice@a.test"), CHEAP.hash(PASSWORD), 0)
        yield Account(owner, row.account_id, row.tenant_id, row.address, PASSWORD)


@pytest.fixture
def replica(database_urls: DatabaseUrls, authority: TestAuthority) -> StartReplica:
    """`async with replica(pop3_idle_seconds=1) as server:`; passwords are taken in the clear unless settings say otherwise."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Replica]:
        values: dict[str, Any] = {
            "database_url": database_urls.pop3,
            "hostname": "mail.test",
            "observe_port": 0,
            "drain_seconds": 5,
            "tls_certificate": authority.certificate,
            "tls_key": authority.key,
            "pop3_port": free_port(),
            "pop3_tls_port": free_port(),
            "pop3_failure_delay": 0,
            "plaintext_auth_networks": "127.0.0.0/8",
        }
        settings = Pop3Settings(**(values | changes))
        runtime = Runtime("pop3", settings)
        async with pop3(settings, runtime):
            yield Replica(settings.pop3_port, settings.pop3_tls_port, runtime)
        await runtime.end_tasks()

    return start
