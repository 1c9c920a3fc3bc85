"""From a recipient's address to its placements: aliases, groups, catch-alls, forwards and senders that come home. Pure.

    resolution = Resolution(address, asked)
    while wanted := resolution.wanted:
        resolution.learn(await look_up(wanted))
    resolution.outcome()

Each round asks for all addresses of one level at once. Depth and number are bounded; an address that was seen before is not
followed again, so that aliases which name each other end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.directory import Alias, Found, Posting, Recipient
from smtp_in import policy, replies
from smtp_in.policy import MailboxRules, Role
from smtp_in.replies import Reply
from smtp_in.targets import Copy, Placement, Relay, Unreached

MAX_LEVELS = 8  # of aliases within aliases
MAX_PLACEMENTS = 2_000  # of one recipient


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for it. `sender` is the reverse-path; `member` the address that a group's rule is held against, None for none."""

    role: Role
    rules: MailboxRules
    size: int
    sender: Address | None
    member: str | None
    tenant_id: int | None = None  # of the submitter
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """At least one copy or relay, perhaps with some that could not be reached."""

    placements: tuple[Placement, ...]
    is_expanded: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """An address to be looked up. `through` is the address of ours that led to it, and whose sending a relay to it would be."""

    address: Address
    level: int = 0
    through: "_Through | None" = None


@dataclass(frozen=True, slots=True)
class _Through:
    address: Address
    tenant_id: int
    account_id: int | None
    in_group: bool = False  # what a group cannot reach is its owner's affair, not the sender's


@dataclass(slots=True)
class Resolution:
    """One recipient on its way. `home` is the address that it stands for, where it is a sender that we have rewritten."""

    address: Address
    asker: Asker
    home: Address | None = None
    _pending: list[_Step] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _placements: list[Placement] = field(default_factory=list)
    _unreached: list[Unreached] = field(default_factory=list)
    _refusal: Reply | None = None
    _members_only: bool = False
    _is_expanded: bool = False

    def __post_init__(self) -> None:
        self._follow(_Step(self.address))

    @property
    def wanted(self) -> Sequence[Address]:
        """What has to be looked up now; nothing when all is known."""
        return [] if self._refusal else [step.address for step in self._pending]

    def learn(self, found: Mapping[Address, Found | None]) -> None:
        """The answer to `wanted`; None for what is not ours."""
        steps, self._pending = self._pending, []
        for step in steps:
            self._take(step, found[step.address])
            if len(self._placements) + len(self._pending) > MAX_PLACEMENTS:
                self._refusal = replies.ADDRESS_EXPANDS_TOO_FAR
            if self._refusal:
                return

    def outcome(self) -> Resolved | Reply:
        """Where the message goes, or why it is refused; once nothing is wanted."""
        if self._refusal:
            return self._refusal
        if self._members_only and (self.asker.member is None or self.asker.member not in self._seen - {self.address.key}):
            return replies.MEMBERS_ONLY
        if not any(not isinstance(placement, Unreached) for placement in self._placements):
            reasons = [unreached.why for unreached in self._unreached]
            return next((why for why in reasons if why.is_temporary), reasons[0] if reasons else replies.ADDRESS_LEADS_NOWHERE)
        return Resolved(tuple(self._placements), self._is_expanded)

    def _follow(self, step: _Step) -> None:
        if step.address.key in self._seen:
            return
        if step.level > MAX_LEVELS:
            self._refusal = replies.ADDRESS_EXPANDS_TOO_FAR
            return
        self._seen.add(step.address.key)
        self._pending.append(step)

    def _take(self, step: _Step, found: Found | None) -> None:
        match found and found.behind:
            case _ if found is not None and self.home is not None and step.level == 0:
                self._take_home(step, self.home, found)
            case Recipient() as recipient:
                self._take_account(step, recipient)
            case Alias() as alias:
                self._take_alias(step, alias)
            case _:
                self._take_elsewhere(step, is_ours=found is not None)

    def _take_home(self, step: _Step, home: Address, found: Found) -> None:
        """Only reports come back this way (RFC 5321 §4.5.5), so that nobody can make us relay anything else."""
        if self.asker.sender is None:
            self._follow(_Step(home, step.level + 1, _Through(step.address, found.domain.tenant_id, None)))
        else:
            self._fail(step, replies.REPORTS_ONLY)

    def _take_account(self, step: _Step, recipient: Recipient) -> None:
        why = policy.judge_local(recipient, self.asker.size, self.asker.rules)
        if why is not None:
            self._fail(step, why)
            return
        if recipient.keeps_copy and not any(
            isinstance(other, Copy) and other.recipient.account_id == recipient.account_id for other in self._placements
        ):
            self._placements.append(Copy(recipient, recipient.folder) if recipient.folder else Copy(recipient))
        in_group = step.through is not None and step.through.in_group
        through = _Through(step.address, recipient.tenant_id, recipient.account_id, in_group)
        for forward in recipient.forwards:
            self._follow(_Step(Address.parse(forward), step.level + 1, through))

    def _take_alias(self, step: _Step, alias: Alias) -> None:
        if not alias.active:
            self._fail(step, replies.for_failure(Failure.ACCOUNT_DISABLED))
            return
        if step.level == 0:
            self._members_only = alias.posting is Posting.MEMBERS
        self._is_expanded |= len(alias.targets) > 1 or alias.is_group
        self._seen.add(alias.address)
        in_group = alias.is_group or (step.through is not None and step.through.in_group)
        through = _Through(step.address, alias.tenant_id, None, in_group)
        for target in alias.targets:
            self._follow(_Step(Address.parse(target), step.level + 1, through))

    def _take_elsewhere(self, step: _Step, *, is_ours: bool) -> None:
        why = policy.judge_elsewhere(self.asker.role, step.address, is_ours=is_ours, is_forward=step.through is not None)
        if why is not None:
            self._fail(step, why)
        elif (by := step.through) is not None:
            self._placements.append(Relay(str(step.address), by.tenant_id, by.account_id, by.address, is_member=by.in_group))
        else:
            assert self.asker.tenant_id is not None  # strangers may not write to other hosts
            self._placements.append(Relay(str(step.address), self.asker.tenant_id, self.asker.account_id))

    def _fail(self, step: _Step, why: Reply) -> None:
        unreached = Unreached(str(step.address), why)
        self._unreached.append(unreached)
        if step.through is None or not step.through.in_group:
            self._placements.append(unreached)
