"""The states of an IMAP session, each carrying what is true in it, and the tables of what is legal where (RFC 9051 §3).

`Selected` holds the mailbox and the view of it; nothing else of a session outlives a command. There is no way back from
authenticated to not authenticated.
"""

from dataclasses import dataclass
from enum import Enum

from imap.grammar import requests as ask
from imap.view import View
from mailstead.store.sharing import Reader


@dataclass(frozen=True, slots=True)
class Account:
    """Whose session this is."""

    account_id: int
    tenant_id: int
    address: str

    @property
    def reader(self) -> Reader:
        return Reader(self.account_id, self.tenant_id)


@dataclass(frozen=True, slots=True)
class NotAuthenticated:
    """Nobody yet. `failures` counts refused log-ins of this connection."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Authenticated:
    account: Account


@dataclass(frozen=True, slots=True)
class Selected:
    """`view` changes as its client is told of changes. The mailbox may be another's."""

    account: Account
    owner_id: int
    mailbox_id: int
    uidvalidity: int
    read_only: bool
    view: View


class Ending(Enum):
    """Why a session is over; the value is its name in the metrics."""

    LOGOUT = "logout"
    DISCONNECTED = "disconnected"
    TIMED_OUT = "timed_out"
    TOO_MANY_FAILURES = "too_many_failures"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    DRAINED = "drained"
    REVOKED = "revoked"
    MAILBOX_GONE = "mailbox_gone"
    OUTDATED = "outdated"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Nothing is said any more."""

    ending: Ending


State = NotAuthenticated | Authenticated | Selected | LoggedOut


class Event(Enum):
    """What moves a session from one state to another."""

    SECURED = "TLS begins"
    REFUSED = "log-in refused"
    LOGGED_IN = "log-in accepted"
    OPENED = "SELECT or EXAMINE succeeded"
    LEFT = "CLOSE, UNSELECT, or SELECT before it succeeds"
    ENDED = "LOGOUT, connection lost, time-out, drain"


TRANSITIONS: dict[tuple[type[State], Event], type[State]] = {
    (NotAuthenticated, Event.SECURED): NotAuthenticated,
    (NotAuthenticated, Event.REFUSED): NotAuthenticated,
    (NotAuthenticated, Event.LOGGED_IN): Authenticated,
    (NotAuthenticated, Event.ENDED): LoggedOut,
    (Authenticated, Event.OPENED): Selected,
    (Authenticated, Event.ENDED): LoggedOut,
    (Selected, Event.LEFT): Authenticated,
    (Selected, Event.ENDED): LoggedOut,
}

_ANYWHERE: frozenset[type[ask.Request]] = frozenset({ask.Capability, ask.Noop, ask.Logout, ask.Id})
_LOGGED_IN: frozenset[type[ask.Request]] = _ANYWHERE | {
    ask.Append,
    ask.Compress,
    ask.Create,
    ask.Delete,
    ask.DeleteAcl,
    ask.Enable,
    ask.GetAcl,
    ask.GetMetadata,
    ask.GetQuota,
    ask.GetQuotaRoot,
    ask.Idle,
    ask.List,
    ask.ListRights,
    ask.Lsub,
    ask.MultiSearch,
    ask.MyRights,
    ask.Namespace,
    ask.Notify,
    ask.Rename,
    ask.Select,
    ask.SetAcl,
    ask.SetMetadata,
    ask.Status,
    ask.Subscribe,
    ask.Unsubscribe,
}

ALLOWED: dict[type[State], frozenset[type[ask.Request]]] = {
    NotAuthenticated: _ANYWHERE | {ask.StartTls, ask.Login, ask.Authenticate},
    Authenticated: _LOGGED_IN,
    Selected: _LOGGED_IN
    | {ask.Check, ask.Close, ask.Copy, ask.Expunge, ask.Fetch, ask.Move, ask.Replace, ask.Search, ask.Sort, ask.Store}
    | {ask.Thread, ask.Unselect},
    LoggedOut: frozenset(),
}


_ALWAYS_LOOK = (ask.Noop, ask.Check, ask.Expunge, ask.Move, ask.Idle, ask.Notify)


def may_tell_expunge(request: ask.Request) -> bool:
    """Whether sequence numbers may change while this command is answered (RFC 9051 §7.5.1)."""
    return not (isinstance(request, ask.Fetch | ask.Store | ask.Search | ask.Sort | ask.Thread) and not request.by_uid)


def looks_for_changes(request: ask.Request) -> bool:
    """Whether the command reads what changed even if nothing has told of a change."""
    return isinstance(request, _ALWAYS_LOOK)


def shows_its_work(request: ask.Request) -> bool:
    """Whether what the command itself changed has to be told, whatever NOTIFY wants."""
    return isinstance(request, ask.Expunge | ask.Move | ask.Replace)


class IllegalTransition(Exception):
    """A mistake of our own: the table does not know this step."""


def advance(state: State, event: Event, successor: State) -> State:
    """`successor`, if the table lets it follow `state` upon `event`. Raises IllegalTransition."""
    if TRANSITIONS.get((type(state), event)) is not type(successor):
        raise IllegalTransition(f"{type(state).__name__} --{event.name}--> {type(successor).__name__}")
    return successor
