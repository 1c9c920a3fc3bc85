"""What strangers' messages pass between parsing and their transaction: checks, a verdict, and what it does to the message.

A message from our own users, or from networks that are trusted, is not checked.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from mailstead.ops.logging import get_logger
from mailstead.ops.settings import Networks, contains
from mailstead.store.directory import Directory
from mailstead.store.mailbox_row import INBOX
from mailstead.wire.headers import split_header
from mailstead.wire.message import Parsed
from smtp_in.arrival import Arrival, TurnedAway
from smtp_in.checks.checker import Checker
from smtp_in.checks.findings import Findings, Identity, authentication_results
from smtp_in.checks.verdict import Fate, Rules, Verdict, judge
from smtp_in.metrics import Metrics
from smtp_in.targets import Copy, Placement

CHECKED = "mx"  # the listener; of what comes over LMTP, and what is submitted, others have answered for

log = get_logger()


@dataclass(frozen=True)
class Gate:
    """A planner (`arrival.Planner`). Raises TurnedAway, or Refused(UNAVAILABLE) as the directory does."""

    checker: Checker
    rules: Rules
    directory: Directory
    trusted: Networks
    metrics: Metrics

    async def __call__(self, arrival: Arrival, content: Parsed, now: datetime) -> Arrival:
        if arrival.listener != CHECKED or contains(self.trusted, arrival.hop.client):
            return arrival
        identity = Identity(arrival.hop.client, arrival.hop.hello_name, arrival.transaction.sender.path)
        found = await self.checker.check(identity, *_as_sent(arrival, content), int(now.timestamp()))
        verdict = judge(found, self.rules)
        self.metrics.verdict(verdict.fate.name.lower())
        if verdict.fate is not Fate.KEEP:
            log.info("verdict", trace_id=arrival.trace_id, fate=verdict.fate.name.lower(), reason=verdict.reason)
        if verdict.reply is not None:
            raise TurnedAway(verdict.reply)
        arrival = replace(arrival, findings=_header(arrival.hop.host, found, verdict))
        return await self._filed_as_junk(arrival) if verdict.fate is Fate.JUNK else arrival

    async def _filed_as_junk(self, arrival: Arrival) -> Arrival:
        """Copies for INBOX go to Junk instead, where an account has it. What somebody's script files is its own affair."""
        targets = arrival.transaction.targets
        accounts = {p.recipient.account_id for t in targets for p in t.placements if isinstance(p, Copy) and p.mailbox == INBOX}
        junk = await self.directory.junk_mailboxes(sorted(accounts)) if accounts else {}
        moved = [replace(target, placements=tuple(_moved(target.placements, junk))) for target in targets]
        return replace(arrival, transaction=replace(arrival.transaction, targets=moved))


def _as_sent(arrival: Arrival, content: Parsed) -> tuple[bytes, bytes | memoryview]:
    """Header and body before our rewrites, which what somebody signed may not have foreseen (promise D4)."""
    sent = arrival.content
    if isinstance(sent, bytearray) or len(content.header) + len(content.body) == len(sent):
        return content.header, content.body
    at = split_header(sent)
    return sent[:at], sent[at:]


def _header(host: str, found: Findings, verdict: Verdict) -> bytes:
    spam = b"X-Spam-Flag: YES\r\n" if verdict.fate is Fate.JUNK else b""
    return authentication_results(host, found) + spam


def _moved(placements: Iterable[Placement], junk: dict[int, str]) -> Iterable[Placement]:
    for placement in placements:
        if isinstance(placement, Copy) and placement.mailbox == INBOX:
            yield replace(placement, mailbox=junk.get(placement.recipient.account_id, INBOX))
        else:
            yield placement
