"""Calls that come at the same time are answered by one statement for all of them; while one is under way the next gathers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import is_outage

Q = TypeVar("Q")
A = TypeVar("A")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Q, A]):
    question: Q
    done: "asyncio.Future[A]"


class Together(Generic[Q, A]):
    """Of `answer` each question gets its own answer, or its own refusal; a batch that fails is bisected down to the culprit."""

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A | Refused]]], *, at_most: int) -> None:
        self._answer = answer
        self._at_most = at_most
        self._waiting: deque[_Waiting[Q, A]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Raises Refused. A question is not taken back by cancelling who asked."""
        waiting = _Waiting[Q, A](question, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="answering together")
        return await waiting.done

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                batch = [self._waiting.popleft() for _ in range(min(self._at_most, len(self._waiting)))]
                await self._settle(batch)
        finally:
            self._worker = None

    async def _gather(self) -> None:
        """One turn of the event loop after the other while each brings more; see `Ingest`."""
        known = 0
        while known < len(self._waiting) < self._at_most:
            known = len(self._waiting)
            await asyncio.sleep(0)

    async def _settle(self, batch: Sequence[_Waiting[Q, A]]) -> None:
        try:
            answers = await self._answer([waiting.question for waiting in batch])
        except Refused as refused:
            await self._bisect(batch, refused)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with a batch must not end the others (promise D5)
            await self._bisect(batch, Refused(Failure.UNAVAILABLE, f"{type(error).__name__}: {error}"))
        else:
            for waiting, answer in zip(batch, answers, strict=True):
                _tell(waiting, answer)

    async def _bisect(self, batch: Sequence[_Waiting[Q, A]], refused: Refused) -> None:
        if len(batch) == 1 or is_outage(refused):
            for waiting in batch:
                _tell(waiting, refused)
            return
        middle = len(batch) // 2
        await self._settle(batch[:middle])
        await self._settle(batch[middle:])


def _tell(waiting: _Waiting[Q, A], answer: A | Refused) -> None:
    if waiting.done.done():
        return  # the caller has gone; what is committed stands
    if isinstance(answer, Refused):
        waiting.done.set_exception(answer)
    else:
        waiting.done.set_result(answer)
