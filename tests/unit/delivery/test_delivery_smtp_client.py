"""The client's dialogue, as text anyone can read: `S:` what the server says, `C:` what the client answers.

Each dialogue is played twice, whole lines and one octet at a time; both must come to the same.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.commands import Envelope, EnvelopeRecipient, needs_utf8, unsendable
from delivery.dialogue import ORDINARY, Credentials
from delivery.dialogue import Dialogue as Speaks
from delivery.outcome import Fate, Result, verdicts
from delivery.replies import Capabilities, ProtocolError, Reply, ReplyReader
from delivery.smtp_client import (
    NEXT,
    Client,
    Close,
    Finished,
    Ready,
    Send,
    SendContent,
    ShakeHands,
    Stage,
    Step,
    TurnedAway,
)

PLAIN = Envelope("alice@own.test", (EnvelopeRecipient("bob@dest.test"),), 100)
TWO = Envelope("alice@own.test", (EnvelopeRecipient("bob@dest.test"), EnvelopeRecipient("eve@dest.test")), 100)
DSN = Envelope(
    "alice@own.test",
    (EnvelopeRecipient("bob@dest.test", frozenset({"FAILURE", "SUCCESS"}), "rfc822;b+2Bob@old.test"),),
    100,
    envelope_id="id-1",
    return_full=False,
)
WIDE = Envelope("alice@own.test", (EnvelopeRecipient("bøb@dest.test"),), 100, eight_bit=True)
DOMAIN = Envelope("alice@own.test", (EnvelopeRecipient("bob@dåst.test"),), 100, eight_bit=True)
BOUNCE = Envelope("", (EnvelopeRecipient("bob@dest.test", frozenset({"NEVER"})),), 100)


SPEAKS = {"lmtp": Speaks(lmtp=True), "logged-in": Speaks(credentials=Credentials("us", "hush"))}


class Play:
    """Feeds a client and notes what it wants, in the words of a dialogue."""

    def __init__(self, envelopes: list[Envelope], *, tls: bool, octets: bool, dialogue: Speaks = ORDINARY) -> None:
        self.client = Client("mx.own.test", tls=tls, lmtp=dialogue.lmtp, credentials=dialogue.credentials)
        self.envelopes = envelopes
        self.octets = octets
        self.said: list[str] = []
        self.results: list[Result] = []

    def server(self, line: str) -> None:
        data = line.encode() + b"\r\n"
        for piece in [bytes([b]) for b in data] if self.octets else [data]:
            for step in self.client.receive(piece):
                self.take(step)

    def take(self, step: Step) -> None:
        match step:
            case Send(data):
                self.said += data.decode().removesuffix("\r\n").split("\r\n")
            case ShakeHands():
                self.said.append("(handshake)")
                for following in self.client.handshake_done():
                    self.take(following)
            case Ready():
                self.go_on()
            case SendContent():
                self.said.append("(content)")
                self.client.content_sent()
            case Finished(result):
                self.results.append(result)
                if self.client.stage is Stage.READY:
                    self.go_on()
            case TurnedAway(reply):
                self.said.append(f"(turned away: {reply.code})")
            case Close():
                self.said.append("(close)")

    def go_on(self) -> None:
        for step in self.client.begin(self.envelopes.pop(0)) if self.envelopes else self.client.quit():
            self.take(step)


ENVELOPES = {"PLAIN": PLAIN, "TWO": TWO, "DSN": DSN, "WIDE": WIDE, "DOMAIN": DOMAIN, "BOUNCE": BOUNCE}


@dataclass
class Dialogue:
    """One section of `dialogues.txt`."""

    envelopes: list[Envelope] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    outcome: list[str] = field(default_factory=list)
    speaks: Speaks = ORDINARY


def read_dialogues() -> dict[str, Dialogue]:
    dialogues: dict[str, Dialogue] = {}
    for line in Path(__file__).with_name("dialogues.txt").read_text().splitlines():
        kind, _, rest = line.partition(" ")
        match kind:
            case "==":
                current = dialogues[rest] = Dialogue()
            case "envelopes:":
                current.envelopes = [ENVELOPES[name] for name in rest.split()]
            case "speaks:":
                current.speaks = SPEAKS[rest]
            case "outcome:":
                current.outcome.append(rest)
            case "S:" | "C:":
                current.lines.append(line)
            case "" | "#":
                pass
            case _:
                raise ValueError(f"not a line of a dialogue: {line}")
    return dialogues


DIALOGUES = read_dialogues()


@pytest.mark.parametrize("octets", [False, True], ids=["lines", "octets"])
@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(name: str, octets: bool) -> None:
    dialogue = DIALOGUES[name]
    play = Play(list(dialogue.envelopes), tls=True, octets=octets, dialogue=dialogue.speaks)
    for line in dialogue.lines:
        if line.startswith("S: "):
            assert not play.said, f"before {line!r} the client says {play.said}"
            play.server(line[3:])
        else:
            assert play.said, f"the client should say {line!r}"
            assert f"C: {play.said.pop(0)}" == line
    assert not play.said
    assert play.client.stage is Stage.CLOSED
    assert [fates(result) for result in play.results] == dialogue.outcome


def fates(result: Result) -> str:
    return ", ".join(f"{v.fate.value} {v.status}" for v in verdicts(result, host="mx.dest.test", notifies=False))


def ready(*offers: str) -> Client:
    client = Client("mx.own.test", tls=True)
    client.receive(b"220 dest.test\r\n")
    client.receive("\r\n".join(["250-dest.test", *(f"250-{o}" for o in offers), "250 HELP", ""]).encode())
    return client


def test_octets_before_the_handshake_are_an_injection() -> None:
    client = ready("STARTTLS")
    with pytest.raises(ProtocolError, match="handshake"):
        client.receive(b"220 go\r\n250 injected\r\n")


def test_a_reply_to_nothing_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="reply to nothing"):
        ready().receive(b"250 hello?\r\n")


@pytest.mark.parametrize(
    ("offers", "secured", "reason"),
    [
        ((), False, "no TLS"),
        (("AUTH PLAIN",), False, "no TLS"),
        ((), True, "neither AUTH PLAIN nor AUTH LOGIN"),
        (("AUTH CRAM-MD5",), True, "neither AUTH PLAIN nor AUTH LOGIN"),
    ],
)
def test_a_password_is_sent_by_tls_alone_and_as_it_can_be_taken(offers: tuple[str, ...], secured: bool, reason: str) -> None:
    client = Client("mx.own.test", tls=True, credentials=Credentials("us", "hush"))
    client.receive(b"220 relay.test\r\n")
    if secured:
        client.receive(b"250-relay.test\r\n250 STARTTLS\r\n")
        client.receive(b"220 go\r\n")
        client.handshake_done()
    with pytest.raises(ProtocolError, match=reason):
        client.receive("\r\n".join(["250-relay.test", *(f"250-{o}" for o in offers), "250 HELP", ""]).encode())


def test_by_lmtp_who_had_a_reply_before_the_connection_was_lost_is_settled() -> None:
    client = Client("mx.own.test", tls=True, lmtp=True)
    client.receive(b"220 lmtp.test\r\n")
    client.receive(b"250-lmtp.test\r\n250 PIPELINING\r\n")
    client.begin(TWO)
    client.receive(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    client.content_sent()
    client.receive(b"250 2.0.0 stored\r\n")
    result = client.lost("connection reset")
    assert result is not None
    bob, eve = verdicts(result, host="lmtp.test", notifies=False)
    assert (bob.fate, eve.fate, eve.in_doubt) == (Fate.DELIVERED, Fate.DEFERRED, True)


def test_after_the_final_dot_a_lost_connection_is_told_apart() -> None:
    client = ready("PIPELINING")
    client.begin(PLAIN)
    client.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    client.content_sent()
    result = client.lost("connection reset")
    assert result is not None and result.broken is not None and result.broken.unanswered
    assert verdicts(result, host="mx.dest.test", notifies=False)[0].fate is Fate.DEFERRED


@pytest.mark.parametrize("replies", [b"", b"250 ok\r\n", b"250 ok\r\n250 ok\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n"])
def test_before_the_final_dot_a_lost_connection_is_harmless(replies: bytes) -> None:
    client = ready("PIPELINING")
    client.begin(PLAIN)
    client.receive(replies)
    result = client.lost("connection reset")
    assert result is not None and result.broken is not None and not result.broken.unanswered
    assert verdicts(result, host="mx.dest.test", notifies=False)[0].status == "4.4.2"


def test_a_verdict_in_the_middle_of_the_content_ends_the_session() -> None:
    client = ready("PIPELINING")
    client.begin(PLAIN)
    client.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    finished, close = client.receive(b"552 5.3.4 too big\r\n")
    assert isinstance(finished, Finished) and isinstance(close, Close)
    assert verdicts(finished.result, host="mx.dest.test", notifies=False)[0].status == "5.3.4"


def test_an_acceptance_in_the_middle_of_the_content_is_nonsense() -> None:
    client = ready("PIPELINING")
    client.begin(PLAIN)
    client.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    with pytest.raises(ProtocolError):
        client.receive(b"250 thanks\r\n")


def test_every_stage_stands_in_the_table() -> None:
    assert set(NEXT) == set(Stage)


@pytest.mark.parametrize("address", ["a\r\nRCPT TO:<x@y.test>@b.test", "a\x00@b.test", "a\x7f@b.test"])
def test_no_command_can_be_smuggled_through_an_address(address: str) -> None:
    with pytest.raises(ValueError, match="control"):
        ready().begin(Envelope(address, (EnvelopeRecipient("bob@dest.test"),), 1))


def test_nor_through_dsn_parameters() -> None:
    with pytest.raises(ValueError, match="xtext"):
        ready("DSN").begin(Envelope("a@b.test", (EnvelopeRecipient("bob@dest.test"),), 1, envelope_id="a b\r\nDATA"))


@pytest.mark.parametrize(
    ("envelope", "offers", "status"),
    [
        (PLAIN, Capabilities(), None),
        (PLAIN, Capabilities(frozenset({"SIZE"}), 99), "5.3.4"),
        (PLAIN, Capabilities(frozenset({"SIZE"}), 100), None),
        (WIDE, Capabilities(), "5.6.7"),
        (WIDE, Capabilities(frozenset({"SMTPUTF8"})), None),
        (DOMAIN, Capabilities(), None),
    ],
)
def test_unsendable(envelope: Envelope, offers: Capabilities, status: str | None) -> None:
    found = unsendable(envelope, offers)
    assert (found.status if found else None) == status


def test_only_the_local_part_needs_utf8() -> None:
    assert needs_utf8("bøb@dest.test") and not needs_utf8("bob@dåst.test")


@pytest.mark.parametrize(
    ("octets", "codes"),
    [
        (b"250 ok\r\n", [250]),
        (b"250 ok\n", [250]),
        (b"250\r\n", [250]),
        (b"250-a\r\n250-b\r\n250 c\r\n354 go\r\n", [250, 354]),
        (b"250-a\r\n550 c\r\n", [550]),
        (b"250 \xff\xfe\r\n", [250]),
    ],
)
def test_replies(octets: bytes, codes: list[int]) -> None:
    assert [r.code for r in ReplyReader().feed(octets)] == codes


@pytest.mark.parametrize("octets", [b"hello\r\n", b"25 ok\r\n", b"650 no\r\n", b"250ok\r\n", b"x" * 5_000, b"250-a\r\n" * 200])
def test_no_replies(octets: bytes) -> None:
    with pytest.raises(ProtocolError):
        ReplyReader().feed(octets)


def test_control_characters_do_not_get_into_what_is_stored() -> None:
    (reply,) = ReplyReader().feed(b"550 5.1.1 \x00\x1b[31mno\r\r\n")
    assert reply.text == "550 5.1.1 ??[31mno?"


def test_the_text_of_a_reply_is_bounded() -> None:
    reply = Reply(550, tuple("x" * 4000 for _ in range(100)))
    assert len(reply.text) == 2000


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_octets_in_any_pieces_come_to_the_same(data: bytes, size: int) -> None:
    def run(pieces: list[bytes]) -> tuple[list[Reply], str | None]:
        reader, replies = ReplyReader(), list[Reply]()
        try:
            for piece in pieces:
                replies += reader.feed(piece)
        except ProtocolError as error:
            return [], str(error)
        return replies, None

    assert run([data])[1] == run([data[i : i + size] for i in range(0, len(data), size)])[1]
    assert run([data])[0] == run([data[i : i + size] for i in range(0, len(data), size)])[0]
