"""What strangers' messages pass between parsing and their transaction: checks, a verdict, and what it does to the message.

A message from our own users, or from networks that are trusted, is not checked.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from mailstead.ops.logging import get_logger
from mailstead.ops.settings import Networks, contains
from mailstead.store.directory import Directory
from mailstead.store.greylist import Greylist
from mailstead.store.mailbox_row import INBOX
from mailstead.wire.headers import split_header
from mailstead.wire.message import Parsed
from smtp_in.abuse.door import network_of
from smtp_in.arrival import Arrival, TurnedAway
from smtp_in.checks.checker import Checker
from smtp_in.checks.findings import Findings, Identity, authentication_results, spam_header
from smtp_in.checks.verdict import GREYLISTED, Fate, Rules, Thresholds, Verdict, is_doubtful, judge
from smtp_in.metrics import Metrics
from smtp_in.targets import Copy, Placement, Target

CHECKED = "mx"  # the listener; of what comes over LMTP, and what is submitted, others have answered for

log = get_logger()


@dataclass(frozen=True)
class Gate:
    """A planner (`arrival.Planner`). Raises TurnedAway, or Refused(UNAVAILABLE) as the directory does.

    `greylist` is None where nobody is put off; `puts_off` says whom of those that it does not know.
    """

    checker: Checker
    rules: Rules
    directory: Directory
    trusted: Networks
    metrics: Metrics
    greylist: Greylist | None = None
    puts_off: Callable[[Findings], bool] = is_doubtful

    async def __call__(self, arrival: Arrival, content: Parsed, now: datetime) -> Arrival:
        if arrival.listener != CHECKED or contains(self.trusted, arrival.hop.client):
            return arrival
        identity = Identity(arrival.hop.client, arrival.hop.hello_name, arrival.transaction.sender.path)
        targets = arrival.transaction.targets
        found = await self.checker.check(
            identity,
            *_as_sent(arrival, content),
            int(now.timestamp()),
            recipients=[target.address for target in targets],
            trace_id=arrival.trace_id,
        )
        verdicts = await self._judged(found, targets)
        verdict = min(verdicts.values(), key=lambda verdict: verdict.fate)  # it is refused where nobody takes it
        if verdict.reply is None and not await self._admits(identity, found):
            verdict = GREYLISTED
        self.metrics.verdict(verdict.fate.name.lower())
        if verdict.fate is not Fate.KEEP:
            log.info("verdict", trace_id=arrival.trace_id, fate=verdict.fate.name.lower(), reason=verdict.reason)
        if verdict.reply is not None:
            raise TurnedAway(verdict.reply)
        return await self._filed(arrival, found, {domain for domain, each in verdicts.items() if each.fate is not Fate.KEEP})

    async def _judged(self, found: Findings, targets: Sequence[Target]) -> dict[str, Verdict]:
        """A verdict for each domain that has copies; what is only handed on goes by the rules of the service."""
        domains = {domain_of(p) for target in targets for p in target.placements if isinstance(p, Copy)}
        own = await self.directory.spam_thresholds(sorted(domains)) if domains and found.score > 0 else {}
        return {domain: judge(found, self.rules, Thresholds(*own.get(domain, (None, None)))) for domain in domains or {""}}

    async def _admits(self, identity: Identity, found: Findings) -> bool:
        """Asked last, so that a message that is refused in any case leaves no trace."""
        if self.greylist is None or not self.puts_off(found):
            return True
        return await self.greylist.admits(network_of(identity.client), identity.sender.lower())

    async def _filed(self, arrival: Arrival, found: Findings, junk_domains: Set[str]) -> Arrival:
        """Copies for INBOX go to Junk instead, where an account has it. What somebody's script files is its own affair."""
        header = authentication_results(arrival.hop.host, found) + spam_header(found, is_junk=bool(junk_domains))
        arrival = replace(arrival, findings=header)
        targets = arrival.transaction.targets
        to_move = [p for t in targets for p in t.placements if isinstance(p, Copy) and is_moved(p, junk_domains)]
        if not to_move:
            return arrival
        junk = await self.directory.junk_mailboxes(sorted({copy.recipient.account_id for copy in to_move}))
        moved = [replace(t, placements=tuple(_moved(p, junk, junk_domains) for p in t.placements)) for t in targets]
        return replace(arrival, transaction=replace(arrival.transaction, targets=moved))


def domain_of(copy: Copy) -> str:
    return copy.recipient.address.rpartition("@")[2]


def is_moved(copy: Copy, domains: Set[str]) -> bool:
    return copy.mailbox == INBOX and domain_of(copy) in domains


def _as_sent(arrival: Arrival, content: Parsed) -> tuple[bytes, bytes | memoryview]:
    """Header and body before our rewrites, which what somebody signed may not have foreseen (promise D4)."""
    sent = arrival.content
    if isinstance(sent, bytearray) or len(content.header) + len(content.body) == len(sent):
        return content.header, content.body
    at = split_header(sent)
    return sent[:at], sent[at:]


def _moved(placement: Placement, junk: Mapping[int, str], domains: Set[str]) -> Placement:
    if isinstance(placement, Copy) and is_moved(placement, domains):
        return replace(placement, mailbox=junk.get(placement.recipient.account_id, INBOX))
    return placement
