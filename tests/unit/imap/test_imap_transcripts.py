"""The dialogs of `tests/transcripts/imap`, played to the service on a real PostgreSQL."""

from pathlib import Path

import pytest

from imap.app import imap
from imap.settings import ImapSettings
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from kit.transcripts import OCTETS, WHOLE, Split, load, play_live, transcripts
from mailstead.model.address import Address
from mailstead.ops.lifecycle import Runtime
from mailstead.store.directory import Directory
from mailstead.store.engine import open_database
from mailstead.store.passwords import Passwords
from mailstead.store.provisioning import Provisioning

USER, PASSWORD = "alice@a.test", "secret"


@pytest.mark.parametrize("split", [WHOLE, OCTETS], ids=["whole", "octets"])
@pytest.mark.parametrize("path", transcripts("imap"))
async def test_transcript(path: Path, split: Split, database_urls: DatabaseUrls) -> None:
    async with open_database(database_urls.service("api"), pool_size=1) as db:
        passwords = Passwords(Directory(db))
        provisioning = Provisioning(db)
        await provisioning.create_domain("a.test")
        await provisioning.create_account(Address.parse(USER), await passwords.hash(PASSWORD), 0)
        passwords.close()
    port = free_port()
    values = {"hostname": "mail.test", "observe_port": 0, "imap_port": port, "plaintext_auth_networks": "127.0.0.0/8"}
    settings = ImapSettings(database_url=database_urls.imap, drain_seconds=2, imap_failure_delay=0, **values)  # type: ignore[arg-type]
    async with imap(settings, Runtime("imap", settings)):
        await play_live(load(path), "127.0.0.1", port, {"user": USER, "password": PASSWORD}, split=split)
