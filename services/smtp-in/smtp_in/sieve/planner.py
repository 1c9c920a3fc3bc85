"""A script run on a message, as a plan (RFC 5228 §2.10). All or nothing: what fails on its way keeps the message."""

from mailstead.wire.sieve import Script, tree
from mailstead.wire.sieve.actions import is_mailbox_name, outbound_address
from mailstead.wire.sieve.tree import Modifier, Texts
from smtp_in.sieve.conditions import holds
from smtp_in.sieve.message import Content, MessageView
from smtp_in.sieve.plan import Answer, Bounds, Filing, Occasion, Plan, Refusal
from smtp_in.sieve.run import Run, ScriptFailed, split_flags
from smtp_in.sieve.vacation import answer_to

INBOX = "INBOX"


def make_plan(script: Script, content: Content, occasion: Occasion, bounds: Bounds, prefix: bytes = b"") -> Plan:
    """What `script` makes of a message for this recipient. `prefix`: our own header lines above the message. Never raises."""
    run = Run(MessageView(content, prefix, bounds.body_octets), occasion, bounds)
    planner = _Planner(run)
    try:
        planner.execute(script.commands)
        return planner.plan()
    except ScriptFailed as failed:
        return Plan((Filing(INBOX),), error=str(failed))  # RFC 5228 §2.10.6


class _Planner:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._implicit_keep = True
        self._actions = 0
        self._filings: dict[str, Filing] = {}  # by mailbox: each gets one copy (RFC 5228 §2.10.3)
        self._redirects: dict[str, str] = {}  # lower case -> as it was written
        self._refusal: Refusal | None = None
        self._answer: Answer | None = None
        self._answers = 0

    def plan(self) -> Plan:
        if self._refusal is not None and (self._filings or self._redirects or self._answers):
            raise ScriptFailed("a message is refused, or delivered or answered, not both")  # RFC 5429 §2.4
        filings = list(self._filings.values())
        if self._implicit_keep:
            filings.insert(0, Filing(None, self._flags(None)))
        return Plan(tuple(filings), tuple(self._redirects.values()), self._refusal, self._answer, tuple(self._run.marks.values()))

    def execute(self, commands: tree.Commands) -> bool:
        """Whether the script goes on behind these commands. Raises ScriptFailed."""
        for command in commands:
            self._run.spend(1)
            if not self._execute_one(command):
                return False
        return True

    def _execute_one(self, command: tree.Command) -> bool:
        match command:
            case tree.If():
                return self.execute(self._branch(command))
            case tree.Stop():
                return False
            case tree.Keep(flags):
                self._file(INBOX, flags)
            case tree.FileInto():
                self._file_into(command)
            case tree.Redirect():
                self._redirect(command)
            case tree.Discard():
                self._implicit_keep = False
            case tree.Reject(_, reason, protocol):
                if self._refusal is not None:
                    raise ScriptFailed("a message can be refused once")
                self._refusal = Refusal(self._run.expand(reason).decode("utf-8", "replace"), protocol)
                self._implicit_keep = False
            case tree.Vacation():
                self._vacation(command)
            case tree.ChangeFlags(action, variable, flags):
                self._run.change_flags(action, variable, split_flags(self._run.expand_all(flags)))
            case tree.Set():
                self._set(command)
        return True

    def _branch(self, command: tree.If) -> tree.Commands:
        for test, commands in command.branches:
            if holds(test, self._run):
                return commands
        return command.otherwise

    def _count_action(self) -> None:
        self._actions += 1
        if self._actions > self._run.bounds.actions:
            raise ScriptFailed(f"more than {self._run.bounds.actions} actions")

    def _file_into(self, command: tree.FileInto) -> None:
        name = self._run.expand(command.mailbox)
        if not is_mailbox_name(name):
            raise ScriptFailed(f"{name.decode('utf-8', 'replace')[:200]!r} is no name of a mailbox")
        mailbox = name.decode()
        self._file(INBOX if mailbox.upper() == INBOX else mailbox, command.flags, create=command.create, copy=command.copy)

    def _file(self, mailbox: str, flags: Texts | None, *, create: bool = False, copy: bool = False) -> None:
        self._count_action()
        before = self._filings.get(mailbox)
        # The last flags win (RFC 5232 §3).
        self._filings[mailbox] = Filing(mailbox, self._flags(flags), create or (before is not None and before.create))
        self._implicit_keep &= copy

    def _flags(self, flags: Texts | None) -> tuple[str, ...]:
        chosen = self._run.flags if flags is None else split_flags(self._run.expand_all(flags))
        return tuple(flag.decode("ascii") for flag in chosen if flag.isascii())

    def _redirect(self, command: tree.Redirect) -> None:
        self._count_action()
        value = self._run.expand(command.address)
        address = outbound_address(value)
        if address is None:
            raise ScriptFailed(f"{value.decode('utf-8', 'replace')[:200]!r} is no address")
        occasion = self._run.occasion
        own = {each.lower() for each in (*occasion.addresses, occasion.recipient)}
        if occasion.redirected or address.lower() in own:
            return  # to go round in circles is no delivery: the implicit keep stands (RFC 5228 §4.2)
        self._redirects.setdefault(address.lower(), address)
        if len(self._redirects) > self._run.bounds.redirects:
            raise ScriptFailed(f"more than {self._run.bounds.redirects} redirects")
        self._implicit_keep &= command.copy

    def _vacation(self, command: tree.Vacation) -> None:
        self._answers += 1
        if self._answers > 1:
            raise ScriptFailed("a message can be answered once")  # RFC 5230 §4.7
        found = answer_to(command, self._run)
        if found is not None:
            self._answer, mark = found
            self._run.marks[mark.key] = mark

    def _set(self, command: tree.Set) -> None:
        value = self._run.expand_for_set(command.value)
        for modifier in command.modifiers:
            value = _modified(value, modifier)
        self._run.set(command.name, value)


def _modified(value: bytes, modifier: Modifier) -> bytes:
    """RFC 5229 §4.1; letters are those of ASCII."""
    match modifier:
        case Modifier.LOWER:
            return value.lower()
        case Modifier.UPPER:
            return value.upper()
        case Modifier.LOWERFIRST:
            return value[:1].lower() + value[1:]
        case Modifier.UPPERFIRST:
            return value[:1].upper() + value[1:]
        case Modifier.QUOTEWILDCARD:
            return value.replace(b"\\", b"\\\\").replace(b"*", b"\\*").replace(b"?", b"\\?")
        case Modifier.LENGTH:
            return b"%d" % len(value.decode("utf-8", "replace"))
