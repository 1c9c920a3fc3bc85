"""What one session keeps for NOTIFY (RFC 5465): what its client wants to hear of, and what it has heard of its account."""

from dataclasses import dataclass, field

from imap.grammar.events import EventGroup, MailEvent
from imap.grammar.sources import SourceKind
from imap.notices import AccountState, Interest
from mailstead.bus import AccountWatch


@dataclass(slots=True)
class Notifying:
    """`interest` is None until the first NOTIFY: then changes of the selected mailbox are told with commands, as ever."""

    interest: Interest | None = None
    known: AccountState = field(default_factory=AccountState)
    watches: dict[int, AccountWatch] = field(default_factory=dict)  # by account: its own, and those whose mailboxes it may see
    stale: bool = False  # the account may differ from `known`
    read_at: float = 0.0  # when it may be read again, in loop time
    waiting: bool = False  # for that moment
    flags_since: int | None = None  # modseq from which on flags of the selected mailbox were not told, being unwanted
    made: set[int] = field(default_factory=set)  # UIDs that this session itself brought into the selected mailbox

    @property
    def group(self) -> EventGroup | None:
        """What is wanted of the selected mailbox, if anything."""
        return self.interest.selected if self.interest is not None else None

    @property
    def ignores_selected(self) -> bool:
        """Nothing of the selected mailbox is to be told."""
        return self.interest is not None and self.interest.selected is None

    @property
    def wants_flags(self) -> bool:
        return self.interest is None or (self.group is not None and MailEvent.FLAG_CHANGE in self.group.events)

    @property
    def immediate(self) -> bool:
        """Sequence numbers may change between commands (RFC 5465 §6.1.1)."""
        return self.group is not None and self.group.source.kind is SourceKind.SELECTED

    def brought(self, uids: "list[int]") -> None:
        """The client itself made these messages: their EXISTS is all it has to hear (RFC 5465 §5.2)."""
        if self.group is not None and self.group.items:
            self.made.update(uids)

    def close(self) -> None:
        while self.watches:
            self.watches.popitem()[1].close()
