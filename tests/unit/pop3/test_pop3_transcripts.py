"""The dialogs of tests/transcripts/pop3: over TCP and TLS, whole lines and single octets; afterwards the right mail is left."""

from pathlib import Path

import pytest

from kit.certificates import TestAuthority
from kit.transcripts import OCTETS, WHOLE, load, play_live, transcripts
from kit.waiting import eventually
from unit.pop3.serving import MESSAGES, Account, StartReplica

DELETES = {"session": [2, 3], "pipelining": [1, 2]}  # transcript -> what is left; all the others leave all


@pytest.mark.parametrize("path", transcripts("pop3"))
async def test_dialog(path: Path, alice: Account, replica: StartReplica, authority: TestAuthority) -> None:
    async with replica() as server:
        for way in ("whole lines", "single octets", "TLS"):
            await alice.empty()
            await alice.fill(MESSAGES)
            before = await alice.uids()
            await play_live(
                load(path),
                "127.0.0.1",
                server.tls_port if way == "TLS" else server.port,
                alice.variables(),
                tls=authority.client_context() if way == "TLS" else None,
                split=OCTETS if way == "single octets" else WHOLE,
            )
            await eventually(lambda: server.counted("mailstead_connections_open", listener="pop3") == 0)
            left = DELETES.get(path.stem, [1, 2, 3])
            assert await alice.uids() == [before[number - 1] for number in left], way


@pytest.mark.parametrize("path", transcripts("pop3/secured"))
async def test_dialog_without_passwords_in_the_clear(
    path: Path, alice: Account, replica: StartReplica, authority: TestAuthority
) -> None:
    await alice.fill(MESSAGES)
    async with replica(plaintext_auth_networks="") as server:
        await play_live(load(path), "127.0.0.1", server.port, alice.variables(), starttls=authority.client_context())
