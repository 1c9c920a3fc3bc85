"""The commands of the authenticated state: what each one does to an account's scripts, and answers (RFC 5804 §2.5–2.12)."""

import asyncio

from mailstead.model.failure import Failure, Refused
from mailstead.store.sieve_scripts import SieveScripts
from mailstead.wire.sieve import Limits, Script, ScriptError, compile_script, is_script_name
from smtp_in.managesieve.replies import EMPTY_SCRIPT, Code, Reply, no, ok, reply_to, string


class Desk:
    """Scripts of one account, behind its authentication. Methods raise Refused as the store does."""

    def __init__(self, scripts: SieveScripts, limits: Limits, account_id: int) -> None:
        self._scripts = scripts
        self._limits = limits
        self._account_id = account_id

    async def have_space(self, name: str, octets: int) -> Reply:
        if not is_script_name(name):
            raise Refused(Failure.INVALID_NAME)
        if octets > self._limits.octets:
            return reply_to(Failure.TOO_LARGE)
        if not await self._scripts.has_room(self._account_id, name):
            return reply_to(Failure.TOO_MANY)
        return ok()

    async def put(self, name: str, octets: bytes) -> Reply:
        """What cannot be compiled is not stored (RFC 5804 §2.6)."""
        if not is_script_name(name):
            raise Refused(Failure.INVALID_NAME)
        compiled = await self._compiled(octets)
        if isinstance(compiled, Reply):
            return compiled
        await self._scripts.put(self._account_id, name, octets.decode())
        return _remarks(compiled)

    async def check(self, octets: bytes) -> Reply:
        compiled = await self._compiled(octets)
        return compiled if isinstance(compiled, Reply) else _remarks(compiled)

    async def list(self) -> bytes:
        """A line for each, ending in the final reply."""
        lines = [
            string(script.name) + (b" ACTIVE" if script.active else b"") + b"\r\n"
            for script in await self._scripts.list(self._account_id)
        ]
        return b"".join(lines) + ok().render()

    async def set_active(self, name: str) -> Reply:
        await self._scripts.activate(self._account_id, name or None)
        return ok()

    async def get(self, name: str) -> bytes:
        """The script as it was put, then the final reply."""
        _, text = await self._scripts.get(self._account_id, name)
        octets = text.encode()
        return b"{%d}\r\n%b\r\n" % (len(octets), octets) + ok().render()

    async def delete(self, name: str) -> Reply:
        await self._scripts.delete(self._account_id, name)
        return ok()

    async def rename(self, old: str, new: str) -> Reply:
        await self._scripts.rename(self._account_id, old, new)
        return ok()

    async def _compiled(self, octets: bytes) -> Script | Reply:
        if not octets:
            return EMPTY_SCRIPT
        if len(octets) > self._limits.octets:
            return reply_to(Failure.TOO_LARGE)
        try:
            return await asyncio.to_thread(compile_script, octets, self._limits)
        except ScriptError as error:
            return no(str(error))


def _remarks(script: Script) -> Reply:
    if not script.remarks:
        return ok()
    return ok("\r\n".join(map(str, script.remarks)), Code.WARNINGS)
