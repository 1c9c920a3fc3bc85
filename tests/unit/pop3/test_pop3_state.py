"""The table of states: what it allows is what a session can do, and nothing else."""

from array import array

import pytest

from mailstead.model.failure import Failure
from mailstead.ops.authentication import Attempt
from pop3.errors import REPLIES
from pop3.maildrop import MaildropView
from pop3.protocol import BadCommand, Capa, Dele, Lang, List, Noop, Quit, ResponseCode, Retr, Rset, Stat, Top, Uidl
from pop3.state import (
    ALLOWED,
    TRANSITIONS,
    Authorization,
    Challenged,
    Closed,
    Ending,
    Event,
    IllegalTransition,
    State,
    Transaction,
    Update,
    advance,
)

ONE_OF_EACH: dict[type[State], State] = {
    Authorization: Authorization(),
    Challenged: Challenged(0, Attempt.__new__(Attempt)),
    Transaction: Transaction(1, "alice@a.test", 2, MaildropView(1, array("I"), array("Q"))),
    Update: Update(1, "alice@a.test", 2, (), 0),
    Closed: Closed(Ending.QUIT),
}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("before", ONE_OF_EACH)
@pytest.mark.parametrize("after", ONE_OF_EACH)
def test_only_what_the_table_says_happens(before: type[State], event: Event, after: type[State]) -> None:
    if TRANSITIONS.get((before, event)) is after:
        assert advance(ONE_OF_EACH[before], event, ONE_OF_EACH[after]) is ONE_OF_EACH[after]
    else:
        with pytest.raises(IllegalTransition):
            advance(ONE_OF_EACH[before], event, ONE_OF_EACH[after])


def test_only_quit_leads_to_update() -> None:
    assert [key for key, after in TRANSITIONS.items() if after is Update] == [(Transaction, Event.QUIT)]


def test_nothing_follows_the_end() -> None:
    assert not [event for before, event in TRANSITIONS if before is Closed]


def test_every_state_says_what_it_allows() -> None:
    assert set(ALLOWED) == set(ONE_OF_EACH)
    assert ALLOWED[Transaction] == {Capa, Lang, Quit, BadCommand, Stat, List, Uidl, Retr, Top, Dele, Rset, Noop}


def test_every_failure_has_its_reply() -> None:
    assert set(REPLIES) == set(Failure)
    assert not any(reply.ok for reply in REPLIES.values())
    assert REPLIES[Failure.UNAVAILABLE].code is ResponseCode.SYS_TEMP
    assert REPLIES[Failure.IN_USE].code is ResponseCode.IN_USE
