"""A whole system that may be broken: its own, so that no other test meets what is broken here."""

import asyncio
from collections.abc import Iterator

import pytest

from kit.stack import Stack

CATCH_UP_SECONDS = 2


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory, stack_settings: dict[str, str]) -> Iterator[Stack]:
    """Started once for a file; sound at its end."""
    settings = {"MAILSTEAD_IMAP_CATCH_UP_SECONDS": str(CATCH_UP_SECONDS)}
    made = Stack(tmp_path_factory.mktemp("victim"), stack_settings | settings)
    try:
        made.start_all()
        yield made
        assert asyncio.run(made.violations()) == []
        assert made.surprises() == []
    finally:
        made.stop_all()
