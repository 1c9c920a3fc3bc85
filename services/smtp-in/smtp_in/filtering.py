"""Scripts of recipients, run between parsing and the transaction: copies become what each owner's script makes of them.

Each account's script runs at most once for a message, however many of its recipients lead there; a redirect to another account
here runs that one's script in turn, up to a number. Nothing is written: what a plan needs to be new is a mark of the delivery,
and decided by the transaction (promise P3). A script that fails, for whatever reason, keeps the message.
"""

import asyncio
import textwrap
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailstead.model.address import Address
from mailstead.model.failure import Refused
from mailstead.model.flags import MAX_KEYWORDS, Flags
from mailstead.ops.logging import get_logger
from mailstead.store.delivery import Mark
from mailstead.store.directory import Recipient
from mailstead.store.mailbox_row import INBOX, check_name
from mailstead.wire.headers import fields, unfold
from mailstead.wire.message import Parsed
from mailstead.wire.trace import date_time
from smtp_in import replies
from smtp_in.arrival import Arrival, prefix_of
from smtp_in.metrics import Metrics
from smtp_in.policy import MailboxRules, Role
from smtp_in.recipients import Recipients
from smtp_in.replies import Reply
from smtp_in.resolve import Asker
from smtp_in.scripts import Ready, Scripts
from smtp_in.sieve.message import Content
from smtp_in.sieve.plan import KEEP, Answer, Bounds, Filing, Occasion, Plan, Refusal
from smtp_in.sieve.planner import make_plan
from smtp_in.targets import Copy, Placement, Relay, Target, Unreached

IN_THREAD = 256 * 1024  # octets of a body; looking through more would hold up the loop
MAX_FOLLOWED = 20  # accounts that redirects lead to from others here and whose scripts run too, for one message
MAX_REFUSAL_LINES = 20
MAX_REFUSAL_LINE = 400  # characters
DELIVERED_TO = b"delivered-to"

log = get_logger()

Seen = frozenset[tuple[int, bytes]]
"""Marks that are known to be set: account and digest."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """An arrival as the scripts of its recipients want it, with answers (each with its owner) and what has to be new.

    A refusal among the answers is one that only a message can tell.
    """

    arrival: Arrival
    answers: tuple[tuple[Recipient, Answer | Refusal], ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def refusal(self) -> Reply | None:
        """What the client is told when nobody wants the message (RFC 5429 §2.1.2); None where somebody takes it, or drops it."""
        targets = self.arrival.transaction.targets
        whys = [next((p.why for p in target.placements if isinstance(p, Unreached)), None) for target in targets]
        kept = any(isinstance(placement, Copy | Relay) for target in targets for placement in target.placements)
        return None if kept or None in whys else whys[0]


@dataclass(slots=True)
class _Work:
    """One message on its way through the scripts."""

    arrival: Arrival
    content: Content
    now: datetime
    seen: Seen
    delivered_to: frozenset[str]
    ready: dict[int, Ready]
    mailboxes: dict[int, frozenset[str]] = field(default_factory=dict)
    served: set[int] = field(default_factory=set)  # accounts whose script has run
    followed: int = 0  # how many of them a redirect led to
    refused: dict[int, Reply] = field(default_factory=dict)  # by those among them that do not want it
    answers: list[tuple[Recipient, Answer | Refusal]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


class Filter:
    """Runs scripts. Raises Refused(UNAVAILABLE) when they, or where a redirect leads, cannot be looked up."""

    def __init__(self, scripts: Scripts, recipients: Recipients, rules: MailboxRules, bounds: Bounds, metrics: Metrics) -> None:
        self._scripts = scripts
        self._recipients = recipients
        self._rules = rules
        self._bounds = bounds
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="sieve")

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def run(self, arrival: Arrival, parsed: Parsed, now: datetime, seen: Seen) -> Filtered:
        """`arrival` with the placements that scripts make of its copies. Costs nothing where no recipient has a script."""
        scripted = [recipient for recipient in _recipients_of(arrival.transaction.targets) if recipient.script is not None]
        if not scripted:
            return Filtered(arrival)
        work = _Work(arrival, Content(parsed), now, seen, _delivered_to(parsed), {})
        await self._load(work, scripted)
        targets = [await self._target(work, target) for target in arrival.transaction.targets]
        changed = replace(arrival, transaction=replace(arrival.transaction, targets=targets))
        return Filtered(changed, tuple(work.answers), tuple(work.marks))

    async def _load(self, work: _Work, recipients: Iterable[Recipient]) -> None:
        found = await self._scripts.load({r.account_id: r.script for r in recipients if r.script is not None})
        work.ready |= found
        work.mailboxes |= await self._scripts.mailbox_names([a for a, ready in found.items() if ready.script.asks_mailboxes])

    async def _target(self, work: _Work, target: Target) -> Target:
        placements: list[Placement] = []
        pending = deque((placement, target.address, False) for placement in target.placements)
        while pending:
            placement, address, is_redirected = pending.popleft()
            if not isinstance(placement, Copy) or placement.recipient.account_id not in work.ready:
                placements.append(placement)
            elif is_redirected and work.followed >= MAX_FOLLOWED:
                placements.append(placement)  # scripts that redirect to each other must not multiply a message without end
            elif placement.recipient.account_id not in work.served:
                work.served.add(placement.recipient.account_id)
                work.followed += is_redirected
                made, redirected = await self._copy(work, placement, target, address)
                placements += made
                pending.extend((further, to, True) for further, to in redirected)
                await asyncio.sleep(0)  # of many recipients, each with a script, others have their turn between them
            elif (why := work.refused.get(placement.recipient.account_id)) is not None:
                placements.append(Unreached(placement.recipient.address if target.is_expanded else target.address, why))
        return replace(target, placements=tuple(placements))

    async def _copy(
        self, work: _Work, copy: Copy, target: Target, address: str
    ) -> tuple[list[Placement], list[tuple[Placement, str]]]:
        """What becomes of one copy; and copies for others, with the address that leads there, whose scripts are still to run."""
        recipient, ready = copy.recipient, work.ready[copy.recipient.account_id]
        plan = await self._plan(work, copy, ready, address)
        work.marks += [Mark(recipient.account_id, mark.key, mark.seconds, mark.renew) for mark in plan.marks]
        if plan.answer is not None:
            work.answers.append((recipient, plan.answer))
        made: list[Placement] = [_filed(copy, filing) for filing in plan.filings]
        if plan.refusal is not None and needs_message(plan.refusal) and work.arrival.transaction.sender.address is not None:
            work.answers.append((recipient, plan.refusal))
        elif plan.refusal is not None:
            work.refused[recipient.account_id] = why = refusal_reply(plan.refusal)
            made.append(Unreached(recipient.address if target.is_expanded else target.address, why))
        redirected: list[tuple[Placement, str]] = []
        lost = False
        for to in plan.redirects:
            found = await self._redirect(work, recipient, to)
            lost |= not found
            redirected += [(placement, to) for placement in found]
        if lost and not plan.filings:
            made.append(copy)  # a redirect that is not done does not cancel the implicit keep (RFC 5228 §4.2)
        return made, redirected

    async def _plan(self, work: _Work, copy: Copy, ready: Ready, address: str) -> Plan:
        recipient, transaction = copy.recipient, work.arrival.transaction
        occasion = Occasion(
            now=work.now,
            sender=transaction.sender.path,
            recipient=address,
            addresses=ready.addresses,
            mailboxes=work.mailboxes.get(recipient.account_id, frozenset()),
            seen=frozenset(digest for account_id, digest in work.seen if account_id == recipient.account_id),
            environment=_environment(work.arrival, recipient),
            redirected=recipient.address in work.delivered_to,
        )
        prefix = prefix_of(work.arrival, address, date_time(work.now))
        started = time.perf_counter()
        arguments = (ready.script, work.content, occasion, self._bounds, prefix)
        try:
            if len(work.content.parsed.body) > IN_THREAD and "body" in ready.script.required:
                plan = await asyncio.get_running_loop().run_in_executor(self._threads, make_plan, *arguments)
            else:
                plan = make_plan(*arguments)
        except Exception:
            log.exception("a script failed for an unforeseen reason", account=recipient.address, trace_id=work.arrival.trace_id)
            plan = replace(KEEP, error="unforeseen")
        if plan.error is not None:
            log.info("script failed, message kept", account=recipient.address, trace_id=work.arrival.trace_id, reason=plan.error)
        self._metrics.script("kept" if plan.error else "done", time.perf_counter() - started)
        return plan

    async def _redirect(self, work: _Work, owner: Recipient, to: str) -> list[Placement]:
        """Where a redirect leads; nowhere when the address is refused here, or leads back."""
        sender = work.arrival.transaction.sender.address
        size = len(work.arrival.content)
        asker = Asker(Role.SUBMISSION, self._rules, size, sender, owner.address, owner.tenant_id, owner.account_id)
        try:
            resolved = await self._recipients.resolve(Address.parse(to), asker)
        except ValueError as error:
            log.info("redirect not done", account=owner.address, to=to, trace_id=work.arrival.trace_id, reason=str(error))
            return []
        if isinstance(resolved, Reply):
            log.info("redirect not done", account=owner.address, to=to, trace_id=work.arrival.trace_id, reason=resolved.text)
            return []
        via = Address.parse(owner.address)
        found: list[Placement] = []
        for placement in resolved.placements:
            match placement:
                case Relay():
                    found.append(replace(placement, via=placement.via or via, is_redirect=True))
                case Copy(recipient=recipient) if recipient.account_id != owner.account_id:
                    found.append(placement)
        await self._load(work, [r for r in _copied_to(found) if r.script is not None and r.account_id not in work.ready])
        log.info("redirected", account=owner.address, to=to, trace_id=work.arrival.trace_id)  # RFC 5228 §10 (3)
        return list(await self._recipients.resent(found, sender))


def needs_message(refusal: Refusal) -> bool:
    """Whether its reason would be lost in a reply: `reject` keeps its words, `ereject` does not insist (RFC 5429 §2.2)."""
    return not refusal.protocol and not refusal.reason.isascii()


def refusal_reply(refusal: Refusal) -> Reply:
    """A reason as SMTP can say it: ASCII, in lines that are not too long (RFC 5429 §2.1.1, §2.5)."""
    if not refusal.reason.isascii():
        return replies.REFUSED_BY_FILTER
    lines = [
        wrapped
        for line in refusal.reason.splitlines()
        for wrapped in textwrap.wrap("".join(c if c.isprintable() else " " for c in line), MAX_REFUSAL_LINE)
    ]
    return replace(replies.REFUSED_BY_FILTER, text="\n".join(lines[:MAX_REFUSAL_LINES])) if lines else replies.REFUSED_BY_FILTER


def _filed(copy: Copy, filing: Filing) -> Copy:
    """The copy, where and as a script wants it."""
    if filing.mailbox is None:
        return replace(copy, flags=_flags((*copy.flags.names(), *filing.flags)))
    try:
        mailbox = check_name(filing.mailbox)
    except Refused:
        mailbox = INBOX
    return Copy(copy.recipient, mailbox, _flags(filing.flags), create=filing.create)


def _flags(names: Iterable[str]) -> Flags:
    """Those that can be kept; others are passed over, which is no error (RFC 5232 §5)."""
    kept: list[str] = []
    for name in names:
        if len(kept) == MAX_KEYWORDS or any(c <= " " or c >= "\x7f" or c in '(){%*"]' for c in name) or "\\" in name[1:]:
            continue
        try:
            Flags.of([name])
        except ValueError:
            continue
        kept.append(name)
    return Flags.of(kept)


def _recipients_of(targets: Iterable[Target]) -> list[Recipient]:
    return [recipient for target in targets for recipient in _copied_to(target.placements)]


def _copied_to(placements: Iterable[Placement]) -> list[Recipient]:
    return [placement.recipient for placement in placements if isinstance(placement, Copy)]


def _delivered_to(parsed: Parsed) -> frozenset[str]:
    """The accounts here, and others, that have had the message before and sent it on."""
    if DELIVERED_TO not in parsed.header.lower():
        return frozenset()
    named = (field for field in fields(parsed.header) if field.name.lower() == DELIVERED_TO)
    return frozenset(unfold(field.value).decode("utf-8", "replace").strip("<>").lower() for field in named)


def _environment(arrival: Arrival, recipient: Recipient) -> dict[str, str]:
    """RFC 5183 §4.1."""
    return {
        "domain": recipient.address.rpartition("@")[2],
        "host": arrival.hop.host,
        "location": "MTA",
        "name": "Mailstead",
        "phase": "during",
        "remote-host": arrival.hop.hello_name,
        "remote-ip": arrival.hop.client,
    }
