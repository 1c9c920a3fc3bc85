"""Scripts ready to run: read from the store once for each revision, compiled, and remembered within bounds (promise S3)."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from mailstead.ops.logging import get_logger
from mailstead.store.sieve_scripts import ActiveScript, SieveScripts
from mailstead.wire.sieve import Limits, Script, ScriptError, compile_script

IN_THREAD = 8 * 1024  # octets; compiling more would hold up the loop for more than a few milliseconds
REMEMBERED_OCTETS = 8 * 1024 * 1024  # of the texts of compiled scripts

log = get_logger()


@dataclass(frozen=True, slots=True)
class Ready:
    """A compiled script, its size as text, and the addresses of its owner, the account's own first."""

    script: Script
    octets: int
    addresses: tuple[str, ...]


class Scripts:
    """In front of `SieveScripts`. Raises Refused(UNAVAILABLE) as it does."""

    def __init__(self, store: SieveScripts, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._known: OrderedDict[tuple[int, UUID], Ready] = OrderedDict()
        self._octets = 0

    async def load(self, wanted: Mapping[int, UUID]) -> dict[int, Ready]:
        """The scripts of these accounts, by one statement for all that are not remembered.

        `wanted` names the revision that is active as far as is known; what is active by now is loaded. An account whose script
        has gone meanwhile, or cannot be compiled any more, is left out: its mail is kept.
        """
        found: dict[int, Ready] = {}
        for account_id, revision in wanted.items():
            known = self._known.get((account_id, revision))
            if known is not None:
                self._known.move_to_end((account_id, revision))
                found[account_id] = known
        unknown = [account_id for account_id in wanted if account_id not in found]
        if unknown:
            for account_id, active in (await self._store.active(unknown)).items():
                ready = await self._compiled(active)
                if ready is not None:
                    found[account_id] = ready
        return found

    async def mailbox_names(self, account_ids: Sequence[int]) -> dict[int, frozenset[str]]:
        """The mailboxes of these accounts; no statement for none."""
        return await self._store.mailbox_names(account_ids) if account_ids else {}

    async def _compiled(self, active: ActiveScript) -> Ready | None:
        octets = active.text.encode()
        try:
            if len(octets) > IN_THREAD:
                script = await asyncio.to_thread(compile_script, octets, self._limits)
            else:
                script = compile_script(octets, self._limits)
        except ScriptError as error:
            log.warning("an active script cannot be compiled, mail is kept", account_id=active.account_id, reason=str(error))
            return None
        ready = Ready(script, len(octets), active.addresses)
        key = (active.account_id, active.revision)
        if key not in self._known:
            self._octets += ready.octets
        self._known[key] = ready
        while self._octets > REMEMBERED_OCTETS and len(self._known) > 1:
            _, forgotten = self._known.popitem(last=False)
            self._octets -= forgotten.octets
        return ready
