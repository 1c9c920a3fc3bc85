"""Tables of the service: failures, states, handlers; search plans and rendering."""

from array import array
from datetime import UTC, date, datetime

import pytest

from imap import errors, response
from imap.commands import HANDLERS
from imap.dialect import Dialect
from imap.grammar import requests as ask
from imap.grammar.command import parse
from imap.response import Reply, Status
from imap.search_plan import Scope, from_view, plan
from imap.state import (
    ALLOWED,
    TRANSITIONS,
    Account,
    Authenticated,
    Ending,
    Event,
    IllegalTransition,
    LoggedOut,
    NotAuthenticated,
    Selected,
    advance,
)
from imap.view import Exists, Expunged, FlagsChanged, View
from mailstead.model.failure import Failure
from mailstead.model.flags import Flags, SystemFlag
from mailstead.model.sequence_set import SequenceSet
from mailstead.store import query
from mailstead.store.flag_changes import FlagRow

STATES = (NotAuthenticated, Authenticated, Selected, LoggedOut)


def test_every_failure_has_its_words() -> None:
    assert set(errors.REPLIES) == set(Failure)
    for failure, reply in errors.REPLIES.items():
        assert reply.status is Status.NO, failure
        assert reply.render(b"a").isascii()
    assert errors.REPLIES[Failure.UNAVAILABLE].code == "UNAVAILABLE"  # promise D5


def test_every_request_has_a_handler_and_a_place() -> None:
    requests = set(ask.Request.__args__)
    assert set(HANDLERS) == requests - {ask.Append, ask.Replace}
    assert set().union(*ALLOWED.values()) == requests
    assert set(ALLOWED) == set(STATES)


def test_states_end_and_are_reached() -> None:
    for state in STATES[:-1]:
        assert TRANSITIONS[state, Event.ENDED] is LoggedOut
        assert any(successor is state for (_, _), successor in TRANSITIONS.items())
    assert not any(state is LoggedOut for state, _ in TRANSITIONS)


def test_illegal_transitions() -> None:
    account = Account(1, 1, "a@b.test")
    with pytest.raises(IllegalTransition):
        advance(Authenticated(account), Event.LOGGED_IN, Authenticated(account))
    assert advance(NotAuthenticated(), Event.ENDED, LoggedOut(Ending.LOGOUT)) == LoggedOut(Ending.LOGOUT)


VIEW = View(array("I", [10, 20, 30]), 1, 31)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (b"ALL", query.All()),
        (b"1:*", query.All()),
        (b"2", query.Uids(SequenceSet(((20, 20),)))),
        (b"2:3", query.Uids(SequenceSet(((20, 30),)))),
        (b"UID 15:99", query.Uids(SequenceSet(((20, 30),)))),
        (b"SEEN NOT DRAFT", query.And((query.HasFlag(SystemFlag.SEEN), query.Not(query.HasFlag(SystemFlag.DRAFT))))),
        (b"OR KEYWORD x LARGER 5", query.Or(query.HasKeyword("x"), query.Larger(5))),
        (b"ON 1-Feb-2020", query.And((query.Since(date(2020, 2, 1)), query.Before(date(2020, 2, 2))))),
        (b"SENTON 31-Dec-9999", query.SentSince(date.max)),
        (b"SENTBEFORE 1-Feb-2020", query.SentBefore(date(2020, 2, 1))),
        (b"SUBJECT hi", query.Header("Subject", "hi")),
        (b"BODY hi", query.Body("hi")),
        (b"TEXT hi", query.Text("hi")),
        (b"MODSEQ 5", query.ModseqAtLeast(5)),
        (b"OLD", query.Not(query.Not(query.All()))),
        (b"SMALLER 9", query.Smaller(9)),
    ],
)
def test_search_plans(keys: bytes, expected: query.Query) -> None:
    _, request = parse(b"a SEARCH " + keys + b"\r\n")
    assert isinstance(request, ask.Search)
    assert plan(request.key, Scope(VIEW)) == expected


def test_what_the_view_knows_asks_no_database() -> None:
    assert from_view(query.All(), VIEW) == [10, 20, 30]
    assert from_view(query.Uids(SequenceSet(((20, 30),))), VIEW) == [20, 30]
    assert from_view(query.HasFlag(SystemFlag.SEEN), VIEW) is None


def test_rendering() -> None:
    moment = datetime(1996, 7, 7, 2, 44, 25, tzinfo=UTC)
    assert response.date_time(moment) == b'" 7-Jul-1996 02:44:25 +0000"'  # RFC 9051 §9 date-day-fixed
    assert response.flag_list(9, ["$x"]) == b"(\\Deleted \\Seen $x)"
    assert response.flag_list(0, []) == b"()"
    assert Reply(Status.OK, "done", "READ-ONLY").render(b"a1") == b"a1 OK [READ-ONLY] done\r\n"
    assert response.uid_set([3, 1, 2, 9]) == "1:3,9"
    assert response.uid_set_in_order([3, 4, 1, 2]) == "3:4,1:2"


@pytest.mark.parametrize(
    ("enabled", "said"),
    [
        ((), b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n* 4 EXISTS\r\n* 2 FETCH (UID 7 FLAGS (\\Seen))\r\n"),
        (("CONDSTORE",), b"* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n* 4 EXISTS\r\n* 2 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (12))\r\n"),
        (("QRESYNC",), b"* VANISHED 5,8\r\n* 4 EXISTS\r\n* 2 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (12))\r\n"),
        (("UIDONLY",), b"* VANISHED 5,8\r\n* 4 EXISTS\r\n* 7 UIDFETCH (FLAGS (\\Seen))\r\n"),
    ],
)
def test_unsolicited_data_in_the_words_that_the_client_has_asked_for(enabled: tuple[str, ...], said: bytes) -> None:
    dialect = Dialect()
    dialect.enable(enabled)
    row = FlagRow(7, 12, Flags(SystemFlag.SEEN))
    assert response.untagged([Expunged((3, 1), (8, 5)), Exists(4), FlagsChanged(((2, row),))], dialect) == said
