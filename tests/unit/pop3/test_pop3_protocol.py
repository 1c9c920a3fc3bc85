"""The decoder and the grammar: any cutting of the same octets gives the same commands, and memory stays bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pop3.protocol import (
    MAX_AUTH_LINE,
    MAX_COMMAND,
    TOO_LONG,
    Auth,
    BadCommand,
    Capa,
    Command,
    Decoder,
    Dele,
    List,
    Noop,
    Pass,
    Quit,
    Reply,
    ResponseCode,
    Retr,
    Rset,
    Stat,
    Stls,
    Top,
    Uidl,
    User,
    parse,
)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"CAPA", Capa()),
        (b"capa ", Capa()),
        (b"USER alice@a.test", User("alice@a.test")),
        (b"uSeR  alice ", User("alice")),
        ("USER ålice".encode(), User("ålice")),
        (b"PASS s3cret", Pass("s3cret")),
        (b"PASS  two words ", Pass(" two words ")),
        (b"AUTH", Auth(None)),
        (b"AUTH PLAIN", Auth("PLAIN")),
        (b"AUTH plain AGEAYg==", Auth("plain", b"AGEAYg==")),
        (b"AUTH PLAIN =", Auth("PLAIN", b"=")),
        (b"STLS", Stls()),
        (b"STAT", Stat()),
        (b"LIST", List(None)),
        (b"LIST ", List(None)),
        (b"LIST 3", List(3)),
        (b"UIDL", Uidl(None)),
        (b"UIDL 003", Uidl(3)),
        (b"RETR 1", Retr(1)),
        (b"RETR 0", Retr(0)),
        (b"TOP 1 0", Top(1, 0)),
        (b"TOP 10  5", Top(10, 5)),
        (b"DELE 2", Dele(2)),
        (b"RSET", Rset()),
        (b"NOOP", Noop()),
        (b"QUIT", Quit()),
    ],
)
def test_commands(line: bytes, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b" STAT",
        b"XTND",
        b"STATUS",
        b"QUIT now",
        b"USER",
        b"USER ",
        b"PASS",
        b"PASS ",
        b"PASS a\0b",
        b"USER \xff\xfe",
        b"AUTH PLAIN a b",
        b"RETR",
        b"RETR x",
        b"RETR -1",
        b"RETR 1 2",
        b"RETR 1.0",
        b"RETR " + b"1" * 11,
        "RETR ²".encode(),
        b"LIST x",
        b"TOP 1",
        b"TOP 1 -1",
        b"TOP 1 2 3",
        b"DELE",
    ],
)
def test_what_is_no_command(line: bytes) -> None:
    assert isinstance(parse(line), BadCommand)


def drain(decoder: Decoder) -> list[Command]:
    found = []
    while (command := decoder.next_command()) is not None:
        found.append(command)
    return found


DIALOG = b"USER alice\r\nPASS a b\r\nSTAT\n" + b"x" * 5000 + b"\r\nRETR 7\r\n" + b"y" * 253 + b"\r\nQUIT\r\n"
COMMANDS = [User("alice"), Pass("a b"), Stat(), TOO_LONG, Retr(7), BadCommand("unknown command"), Quit()]


def test_a_dialog_whole_and_one_octet_at_a_time() -> None:
    decoder = Decoder()
    decoder.feed(DIALOG)
    assert drain(decoder) == COMMANDS
    found = []
    for octet in DIALOG:
        decoder.feed(bytes([octet]))
        found += drain(decoder)
    assert found == COMMANDS
    assert not decoder.pending


@given(st.lists(st.integers(1, 700), max_size=30))
def test_any_cutting_gives_the_same_commands(cuts: list[int]) -> None:
    decoder, found, start = Decoder(), [], 0
    for cut in [*cuts, len(DIALOG)]:
        decoder.feed(DIALOG[start : start + cut])
        start += cut
        found += drain(decoder)
    assert found == COMMANDS


def test_an_endless_line_is_not_kept() -> None:
    decoder = Decoder()
    for _ in range(1000):
        decoder.feed(b"z" * 1000)
        assert decoder.next_command() is None
        assert len(decoder._buffer) <= 1000 + MAX_COMMAND
    assert decoder.pending
    decoder.feed(b"\r\nNOOP\r\n")
    assert drain(decoder) == [TOO_LONG, Noop()]


def test_a_sasl_response_may_be_longer_than_a_command() -> None:
    decoder = Decoder()
    decoder.feed(b"A" * 4000 + b"\r\n" + b"A" * MAX_AUTH_LINE + b"\r\nSTAT\r\n")
    assert decoder.next_response() == b"A" * 4000
    assert decoder.next_response() == TOO_LONG
    assert decoder.next_command() == Stat()


def test_what_follows_stls_is_seen() -> None:
    decoder = Decoder()
    decoder.feed(b"STLS\r\n")
    assert decoder.next_command() == Stls()
    assert not decoder.pending
    decoder.feed(b"STLS\r\nUS")
    assert decoder.next_command() == Stls()
    assert decoder.pending


def test_retrs_in_a_row_are_taken_together() -> None:
    decoder = Decoder()
    decoder.feed(b"RETR 1\r\nRETR 2\r\nretr 3\r\nNOOP\r\nRETR 4\r\nRETR 5")
    assert decoder.next_command() == Retr(1)
    assert decoder.following_retrs(1) == [Retr(2)]
    assert decoder.following_retrs(100) == [Retr(3)]
    assert decoder.next_command() == Noop()
    assert decoder.following_retrs(100) == [Retr(4)]
    assert decoder.next_command() is None
    decoder.feed(b"\r\n")
    assert decoder.line_waiting
    assert drain(decoder) == [Retr(5)]
    assert not decoder.line_waiting


@given(st.binary(max_size=600))
def test_no_octets_raise(octets: bytes) -> None:
    decoder = Decoder()
    decoder.feed(octets)
    drain(decoder)


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Reply(True, ""), b"+OK\r\n"),
        (Reply(True, "2 320"), b"+OK 2 320\r\n"),
        (Reply(False, "no such message"), b"-ERR no such message\r\n"),
        (Reply(False, "busy", ResponseCode.SYS_TEMP), b"-ERR [SYS/TEMP] busy\r\n"),
        (Reply(False, "locked", ResponseCode.IN_USE), b"-ERR [IN-USE] locked\r\n"),
    ],
)
def test_replies(reply: Reply, line: bytes) -> None:
    assert reply.render() == line
