"""The IMAP service as it is, over a real database and loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from imap.app import imap
from imap.settings import ImapSettings
from kit.certificates import TestAuthority
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from mailstead.ops.lifecycle import Runtime
from mailstead.store.engine import open_database
from mailstead.store.provisioning import Provisioning
from unit.imap.serving import DOMAIN, House, Person, Replica, StartReplica


@pytest.fixture
async def house(database_urls: DatabaseUrls) -> AsyncIterator[House]:
    async with open_database(database_urls.owner, pool_size=2) as owner:
        await Provisioning(owner).create_domain(DOMAIN)
        yield House(owner)


@pytest.fixture
async def alice(house: House) -> Person:
    return await house.person()


@pytest.fixture
def replica(database_urls: DatabaseUrls, authority: TestAuthority) -> StartReplica:
    """`async with replica(imap_idle_seconds=1) as server:`; passwords are taken in the clear unless settings say otherwise."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Replica]:
        values: dict[str, Any] = {
            "database_url": database_urls.imap,
            "hostname": "mail.test",
            "observe_port": 0,
            "drain_seconds": 2,
            "tls_certificate": authority.certificate,
            "tls_key": authority.key,
            "imap_port": free_port(),
            "imap_tls_port": free_port(),
            "imap_failure_delay": 0,
            "plaintext_auth_networks": "127.0.0.0/8",
        }
        settings = ImapSettings(**(values | changes))
        runtime = Runtime("imap", settings)
        async with imap(settings, runtime):
            yield Replica(settings, runtime)
        await runtime.end_tasks()

    return start
