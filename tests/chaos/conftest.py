"""A whole system that may be broken: its own, so that no other test meets what is broken here."""

import asyncio
from collections.abc import Iterator

import pytest

from kit.stack import Stack


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory, stack_settings: dict[str, str]) -> Iterator[Stack]:
    """Started once for a file; sound at its end."""
    made = Stack(tmp_path_factory.mktemp("victim"), stack_settings)
    try:
        made.start_all()
        yield made
        assert asyncio.run(made.violations()) == []
        assert made.surprises() == []
    finally:
        made.stop_all()
