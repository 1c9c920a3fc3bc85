"""What a recipient comes to: copies for accounts here, relays to other hosts, and what an alias could not reach.

`resolve.py` makes these from an address, at RCPT; what runs between the final dot and the transaction may replace them
(`arrival.Planner`); `placing.py` makes a delivery of them.
"""

from dataclasses import dataclass

from mailstead.model.address import Address
from mailstead.model.flags import Flags
from mailstead.store.delivery import Notify
from mailstead.store.directory import Recipient
from mailstead.store.mailbox_row import INBOX
from smtp_in.replies import Reply


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy for an account. A `mailbox` that has gone by the time of filing is made with `create`, else it means INBOX."""

    recipient: Recipient
    mailbox: str = INBOX
    flags: Flags = Flags()  # noqa: RUF009 - frozen
    create: bool = False


@dataclass(frozen=True, slots=True)
class Relay:
    """Handed on to another host. `account_id` is whose sending it is, None for an alias.

    `via` is the address of ours that stands for this one, None where the client wrote it. `sender` then replaces the
    reverse-path, so that SPF holds at the next hop; None leaves that as it is. `is_member`: a group leads there, and what
    becomes of it is no news to who wrote to the group. `is_redirect`: a script sends it there, which is noted in the message so
    that it does not go round in circles.
    """

    address: str
    tenant_id: int
    account_id: int | None
    via: Address | None = None
    sender: str | None = None
    is_member: bool = False
    is_redirect: bool = False


@dataclass(frozen=True, slots=True)
class Unreached:
    """What an alias names and cannot reach, and why: its sender is told."""

    address: str
    why: Reply


Placement = Copy | Relay | Unreached


@dataclass(frozen=True, slots=True)
class Target:
    """A recipient of the transaction. `address` is as the client wrote it.

    `is_expanded`: it stands for several, so that success at each of them is nobody's news but its own (RFC 3461 §5.2.7).
    """

    address: str
    placements: tuple[Placement, ...]
    notify: frozenset[Notify] = frozenset()
    original: str | None = None
    is_expanded: bool = False
