"""The command parser: what it understands, and that nothing but BadSyntax ever comes out of it."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imap.grammar import requests as ask
from imap.grammar import search as key
from imap.grammar.command import append_head, parse
from imap.grammar.events import EventGroup, MailEvent
from imap.grammar.fetch import Attribute, Part, Section
from imap.grammar.scanner import BadSyntax
from imap.grammar.searching import UnknownCharset
from imap.grammar.sources import Source, SourceKind
from mailstead.model.flags import FlagChange, Flags, SystemFlag
from mailstead.model.sequence_set import SequenceSet

FLAGS, UID = Attribute.FLAGS, Attribute.UID


def one(*numbers: int) -> SequenceSet:
    return SequenceSet(tuple((n, n) for n in numbers))


UNDERSTOOD: list[tuple[bytes, ask.Request]] = [
    (b"CAPABILITY", ask.Capability()),
    (b"noop", ask.Noop()),
    (b"LOGOUT  ", ask.Logout()),  # spaces before the end, as some clients send
    (b"LOGIN bob pass]word", ask.Login("bob", "pass]word")),
    (b'LOGIN "b\\"o\\\\b" {4}\r\np ss', ask.Login('b"o\\b', "p ss")),
    (b"LOGIN {3+}\r\nb\r\n {2}\r\n\xc3\xa9", ask.Login("b\r\n", "é")),
    (b"AUTHENTICATE PLAIN", ask.Authenticate("PLAIN", None)),
    (b"authenticate plain AGEAYg==", ask.Authenticate("PLAIN", b"AGEAYg==")),
    (b"ID NIL", ask.Id(())),
    (b'ID ("Name" "x" "version" NIL)', ask.Id((("name", "x"), ("version", None)))),
    (b"ENABLE CONDSTORE x", ask.Enable(("CONDSTORE", "X"))),
    (b"SELECT inbox", ask.Select("INBOX", False, False)),
    (b"EXAMINE Inbox/a (CONDSTORE)", ask.Select("INBOX/a", True, True)),
    (b"SELECT &ZeVnLIqe-", ask.Select("日本語", False, False)),
    (b'CREATE "a b/"', ask.Create("a b")),
    (b"RENAME a b", ask.Rename("a", "b")),
    (b'LSUB "" "%"', ask.Lsub("", "%")),
    (b'LIST "" *', ask.List("", ("*",))),
    (
        b'LIST (SUBSCRIBED RECURSIVEMATCH) "" (a "%") RETURN (CHILDREN STATUS (MESSAGES UNSEEN))',
        ask.List(
            "",
            ("a", "%"),
            frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}),
            frozenset({"CHILDREN"}),
            (ask.StatusItem.MESSAGES, ask.StatusItem.UNSEEN),
            True,
        ),
    ),
    (b"STATUS INBOX (MESSAGES SIZE)", ask.Status("INBOX", (ask.StatusItem.MESSAGES, ask.StatusItem.SIZE))),
    (b"FETCH 1:* FLAGS", ask.Fetch(SequenceSet(((1, 0),)), False, (FLAGS,), None)),
    (b"UID FETCH 1,3 (UID FLAGS UID)", ask.Fetch(one(1, 3), True, (UID, FLAGS), None)),
    (b"FETCH 1 FAST", ask.Fetch(one(1), False, (FLAGS, Attribute.INTERNALDATE, Attribute.SIZE), None)),
    (b"FETCH 1 FLAGS (CHANGEDSINCE 7)", ask.Fetch(one(1), False, (FLAGS,), 7)),
    (b"FETCH 1 RFC822", ask.Fetch(one(1), False, (Section(b"RFC822"),), None)),
    (b"FETCH 1 BODY[]<0.9>", ask.Fetch(one(1), False, (Section(b"BODY[]<0>", partial=(0, 9)),), None)),
    (
        b"FETCH 1 (BODY.PEEK[1.2.HEADER.FIELDS (To {2}\r\nCc)])",
        ask.Fetch(
            one(1),
            False,
            (Section(b"BODY[1.2.HEADER.FIELDS (To Cc)]", (1, 2), Part.FIELDS, (b"To", b"Cc"), None, True),),
            None,
        ),
    ),
    (
        b"STORE 1 +FLAGS.SILENT (\\Seen $Fwd)",
        ask.Store(one(1), False, FlagChange.ADD, Flags(SystemFlag.SEEN, ("$Fwd",)), True, None),
    ),
    (
        b"UID STORE 1 (UNCHANGEDSINCE 5) -flags \\Deleted Junk",
        ask.Store(one(1), True, FlagChange.REMOVE, Flags(SystemFlag.DELETED, ("Junk",)), False, 5),
    ),
    (b"STORE 1 FLAGS ()", ask.Store(one(1), False, FlagChange.REPLACE, Flags(), False, None)),
    (b"COPY 1 Sent", ask.Copy(one(1), False, "Sent")),
    (b"UID MOVE 9 Trash", ask.Move(one(9), True, "Trash")),
    (b"EXPUNGE", ask.Expunge(None)),
    (b"UID EXPUNGE 4", ask.Expunge(one(4))),
    (b"SEARCH UNSEEN", ask.Search(key.Negated(key.Flagged(SystemFlag.SEEN)), False, None)),
    (
        b"UID SEARCH RETURN () CHARSET utf-8 OR (FROM a TO b) NOT 1:2",
        ask.Search(
            key.Either(
                key.Both((key.InHeader("From", "a"), key.InHeader("To", "b"))),
                key.Negated(key.Numbers(SequenceSet(((1, 2),)))),
            ),
            True,
            frozenset({ask.SearchReturn.ALL}),
        ),
    ),
    (b"SEARCH SINCE 1-Feb-1994", ask.Search(key.DaySince(date(1994, 2, 1), key.Moment.ARRIVED), False, None)),
    (b'SEARCH SENTON "29-Feb-2000"', ask.Search(key.DayOn(date(2000, 2, 29), key.Moment.SENT), False, None)),
    (b'SEARCH HEADER "X-A" {2}\r\n\xc3\xa9', ask.Search(key.InHeader("X-A", "é"), False, None)),
    (b'SEARCH MODSEQ "/flags/\\\\draft" all 620', ask.Search(key.ChangedSince(620), False, None)),
    (b"IDLE", ask.Idle()),
    (b"NOTIFY NONE", ask.Notify()),
    (
        b"notify set status (Selected-Delayed (MessageNew (uid flags) messageexpunge)) (mailboxes (a b) NONE)",
        ask.Notify(
            (
                EventGroup(
                    Source(SourceKind.SELECTED_DELAYED),
                    frozenset({MailEvent.MESSAGE_NEW, MailEvent.MESSAGE_EXPUNGE}),
                    (UID, FLAGS),
                ),
                EventGroup(Source(SourceKind.MAILBOXES, ("a", "b")), frozenset()),
            ),
            status=True,
        ),
    ),
    (b'SETACL inbox "b o" +lr', ask.SetAcl("INBOX", "b o", "+lr")),
    (b'SETACL a b ""', ask.SetAcl("a", "b", "")),
    (b"DELETEACL a -b", ask.DeleteAcl("a", "-b")),
    (b"LISTRIGHTS a {2}\r\n\xc3\xa9", ask.ListRights("a", "é")),
    (b"GETACL a", ask.GetAcl("a")),
    (b"MYRIGHTS a", ask.MyRights("a")),
]


@pytest.mark.parametrize(("line", "request_"), UNDERSTOOD, ids=[line.decode(errors="replace")[:30] for line, _ in UNDERSTOOD])
def test_understands(line: bytes, request_: ask.Request) -> None:
    assert parse(b"a1 " + line + b"\r\n") == (b"a1", request_)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"a",
        b"a ",
        b"+ NOOP",
        b"a FROB",
        b"a NOOP x",
        b"a LOGIN x",
        b'a LOGIN "x y',
        b'a LOGIN "x\\y" z',
        b"a LOGIN {99}\r\nx y",
        b"a LOGIN {3}\r\na\0b y",
        b"a SELECT a (FOO)",
        b"a FETCH 0 FLAGS",
        b"a FETCH 4294967296 FLAGS",
        b"a FETCH 1,,2 FLAGS",
        b"a FETCH 1 ()",
        b"a FETCH 1 BODY[0]",
        b"a FETCH 1 BODY[MIME]",
        b"a FETCH 1 BODY[HEADER.FIELDS ()]",
        b"a FETCH 1 BODY[]<0.0>",
        b"a FETCH 1 (FLAGS",
        b"a STORE 1 FLAGS (\\Nonsense)",
        b"a STORE 1 *FLAGS ()",
        b"a SEARCH",
        b"a SEARCH ON 30-Feb-2020",
        b"a SEARCH " + b"NOT " * 50 + b"ALL",
        b"a SEARCH " + b"(" * 50,
        b'a LIST (RECURSIVEMATCH) "" *',
        b"a STATUS INBOX ()",
        b"a UID NOOP",
        b"a SELECT &",  # malformed modified UTF-7, RFC 3501 §5.1.3: a shift without an end,
        b"a SELECT &AOk",
        b"a SELECT &AO-",  # half a character,
        b"a SELECT &2D0-",  # half a surrogate pair,
        b"a SELECT &AOk=-",  # padding,
        b'a SELECT "\xc3\xa9"',  # octets that are not ASCII
        b"a APPEND x",
    ],
)
def test_refuses(line: bytes) -> None:
    with pytest.raises(BadSyntax):
        parse(line + b"\r\n")


def test_unknown_charset_has_an_answer_of_its_own() -> None:
    with pytest.raises(UnknownCharset):
        parse(b"a SEARCH CHARSET KOI8-R TEXT x\r\n")


def test_append_head() -> None:
    moment = datetime(1996, 7, 17, 9, 44, 25, tzinfo=UTC)
    assert append_head(b'a APPEND s (\\Seen) "17-Jul-1996 02:44:25 -0700" ') == (
        b"a",
        ask.Append("s", Flags(SystemFlag.SEEN), moment),
    )
    assert append_head(b"a append {5}\r\ninbox ") == (b"a", ask.Append("INBOX", Flags(), None))
    assert append_head(b"a APPEND ") is None  # the literal to come is the mailbox's name
    assert append_head(b"a LOGIN ") is None
    with pytest.raises(BadSyntax):
        append_head(b"a APPEND s (\\Seen ")


words = st.sampled_from(
    b"a UID FETCH STORE SEARCH LIST STATUS APPEND LOGIN SELECT ID NOT OR FLAGS BODY[ BODY.PEEK[ HEADER.FIELDS ] ( ) ".split(b" ")
    + b'<0.5> 1:* 0 , {3} {3+} {99999} \r\n NIL " "" \\ \\Seen * % RETURN (MIN) MODSEQ CHARSET UTF-8 1-Jan-2020'.split(b" ")
    + b"NOTIFY SET (personal (selected NONE (MessageNew MessageExpunge SETACL LISTRIGHTS MYRIGHTS anyone +lr".split(b" ")
    + [b"\xff", b"\0", b"&AOk-", b"&", b"+", b"-", b"~{2}"]
)


@given(st.lists(words, max_size=12).map(b" ".join) | st.binary(max_size=60))
@example(b"a FETCH 1 BODY[]<99999999999999999999.1>")
@example(b'a APPEND x "00-Jan-0001 00:00:00 +2359" ')
def test_only_its_own_error(line: bytes) -> None:
    for parser in (parse, append_head):
        try:
            parser(line)
        except BadSyntax as error:
            assert error.text.isascii()


@given(st.binary(min_size=1, max_size=30).filter(lambda octets: b"\0" not in octets))
def test_a_literal_carries_any_octets(octets: bytes) -> None:
    line = b"a SEARCH HEADER x {%d}\r\n%b\r\n" % (len(octets), octets)
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        with pytest.raises(BadSyntax):
            parse(line)
    else:
        assert parse(line)[1] == ask.Search(key.InHeader("x", text), False, None)
