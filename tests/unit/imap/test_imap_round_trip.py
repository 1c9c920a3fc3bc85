"""What the server prints can be read again: by its own grammar where commands have the same words, else by a client's parser."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from imapclient import response_parser

from imap.dialect import Dialect, Extension
from imap.fetch_plan import plan
from imap.grammar import requests as ask
from imap.grammar.command import append_head, parse
from imap.grammar.fetch import Attribute
from imap.grammar.requests import SearchReturn
from imap.response import Reply, Status, date_time, flag_list, flags_line, keyword_lines, uid_set, uid_set_in_order, vanished
from imap.search_results import extended_line, plain_line
from imap.threading import Node, render
from mailstead.model.flags import EVERY_FLAG, Flags
from mailstead.model.sequence_set import SequenceSet
from mailstead.store.flag_changes import FlagRow
from mailstead.store.messages import Summary
from mailstead.store.search import Threadable
from mailstead.wire.imap_strings import astring

uids = st.integers(1, 2**32 - 1)
modseqs = st.integers(1, 2**63 - 1)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1)).map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC))
atoms = st.from_regex(r"\A[$A-Za-z][A-Za-z0-9_$-]{0,15}\Z")
flags = st.builds(
    lambda system, words: Flags(system, tuple({word.lower(): word for word in words}.values())),
    st.integers(0, 31),
    st.lists(atoms, max_size=4),
)
dialects = st.sets(st.sampled_from(Extension)).map(Dialect)


def set_of(text: str) -> SequenceSet:
    """As a command names messages."""
    request = parse(f"a UID EXPUNGE {text}\r\n".encode())[1]
    assert isinstance(request, ask.Expunge)
    assert request.uids is not None
    return request.uids


def in_order(found: SequenceSet) -> list[int]:
    return [number for first, last in found.ranges for number in range(first, last + 1)]


def fetched(line: bytes) -> tuple[int, dict[bytes, object]]:
    """The number and the attributes of `* n FETCH (…)`, as imapclient reads them."""
    text = line.removeprefix(b"* ").removesuffix(b"\r\n").replace(b" UIDFETCH ", b" ", 1).replace(b" FETCH ", b" ", 1)
    ((number, found),) = response_parser.parse_fetch_response([text], normalise_times=False, uid_is_key=False).items()
    return number, {name: value for name, value in found.items() if name != b"SEQ"}


def lists(text: bytes) -> list[tuple[object, ...]]:
    """Parenthesised lists that follow each other, as imapclient reads them."""
    return [said for said in response_parser.parse_response([text]) if isinstance(said, tuple)]


@given(moments)
def test_dates(moment: datetime) -> None:
    head = append_head(b"a APPEND x " + date_time(moment) + b" ")
    assert head is not None
    assert isinstance(head[1], ask.Append)
    assert head[1].internal_date == moment


@given(flags)
def test_flags(value: Flags) -> None:
    request = parse(b"a STORE 1 FLAGS " + flag_list(value.system, value.keywords) + b"\r\n")[1]
    assert isinstance(request, ask.Store)
    assert request.flags == value


@given(st.lists(atoms, max_size=5, unique_by=str.lower))
def test_flags_of_a_mailbox(keywords: list[str]) -> None:
    first, second, end = keyword_lines(keywords, EVERY_FLAG, read_only=False).split(b"\r\n")
    assert not end
    (known,) = lists(first.removeprefix(b"* FLAGS "))
    permanent = re.fullmatch(rb"\* OK \[PERMANENTFLAGS (\(.*\))\] .+", second)
    assert permanent is not None
    assert lists(permanent[1]) == [(*known, b"\\*")]
    assert set(known) >= {keyword.encode() for keyword in keywords}


@given(st.sets(uids, min_size=1, max_size=20) | st.sets(st.integers(1, 30), min_size=1))
def test_sets(members: set[int]) -> None:
    assert in_order(set_of(uid_set(members))) == sorted(members)
    told = re.fullmatch(rb"\* VANISHED \(EARLIER\) (\S+)\r\n", vanished(members, earlier=True))
    assert told is not None
    assert in_order(set_of(told[1].decode())) == sorted(members)


@given(st.lists(st.integers(1, 30), min_size=1, unique=True))
def test_sets_in_order(members: list[int]) -> None:
    assert in_order(set_of(uid_set_in_order(members))) == members


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_strings(text: str) -> None:
    request = parse(b"a LOGIN x " + astring(text.encode()) + b"\r\n")[1]
    assert isinstance(request, ask.Login)
    assert request.password == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30), dialects)
def test_mailbox_names(name: str, dialect: Dialect) -> None:
    request = parse(b"a SUBSCRIBE " + dialect.mailbox(name) + b"\r\n", utf8=dialect.utf8)[1]
    assert isinstance(request, ask.Subscribe)
    first, slash, rest = name.partition("/")
    assert request.mailbox == (f"INBOX{slash}{rest}" if first.upper() == "INBOX" else name)


@given(st.integers(1, 2**31), uids, modseqs, flags, dialects, st.booleans())
def test_flags_that_changed(number: int, uid: int, modseq: int, value: Flags, dialect: Dialect, silent: bool) -> None:
    found_number, found = fetched(flags_line(number, FlagRow(uid, modseq, value), dialect, uid=True, silent=silent))
    assert found_number == (uid if dialect.uid_only else number)
    if not dialect.uid_only:
        assert found.pop(b"UID") == uid
    if dialect.condstore:
        assert found.pop(b"MODSEQ") == (modseq,)
    if not silent:
        assert found.pop(b"FLAGS") == tuple(name.encode() for name in value.names())
    assert not found


Tree = tuple[int, list["Tree"]]
trees: st.SearchStrategy[Tree] = st.recursive(
    st.tuples(uids, st.just([])), lambda below: st.tuples(uids, st.lists(below, max_size=3)), max_leaves=12
)


def node_of(tree: Tree) -> Node:
    number, below = tree
    message = Threadable(number, "", (), "", False, datetime(2020, 1, 1, tzinfo=UTC))
    return Node((number, message), None, [node_of(child) for child in below])


def tree_of(said: tuple[object, ...]) -> Tree:
    """From `thread-members` (RFC 5256 §5)."""
    first, *rest = said
    assert isinstance(first, int)
    if rest and isinstance(rest[0], int):
        return first, [tree_of(tuple(rest))]
    return first, [tree_of(below) for below in rest if isinstance(below, tuple)]


@given(st.lists(trees, min_size=1, max_size=4))
def test_threads(forest: list[Tree]) -> None:
    assert [tree_of(said) for said in lists(render(map(node_of, forest)))] == forest


summaries = st.builds(
    Summary,
    uid=uids,
    modseq=modseqs,
    system_flags=st.integers(0, 31),
    keywords=st.lists(atoms, max_size=3),
    internal_date=moments,
    saved_at=moments,
    size=st.integers(0, 2**40),
    email_id=st.uuids(),
    thread_id=st.uuids(),
    tenant_id=st.just(1),
    blob_id=st.just(UUID(int=0)),
    prefix=st.just(b""),
    header_size=st.just(0),
    envelope=st.none(),
    bodystructure=st.none(),
    structure=st.none(),
    content_header=st.none(),
    preview=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
)
SCALARS: dict[Attribute, Callable[[Summary], object]] = {
    Attribute.UID: lambda row: row.uid,
    Attribute.FLAGS: lambda row: tuple(name.encode() for name in row.flags.names()),
    Attribute.INTERNALDATE: lambda row: row.internal_date,
    Attribute.SIZE: lambda row: row.size,
    Attribute.MODSEQ: lambda row: (row.modseq,),
    Attribute.EMAILID: lambda row: (b"M" + row.email_id.hex.encode(),),
    Attribute.THREADID: lambda row: (b"T" + row.thread_id.hex.encode(),),
}


@given(st.integers(1, 2**31), summaries, st.sets(st.sampled_from([*SCALARS]), min_size=1))
def test_attributes(number: int, row: Summary, attributes: set[Attribute]) -> None:
    head = plan(attributes, Dialect(), by_uid=False, modseq=False).head
    found_number, found = fetched(head.render(number, row) + b")\r\n")
    assert found_number == number
    assert found == {attribute.value: SCALARS[attribute](row) for attribute in attributes}


@given(st.lists(uids, max_size=20), st.none() | modseqs)
def test_what_a_search_found(found: list[int], modseq: int | None) -> None:
    modseq = modseq if found else None  # RFC 7162 §3.1.5: what finds nothing tells of no modseq
    line = plain_line("SEARCH", found, modseq).removeprefix(b"* SEARCH").removesuffix(b"\r\n")
    read = response_parser.parse_message_list([line.strip()])
    assert list(read) == found
    assert read.modseq == modseq


@given(st.lists(uids, min_size=1, max_size=20, unique=True), st.booleans(), st.booleans())
def test_what_an_extended_search_found(found: list[int], by_uid: bool, ordered: bool) -> None:
    members = found if ordered else sorted(found)
    line = extended_line(b'TAG "a1"', members, [*SearchReturn], None, by_uid=by_uid, ordered=ordered)
    said = re.fullmatch(rb'\* ESEARCH \(TAG "a1"\)( UID)? MIN (\d+) MAX (\d+) COUNT (\d+) ALL (\S+)\r\n', line)
    assert said is not None
    assert bool(said[1]) is by_uid
    assert (int(said[2]), int(said[3]), int(said[4])) == (members[0], members[-1], len(members))
    assert in_order(set_of(said[5].decode())) == members


@given(st.sampled_from(Status), st.from_regex(r"\A[A-Za-z ]{1,30}\Z"), st.sampled_from(["", "TRYCREATE", "APPENDUID 7 9"]))
def test_status_responses(status: Status, text: str, code: str) -> None:
    said = re.fullmatch(rb"a7 (\w+) (?:\[([^]]+)\] )?(.+)\r\n", Reply(status, text, code).render(b"a7"))
    assert said is not None
    assert (said[1], said[2] or b"", said[3]) == (status.value, code.encode(), text.encode())
