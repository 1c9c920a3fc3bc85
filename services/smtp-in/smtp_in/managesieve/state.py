"""The states of a ManageSieve session, each carrying what is true in it, and the table of what may follow what (RFC 5804 §2)."""

from dataclasses import dataclass
from enum import Enum

from mailstead.ops.authentication import Attempt
from mailstead.store.passwords import AuthenticatedAccount
from smtp_in.managesieve.protocol import (
    Authenticate,
    BadCommand,
    Capability,
    CheckScript,
    Command,
    DeleteScript,
    GetScript,
    HaveSpace,
    ListScripts,
    Logout,
    Noop,
    PutScript,
    RenameScript,
    SetActive,
    StartTls,
    TooLarge,
    Unauthenticate,
)


@dataclass(frozen=True, slots=True)
class NonAuthenticated:
    """Nobody yet. `failures` counts refused attempts of this connection."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Challenged:
    """AUTHENTICATE has begun: what comes next is a string, not a command."""

    failures: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Authenticated:
    account: AuthenticatedAccount
    failures: int = 0


class Ending(Enum):
    """Why a session is over."""

    LOGOUT = "logout"
    DISCONNECTED = "disconnected"
    TOO_MANY_FAILURES = "too_many_failures"
    TOO_MANY_ERRORS = "too_many_errors"
    DRAINED = "drained"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing is said any more."""

    ending: Ending


State = NonAuthenticated | Challenged | Authenticated | Closed


class Event(Enum):
    """What moves a session from one state to another."""

    SECURED = "TLS begins"
    CHALLENGED = "AUTHENTICATE goes on"
    REFUSED = "AUTHENTICATE refused or cancelled"
    ACCEPTED = "AUTHENTICATE accepted"
    LEFT = "UNAUTHENTICATE"
    LOGGED_OUT = "LOGOUT"
    BROKEN_OFF = "connection lost, too many failures or errors, drain"


TRANSITIONS: dict[tuple[type[State], Event], type[State]] = {
    (NonAuthenticated, Event.SECURED): NonAuthenticated,
    (NonAuthenticated, Event.CHALLENGED): Challenged,
    (NonAuthenticated, Event.REFUSED): NonAuthenticated,
    (NonAuthenticated, Event.ACCEPTED): Authenticated,
    (NonAuthenticated, Event.LOGGED_OUT): Closed,
    (NonAuthenticated, Event.BROKEN_OFF): Closed,
    (Challenged, Event.CHALLENGED): Challenged,
    (Challenged, Event.REFUSED): NonAuthenticated,
    (Challenged, Event.ACCEPTED): Authenticated,
    (Challenged, Event.BROKEN_OFF): Closed,
    (Authenticated, Event.LEFT): NonAuthenticated,
    (Authenticated, Event.LOGGED_OUT): Closed,
    (Authenticated, Event.BROKEN_OFF): Closed,
}

_ANYWHERE: frozenset[type[Command]] = frozenset({Capability, Logout, Noop, BadCommand, TooLarge})

ALLOWED: dict[type[State], frozenset[type[Command]]] = {
    NonAuthenticated: _ANYWHERE | {Authenticate, StartTls},
    Challenged: frozenset(),
    Authenticated: _ANYWHERE
    | {
        *(HaveSpace, PutScript, ListScripts, SetActive, GetScript),
        *(DeleteScript, RenameScript, CheckScript, Unauthenticate),
    },
    Closed: frozenset(),
}


class IllegalTransition(Exception):
    """A mistake of our own: the table does not know this step."""


def advance(state: State, event: Event, successor: State) -> State:
    """`successor`, if the table lets it follow `state` upon `event`. Raises IllegalTransition."""
    if TRANSITIONS.get((type(state), event)) is not type(successor):
        raise IllegalTransition(f"{type(state).__name__} --{event.name}--> {type(successor).__name__}")
    return successor
