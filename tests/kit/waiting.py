"""Waiting for a condition, with a deadline; never a sleep that hopes."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

STEP = 0.01


async def eventually(condition: Callable[[], object | Awaitable[object]], seconds: float = 20, what: str = "") -> None:
    """Until `condition()` (awaited if it is a coroutine) is true. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or inspect.getsource(condition).strip()}"
        await asyncio.sleep(STEP)


def eventually_now(condition: Callable[[], object], seconds: float = 20, what: str = "") -> None:
    """The same where no event loop runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or inspect.getsource(condition).strip()}"
        time.sleep(STEP)
