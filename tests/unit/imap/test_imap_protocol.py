"""Framing: the same events whole and byte by byte; bounds; messages that pass through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap.grammar import requests as ask
from imap.protocol import (
    MAX_SKIPPED,
    BadCommand,
    Command,
    Event,
    Limits,
    MessageBegins,
    MessageChunk,
    MessageEnds,
    NeedContinuation,
    Overflow,
    Protocol,
    TooBig,
)
from mailstead.model.flags import Flags

LIMITS = Limits(command=200, literal=100, message=1000)
HEAD = ask.Append("INBOX", Flags(), None)


def events(*pieces: bytes, accept: bool = True) -> list[Event]:
    """All events, the chunks of one message joined."""
    protocol = Protocol(LIMITS)
    found: list[Event] = []
    for piece in pieces:
        protocol.feed(piece)
        while (event := protocol.next_event()) is not None:
            if isinstance(event, MessageChunk) and found and isinstance(found[-1], MessageChunk):
                found[-1] = MessageChunk(found[-1].data + event.data)
                continue
            found.append(event)
            if isinstance(event, MessageBegins) and event.synchronizing:
                if accept:
                    protocol.accept_message()
                else:
                    protocol.refuse_message()
    return found


TABLE: list[tuple[str, bytes, list[Event]]] = [
    ("one", b"a NOOP\r\n", [Command(b"a", ask.Noop())]),
    ("bare LF", b"a NOOP\n", [Command(b"a", ask.Noop())]),
    ("pipelined", b"a NOOP\r\n\r\nb CHECK\r\n", [Command(b"a", ask.Noop()), Command(b"b", ask.Check())]),
    ("literal", b"a LOGIN {1}\r\nx {1+}\r\ny\r\n", [NeedContinuation(), Command(b"a", ask.Login("x", "y"))]),
    ("line ends in a literal", b"a LOGIN x {2+}\r\n\r\n\r\n", [Command(b"a", ask.Login("x", "\r\n"))]),
    ("bad", b"a FROB\r\nb NOOP\r\n", [BadCommand(b"a", "unknown command"), Command(b"b", ask.Noop())]),
    ("no tag", b"* x\r\n", [BadCommand(None, "expected a tag")]),
    ("long line", b"a " + b"x" * 300 + b"\r\nb NOOP\r\n", [BadCommand(b"a", "command too long"), Command(b"b", ask.Noop())]),
    ("literal too large", b"a LOGIN {101}\r\nb NOOP\r\n", [BadCommand(b"a", "literal too large"), Command(b"b", ask.Noop())]),
    (
        "LITERAL+ too large is skipped, with what follows of its command",
        b"a LOGIN {101+}\r\n" + b"x" * 101 + b" {3+}\r\nabc\r\nb NOOP\r\n",
        [BadCommand(b"a", "literal too large"), Command(b"b", ask.Noop())],
    ),
    (
        "append",
        b"a APPEND INBOX {5+}\r\nab\r\nc\r\nb NOOP\r\n",
        [MessageBegins(b"a", HEAD, 5, False, False), MessageChunk(b"ab\r\nc"), MessageEnds(), Command(b"b", ask.Noop())],
    ),
    (
        "append, the mailbox being a literal",
        b"a APPEND {5}\r\ninbox {3}\r\nxyz\r\n",
        [NeedContinuation(), MessageBegins(b"a", HEAD, 3, True, False), MessageChunk(b"xyz"), MessageEnds()],
    ),
    ("append nothing", b"a APPEND INBOX {0+}\r\n\r\n", [MessageBegins(b"a", HEAD, 0, False, False), MessageEnds()]),
    ("append too large", b"a APPEND INBOX {1001}\r\nb NOOP\r\n", [TooBig(b"a"), Command(b"b", ask.Noop())]),
    (
        "append too large, not waiting",
        b"a APPEND INBOX {1001+}\r\n" + b"x" * 1001 + b"\r\nb NOOP\r\n",
        [TooBig(b"a"), Command(b"b", ask.Noop())],
    ),
    (
        "bad append",
        b"a APPEND INBOX (\\Foo) {3+}\r\nxyz\r\nb NOOP\r\n",
        [BadCommand(b"a", "unknown system flag \\Foo"), Command(b"b", ask.Noop())],
    ),
    (
        "two messages in one append",
        b"a APPEND INBOX {1+}\r\nx {1+}\r\ny\r\nb NOOP\r\n",
        [
            MessageBegins(b"a", HEAD, 1, False, False),
            MessageChunk(b"x"),
            MessageBegins(b"a", HEAD, 1, False, False, True),
            MessageChunk(b"y"),
            MessageEnds(),
            Command(b"b", ask.Noop()),
        ],
    ),
    (
        "the second message is too large",
        b"a APPEND INBOX {1+}\r\nx (\\Seen) {1001}\r\nb NOOP\r\n",
        [MessageBegins(b"a", HEAD, 1, False, False), MessageChunk(b"x"), TooBig(b"a"), Command(b"b", ask.Noop())],
    ),
    (
        "something else behind a message",
        b"a APPEND INBOX {1+}\r\nx and more\r\nb NOOP\r\n",
        [
            MessageBegins(b"a", HEAD, 1, False, False),
            MessageChunk(b"x"),
            BadCommand(b"a", "a message is followed by another one or by the end of the line"),
            Command(b"b", ask.Noop()),
        ],
    ),
    (
        "a message with NUL",
        b"a APPEND INBOX ~{3+}\r\na\0b\r\n",
        [MessageBegins(b"a", HEAD, 3, False, True), MessageChunk(b"a\0b"), MessageEnds()],
    ),
    (
        "replace",
        b"a UID REPLACE 7 INBOX {1+}\r\nx\r\n",
        [MessageBegins(b"a", ask.Replace(7, True, HEAD), 1, False, False), MessageChunk(b"x"), MessageEnds()],
    ),
    (
        "a literal8 that is no message",
        b"a LOGIN ~{3+}\r\nabc x\r\nb NOOP\r\n",
        [BadCommand(b"a", "only a message can be a literal8"), Command(b"b", ask.Noop())],
    ),
    ("too much to skip", b"a LOGIN {%d+}\r\n" % (MAX_SKIPPED + 1), [Overflow("too much to skip")]),
]


@pytest.mark.parametrize(("octets", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_events(octets: bytes, expected: list[Event]) -> None:
    if isinstance(expected[-1], Overflow):
        protocol = Protocol(LIMITS)
        protocol.feed(octets)
        assert protocol.next_event() == expected[-1]
        return
    assert events(octets) == expected
    assert events(*(bytes((octet,)) for octet in octets)) == expected


def test_refused_message_is_not_waited_for() -> None:
    assert events(b"a APPEND INBOX {5}\r\nb NOOP\r\n", accept=False) == [
        MessageBegins(b"a", HEAD, 5, True, False),
        Command(b"b", ask.Noop()),
    ]


@settings(max_examples=200)
@given(st.lists(st.sampled_from([row[1] for row in TABLE[:-1]]), max_size=6).map(b"".join), st.data())
def test_pieces_do_not_matter(octets: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=5)))
    pieces = [octets[a:b] for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
    assert events(*pieces) == events(octets)


@given(st.binary(max_size=400))
def test_any_octets(octets: bytes) -> None:
    assert events(octets) == events(*(bytes((octet,)) for octet in octets)) or any(
        isinstance(event, Overflow) for event in events(octets)
    )


def test_held_octets_are_bounded() -> None:
    protocol = Protocol(LIMITS)
    for _ in range(1000):
        protocol.feed(b"x" * 1000)
        assert protocol.next_event() is None
        assert len(protocol._buffer) < 2000


def test_large_messages_are_not_copied() -> None:
    protocol = Protocol(LIMITS)
    protocol.feed(b"a APPEND INBOX {900+}\r\n")
    assert isinstance(protocol.next_event(), MessageBegins)
    piece = b"x" * 800
    protocol.feed(piece)
    event = protocol.next_event()
    assert isinstance(event, MessageChunk)
    assert event.data is piece


def test_lines_of_other_dialogs() -> None:
    protocol = Protocol(LIMITS)
    protocol.feed(b"DO")
    assert protocol.next_line(10) is None
    protocol.feed(b"NE\r\na NOOP\r\n")
    assert protocol.next_line(10) == b"DONE"
    assert protocol.next_event() == Command(b"a", ask.Noop())
    protocol.feed(b"x" * 20)
    assert isinstance(protocol.next_line(10), BadCommand)


def test_nothing_is_pending_between_commands() -> None:
    protocol = Protocol(LIMITS)
    protocol.feed(b"a NOOP\r\nb")
    assert protocol.next_event() == Command(b"a", ask.Noop())
    assert protocol.pending
    protocol.feed(b" NOOP\r\n")
    protocol.next_event()
    assert not protocol.pending
