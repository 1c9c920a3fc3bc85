"""The player of transcripts, itself played."""

import asyncio
import ssl

import pytest

from kit.certificates import TestAuthority
from kit.transcripts import OCTETS, WHOLE, Mismatch, Split, parse, play, play_live

GOOD = r"""
# a small protocol: NAME is remembered, SAY {n} takes a literal
S: ready
C: NAME ${name}
S~ hello (?P<who>\w+), you are number (?P<number>\d+)
C: SAY {4}
C! a\r\nb
S! a\r\nb
C: LIST
S* done
C: BYE ${number} $5
S: bye ${who} 7 $5
CLOSED
"""


class Server:
    """What `GOOD` speaks to."""

    def __init__(self) -> None:
        self.pending = b""
        self.literal = 0
        self.name = ""

    def feed(self, data: bytes) -> bytes:
        if not data:
            return b"ready\r\n"
        self.pending += data
        said = b""
        while True:
            if self.literal:
                if len(self.pending) < self.literal:
                    return said
                said += self.pending[: self.literal]
                self.pending, self.literal = self.pending[self.literal :], 0
            line, end, rest = self.pending.partition(b"\r\n")
            if not end:
                return said
            self.pending = rest
            verb, _, argument = line.partition(b" ")
            match verb:
                case b"NAME":
                    said += b"hello %s, you are number 7\r\n" % argument
                    self.name = argument.decode()
                case b"SAY":
                    self.literal = int(argument[1:-1])
                case b"LIST":
                    said += b"one\r\ntwo\r\ndone\r\n"
                case b"BYE":
                    said += b"bye %s %s\r\n" % (self.name.encode(), argument)


@pytest.mark.parametrize("split", [WHOLE, OCTETS])
def test_played_to_a_pure_object(split: Split) -> None:
    play(parse(GOOD), Server().feed, {"name": "alice"}, split)


@pytest.mark.parametrize("split", [WHOLE, OCTETS])
async def test_played_to_a_live_port(split: Split) -> None:
    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server()
        writer.write(server.feed(b""))
        said = b""
        while not said.startswith(b"bye") and (data := await reader.read(100)):
            said = server.feed(data)
            writer.write(said)
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(session, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        captured = await play_live(parse(GOOD), "127.0.0.1", port, {"name": "alice"}, split=split)
    assert captured == {"name": "alice", "who": "alice", "number": "7"}


@pytest.mark.parametrize("split", [WHOLE, OCTETS])
async def test_the_last_word_before_the_server_hangs_up(authority: TestAuthority, split: Split) -> None:
    """Steps that send nothing write nothing: in TLS, writing to a connection that is closed would be an error."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"bye\r\nreally\r\n")
        writer.close()

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.certificate, authority.key)
    listener = await asyncio.start_server(session, "127.0.0.1", 0, ssl=server)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        transcript = parse("C: QUIT\nS: bye\nS: really\nS? nothing\nCLOSED")
        await play_live(transcript, "127.0.0.1", port, tls=authority.client_context(), split=split)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("S: ready\nC: LIST\nS: one\nS: three", "expected: three\n  received: two"),
        ("S: ready\nC: LIST\nS~ [a-m]+", "expected to match"),
        ("S: ready\nC: LIST\nS: one", "said more than expected"),
        ("S: ready\nC: LIST\nS* never", "received no whole line"),
        ("S: ready\nC: LIST\nS? silence", "expected nothing"),
    ],
)
def test_what_does_not_match_is_told(text: str, told: str) -> None:
    with pytest.raises(Mismatch, match=told.replace("[", "\\[")):
        play(parse(text), Server().feed)


def test_a_line_that_is_no_step() -> None:
    with pytest.raises(ValueError, match="transcript:2: no step"):
        parse("C: fine\nD: what")


def test_a_variable_that_nobody_gave() -> None:
    with pytest.raises(ValueError, match="no variable 'missing'"):
        play(parse("S: ${missing}"), Server().feed)
