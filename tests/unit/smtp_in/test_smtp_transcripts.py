"""Every transcript over TCP and TLS, whole and one octet at a time. A file's first word says on which listener it is played."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kit.certificates import TestAuthority
from kit.transcripts import Split, load, play_live, transcripts
from mailstead.model.address import Address
from mailstead.model.failure import Failure, Refused
from mailstead.store.delivery import Delivery, Receipt
from mailstead.store.directory import Directory, DomainRef, Recipient


class AwayDirectory(Directory):
    """What every look-up is when the database is away."""

    async def recipient(self, address: Address) -> Recipient | None:
        raise Refused(Failure.UNAVAILABLE, "connection refused by 10.0.0.7:5432")

    async def local_domain(self, domain: str) -> DomainRef | None:
        raise Refused(Failure.UNAVAILABLE, "connection refused by 10.0.0.7:5432")


class BrokenCommitter:
    """A bug: an error that nobody has foreseen."""

    def __init__(self, _real: object) -> None:
        pass

    async def deliver(self, delivery: Delivery) -> Receipt:
        raise RuntimeError("secret of the inside")


SETTINGS: dict[str, dict[str, Any]] = {
    "plain-auth": {"plaintext_auth_networks": "127.0.0.0/8"},
    "failing-store": {"directory": lambda real: AwayDirectory(real._database)},
    "failing-commit": {"committer": BrokenCommitter},
}
LISTENERS = {"mx": "mx", "submission": "submission", "submissions": "submissions", "plain": "submission", "failing": "mx"}


@pytest.mark.parametrize("split", Split, ids=lambda split: split.value)
@pytest.mark.parametrize("path", transcripts("smtp"))
async def test_transcript(
    path: Path, split: Split, serve: Callable[..., Awaitable[Any]], authority: TestAuthority, variables: dict[str, str]
) -> None:
    served = await serve(**SETTINGS.get(path.stem, {}))
    listener = served.listeners[LISTENERS[path.stem.partition("-")[0]]]
    context = authority.client_context()
    await play_live(
        load(path),
        "127.0.0.1",
        listener.port,
        variables,
        tls=context if path.stem.startswith("submissions") else None,
        starttls=context,
        split=split,
    )
