"""ManageSieve: its dialogs over TCP and TLS, whole lines and single octets; its limits; what becomes of scripts that are put."""

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.certificates import TestAuthority
from kit.transcripts import OCTETS, WHOLE, load, play_live, transcripts
from kit.waiting import eventually
from mailstead.model.failure import Failure
from mailstead.wire.sasl import PASSWORD_MECHANISMS
from smtp_in.managesieve.protocol import BadCommand, Decoder, Noop, PutScript, SetActive, TooLarge
from smtp_in.managesieve.replies import REPLIES, Status, string
from smtp_in.managesieve.state import ALLOWED, TRANSITIONS, Authenticated, Challenged, Closed, NonAuthenticated
from unit.smtp_in.conversing import Client, Serve

SETTINGS = {"sieve_max_script_octets": 1_024, "sieve_max_scripts": 3}


@pytest.fixture
def spoken(variables: dict[str, str]) -> dict[str, str]:
    return variables | {
        "mechanisms": " ".join(PASSWORD_MECHANISMS),
        "plain_length": str(len(variables["plain"])),
        "x1025": "x" * 1025,
        "x3000": "x" * 3000,
    }


@pytest.mark.parametrize("path", transcripts("managesieve/plain"))
async def test_dialog(path: Path, serve: Serve, spoken: dict[str, str]) -> None:
    served = await serve(plaintext_auth_networks="127.0.0.0/8", **SETTINGS)
    for split in (WHOLE, OCTETS):
        await served.query("DELETE FROM sieve_scripts")
        await play_live(load(path), "127.0.0.1", served.managesieve, spoken, split=split)


@pytest.mark.parametrize("path", transcripts("managesieve/secured"))
async def test_dialog_with_tls(path: Path, serve: Serve, spoken: dict[str, str], authority: TestAuthority) -> None:
    served = await serve(**SETTINGS)
    await play_live(load(path), "127.0.0.1", served.managesieve, spoken, starttls=authority.client_context())


# ---- limits and ends


async def connected(served: object, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        while not (await reader.readline()).startswith(b"OK"):
            pass
    return reader, writer


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.read()


async def test_silence_ends_a_session(serve: Serve) -> None:
    served = await serve(managesieve_login_seconds=0.2)
    reader, writer = await connected(served, served.managesieve)
    assert await rest(reader) == b'BYE "Nothing heard for too long"\r\n'
    writer.close()


async def test_too_many_errors_end_a_session(serve: Serve) -> None:
    served = await serve(managesieve_max_errors=3)
    reader, writer = await connected(served, served.managesieve)
    writer.write(b"X\r\n" * 10)
    assert (await rest(reader)).endswith(b'NO "Unknown command"\r\nBYE "Too many errors"\r\n')
    writer.close()


async def test_draining_ends_sessions(serve: Serve) -> None:
    served = await serve()
    reader, writer = await connected(served, served.managesieve)
    served.runtime.drain()
    assert await rest(reader) == b'BYE (TRYLATER) "Going down, connect again"\r\n'
    writer.close()


async def test_one_connection_too_many(serve: Serve) -> None:
    served = await serve(managesieve_max_connections=1)
    _, writer = await connected(served, served.managesieve)
    reader, other = await asyncio.open_connection("127.0.0.1", served.managesieve)
    assert (await rest(reader)).startswith(b"BYE (TRYLATER)")
    for each in (writer, other):
        each.close()


async def test_what_is_put_runs(serve: Serve, variables: dict[str, str]) -> None:
    """From PUTSCRIPT to the mailbox that it files into."""
    served = await serve(plaintext_auth_networks="127.0.0.0/8")
    reader, writer = await connected(served, served.managesieve)
    plain = b64encode(b"\0alice@a.test\0correct horse").decode()
    writer.write(f'AUTHENTICATE "PLAIN" "{plain}"\r\nPUTSCRIPT "a" "discard;"\r\nSETACTIVE "a"\r\nLOGOUT\r\n'.encode())
    assert await rest(reader) == b'OK "Authenticated"\r\nOK\r\nOK\r\nOK "Bye"\r\n'
    writer.close()
    client = await Client.connect(served.mx)
    await client.ask(b"EHLO c\r\nMAIL FROM:<x@y.test>\r\nRCPT TO:<alice@a.test>\r\nDATA\r\n", 250, 250, 250, 354)
    await client.ask(b"Subject: x\r\n\r\nx\r\n.\r\n", 250)
    assert await served.inbox("alice") == []


async def test_a_database_that_is_away_is_a_temporary_failure(serve: Serve, variables: dict[str, str]) -> None:
    served = await serve(plaintext_auth_networks="127.0.0.0/8")
    reader, writer = await connected(served, served.managesieve)
    writer.write(f'AUTHENTICATE "PLAIN" "{variables["plain"]}"\r\n'.encode())
    assert await reader.readline() == b'OK "Authenticated"\r\n'
    await served.query("REVOKE ALL ON sieve_scripts FROM mailstead_smtp_in")
    try:
        for command in (b'PUTSCRIPT "a" "keep;"', b"LISTSCRIPTS", b'SETACTIVE "a"', b'GETSCRIPT "a"', b'HAVESPACE "a" 1'):
            writer.write(command + b"\r\n")
            assert await reader.readline() == b'NO (TRYLATER) "Temporary failure, try again later"\r\n'
    finally:
        await served.query("GRANT SELECT, INSERT, UPDATE, DELETE ON sieve_scripts TO mailstead_smtp_in")
    writer.close()
    await eventually(lambda: served.listeners["managesieve"].connections == 0)


# ---- pure


def test_every_failure_has_a_reply() -> None:
    assert set(REPLIES) == set(Failure)
    assert all(reply.status is Status.NO for reply in REPLIES.values())


def test_every_state_is_in_the_tables() -> None:
    states = {NonAuthenticated, Challenged, Authenticated, Closed}
    assert ALLOWED.keys() == states
    assert {state for state, _ in TRANSITIONS} | set(TRANSITIONS.values()) == states


@given(st.binary(max_size=400), st.integers(1, 7))
def test_no_octets_raise_and_pieces_make_no_difference(octets: bytes, size: int) -> None:
    assert decoded(octets, len(octets) or 1) == decoded(octets, size)


FRAGMENTS = (
    b"NOOP",
    b"PUTSCRIPT",
    b"SETACTIVE",
    b" ",
    b'"',
    b"\\",
    b"{3+}\r\n",
    b"{60+}\r\n",
    b"{9999999999+}\r\n",
    b"abc",
    b"\r\n",
    b"\n",
)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20).map(b"".join), st.integers(1, 9))
def test_likely_octets_too(octets: bytes, size: int) -> None:
    assert decoded(octets, len(octets) or 1) == decoded(octets, size)


def decoded(octets: bytes, size: int) -> list[object]:
    decoder, found = Decoder(50), list[object]()
    for at in range(0, len(octets), size):
        decoder.feed(octets[at : at + size])
        while (command := decoder.next_command()) is not None:
            found.append(command)
    return found


def test_what_is_too_long_is_passed_over() -> None:
    assert decoded(b'PUTSCRIPT "a" {60+}\r\n' + b"x" * 60 + b"\r\nNOOP\r\n", 7) == [TooLarge(), Noop()]
    assert decoded(b"NOOP " + b"x" * 50_000 + b"\r\nNOOP\r\n", 1000) == [BadCommand("Line too long"), Noop()]
    assert decoded(b'PUTSCRIPT {1+}\r\na {5+}\r\nkeep;\r\nSETACTIVE ""\r\n', 1) == [PutScript("a", b"keep;"), SetActive("")]


@given(st.text(max_size=50))
def test_strings_come_back(text: str) -> None:
    written = string(text.encode("utf-8", "replace").decode())
    if written.startswith(b"{"):
        written = written.replace(b"}", b"+}", 1)
    assert decoded(b"NOOP " + written + b"\r\n", 1000) in ([Noop(text)], [TooLarge()])
