"""A real NATS server for tests, which can be taken away and given back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.ports import free_port
from mailstead_local.nats import READY_SECONDS, answers, nats_server, nats_url


class NatsServer:
    """`start` and `kill` it as often as a test likes; the address stays."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = nats_url(self.port, "only-for-tests")
        self._child = nats_server(folder, folder / "nats.log", self.port, "only-for-tests")

    def start(self) -> None:
        self._child.start()
        self._child.wait_until(lambda: answers(self.port), READY_SECONDS)

    def kill(self) -> None:
        self._child.kill()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A server of this test's own, running."""
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()
