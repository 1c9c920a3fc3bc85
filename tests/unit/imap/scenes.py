r"""Dialogs of several clients with one server, as text: steps of `kit.transcripts` behind the name of the client who takes them.

    ann C: a NOOP        the client `ann`, who connects with her first step
    bob S: * 3 EXISTS
    DATABASE AWAY        from here on every connection to the database is refused, and the open ones are cut
    DATABASE BACK

All clients log in to one account: `${user}` and `${password}` are its.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kit.transcripts import QUIET_SECONDS, REPLY_SECONDS, Dialog, Kind, Step, parse

Turn = Callable[[bool], Awaitable[None]]
"""Makes the database reachable, or not."""


@dataclass
class _Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    dialog: Dialog

    async def take(self, step: Step, folder: Path) -> None:
        match step.kind:
            case Kind.SEND_LINE | Kind.SEND_OCTETS | Kind.SEND_FILE:
                self.writer.write(self.dialog.octets(step, folder))
                await self.writer.drain()
            case Kind.EXPECT_NOTHING:
                await self._listen(QUIET_SECONDS)
                self.dialog.expect(step)
            case Kind.EXPECT_CLOSED:
                while await self._listen(REPLY_SECONDS):
                    pass
                self.dialog.expect_closed(step, b"" if self.reader.at_eof() else None)
            case Kind.HANG_UP:
                self.writer.close()
            case _:
                while not self.dialog.is_answered(step) and await self._listen(REPLY_SECONDS):
                    pass
                self.dialog.expect(step)

    async def _listen(self, seconds: float) -> bool:
        """Whether anything came in time."""
        try:
            async with asyncio.timeout(seconds):
                more = await self.reader.read(65536)
        except (TimeoutError, ConnectionError):
            return False
        self.dialog.received += more
        return bool(more)


async def play_scene(path: Path, host: str, port: int, variables: Mapping[str, str], turn: Turn) -> None:
    clients: dict[str, _Client] = {}
    captured = dict(variables)
    try:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            who, _, what = line.partition(" ")
            if who == "DATABASE":
                await turn(what == "BACK")
                continue
            if who not in clients:
                clients[who] = _Client(*await asyncio.open_connection(host, port), Dialog(captured))
            (step,) = parse(what).steps
            client = clients[who]
            client.dialog.variables.update(captured)
            await client.take(Step(f"{path.name}:{number}", step.kind, step.text), path.parent)
            captured.update(client.dialog.variables)
        for client in clients.values():
            client.dialog.expect_end(parse("", path))
    finally:
        for client in clients.values():
            client.writer.close()
