"""Attempts to send messages, each with a stamp of its own, and what of them is in the mailboxes afterwards."""

import asyncio
import imaplib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from kit.sending import send
from kit.stack import Stack
from mailstead_local.demo import Person
from mailstead_local.ports import HOST

ATTEMPT_SECONDS = 20  # longer than the server takes to give up on a database that is away
PAUSE_SECONDS = 0.05  # before a message is tried again, as a client would not hammer either


@dataclass
class Attempts:
    """`made` and `acknowledged` hold stamps; an attempt that nobody answered is in `made` alone."""

    stack: Stack
    people: Sequence[Person]
    made: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)

    async def deliver(self, messages: range, sessions: int) -> None:
        """Each message to one of the people, tried until it is acknowledged, `sessions` at once."""
        waiting = iter(messages)

        async def session() -> None:
            for number in waiting:
                attempt = 0
                while not await self._attempt(number, attempt):
                    attempt += 1
                    await asyncio.sleep(PAUSE_SECONDS)

        async with asyncio.TaskGroup() as group:
            for _ in range(sessions):
                group.create_task(session())

    async def _attempt(self, number: int, attempt: int) -> bool:
        stamp = f"{number}.{attempt}"
        self.made.add(stamp)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                recipient = self.people[number % len(self.people)].user
                content = f"To: <{recipient}>\r\nX-Attempt: {stamp}\r\n\r\n" + "A line of text.\r\n" * 50
                answered = await send(self.stack.ports.smtp, recipient, content.encode()) is not None
        except (OSError, EOFError, TimeoutError):
            answered = False
        if answered:
            self.acknowledged.add(stamp)
        return answered

    def found(self) -> Counter[str]:
        """How often each stamp is in the mailboxes, as IMAP shows them."""
        stamps: Counter[str] = Counter()
        for person in self.people:
            with imaplib.IMAP4_SSL(HOST, self.stack.ports.imap_tls, ssl_context=self.stack.client_context()) as imap:
                imap.login(person.user, person.password)
                imap.select("INBOX", readonly=True)
                _, answers = imap.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (X-Attempt)])")
                stamps.update(stamp.decode() for answer in answers for stamp in re.findall(rb"X-Attempt: (\S+)", _octets(answer)))
        return stamps


def _octets(answer: object) -> bytes:
    return answer[1] if isinstance(answer, tuple) else b""
