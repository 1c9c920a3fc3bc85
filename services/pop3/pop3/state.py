"""The states of a POP3 session, each carrying what is true in it, and the one table of what may follow what (RFC 1939 §3).

AUTHORIZATION is `Authorization`, and `Challenged` while a SASL exchange stands in the middle of it; TRANSACTION and UPDATE
are named as in the RFC. There is no way from TRANSACTION to UPDATE but QUIT: a lost connection deletes nothing.
"""

from dataclasses import dataclass
from enum import Enum

from mailstead.ops.authentication import Attempt
from pop3.maildrop import MaildropView
from pop3.protocol import (
    Auth,
    BadCommand,
    Capa,
    Command,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quit,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    Utf8,
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """Nobody yet. `failures` counts refused log-ins of this connection; `user` is what USER named; `utf8`: UTF8 was given."""

    failures: int = 0
    user: str | None = None
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Challenged:
    """AUTH has begun: the next line is a response, not a command (RFC 5034 §4)."""

    failures: int
    attempt: Attempt
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Transaction:
    """The maildrop is open and leased to this session."""

    account_id: int
    address: str
    mailbox_id: int
    drop: MaildropView
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """QUIT was given in TRANSACTION: `doomed` UIDs are being deleted."""

    account_id: int
    address: str
    mailbox_id: int
    doomed: tuple[int, ...]
    last_uid: int  # of the snapshot, 0 if it was empty: nothing that came later is touched


class Ending(Enum):
    """Why a session is over; the value is its name in the metrics."""

    QUIT = "quit"
    UPDATE_FAILED = "update_failed"
    DISCONNECTED = "disconnected"
    TIMED_OUT = "timed_out"
    TOO_MANY_FAILURES = "too_many_failures"
    DRAINED = "drained"
    REVOKED = "revoked"
    LEASE_LOST = "lease_lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing is said any more."""

    ending: Ending


State = Authorization | Challenged | Transaction | Update | Closed


class Event(Enum):
    """What moves a session from one state to another."""

    USER_NAMED = "USER"
    SECURED = "TLS begins"
    WIDENED = "UTF8"
    CHALLENGED = "AUTH goes on"
    REFUSED = "log-in refused"
    OPENED = "log-in accepted, maildrop leased"
    QUIT = "QUIT"
    SETTLED = "deletions committed, or failed"
    BROKEN_OFF = "connection lost, too many failures, time-out, drain"


TRANSITIONS: dict[tuple[type[State], Event], type[State]] = {
    (Authorization, Event.USER_NAMED): Authorization,
    (Authorization, Event.SECURED): Authorization,
    (Authorization, Event.WIDENED): Authorization,
    (Authorization, Event.CHALLENGED): Challenged,
    (Authorization, Event.REFUSED): Authorization,
    (Authorization, Event.OPENED): Transaction,
    (Authorization, Event.QUIT): Closed,
    (Authorization, Event.BROKEN_OFF): Closed,
    (Challenged, Event.CHALLENGED): Challenged,
    (Challenged, Event.REFUSED): Authorization,
    (Challenged, Event.OPENED): Transaction,
    (Challenged, Event.BROKEN_OFF): Closed,
    (Transaction, Event.QUIT): Update,
    (Transaction, Event.BROKEN_OFF): Closed,
    (Update, Event.SETTLED): Closed,
    (Update, Event.BROKEN_OFF): Closed,
}

_ANYWHERE: frozenset[type[Command]] = frozenset({Capa, Lang, Quit, BadCommand})

ALLOWED: dict[type[State], frozenset[type[Command]]] = {
    Authorization: _ANYWHERE | {User, Pass, Auth, Stls, Utf8},
    Challenged: frozenset(),
    Transaction: _ANYWHERE | {Stat, List, Uidl, Retr, Top, Dele, Rset, Noop},
    Update: frozenset(),
    Closed: frozenset(),
}


class IllegalTransition(Exception):
    """A mistake of our own: the table does not know this step."""


def advance(state: State, event: Event, successor: State) -> State:
    """`successor`, if the table lets it follow `state` upon `event`. Raises IllegalTransition."""
    if TRANSITIONS.get((type(state), event)) is not type(successor):
        raise IllegalTransition(f"{type(state).__name__} --{event.name}--> {type(successor).__name__}")
    return successor
