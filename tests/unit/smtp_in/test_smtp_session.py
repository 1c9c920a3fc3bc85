"""The state machine: what each command may do in each phase, and what the parameters of MAIL and RCPT become."""

from datetime import UTC, datetime, timedelta

import pytest

from mailstead.model.address import Address
from mailstead.store.delivery import Notify
from mailstead.store.passwords import AuthenticatedAccount
from smtp_in import replies
from smtp_in.extensions import RecipientAsked, Sender
from smtp_in.policy import Role
from smtp_in.replies import Reply
from smtp_in.session import OUT_OF_ORDER, Chunk, Phase, Service, Session, Transaction
from smtp_in.targets import Target
from smtp_in.xclient import FrontEnd

MX = Service(name="mx", role=Role.MX, hostname="mx.a.test", max_size=1000, max_recipients=3, offers_tls=True)
SUBMISSION = Service(
    name="submission",
    role=Role.SUBMISSION,
    hostname="mx.a.test",
    max_size=1000,
    max_recipients=3,
    offers_tls=True,
    offers_auth=True,
    offers_dsn=True,
    future_release=timedelta(days=30),
)
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MECHANISMS = ("PLAIN", "LOGIN")
ALICE = AuthenticatedAccount(1, 1, "alice@a.test")


def session(phase: Phase, service: Service = MX) -> Session:
    """One that has come to `phase` in the ordinary way."""
    made = Session(service, mechanisms=MECHANISMS if service.offers_auth else ())
    if phase is not Phase.NEW:
        made.greet("client.test", extended=True, now=NOW)
    if service is SUBMISSION:
        made.account = ALICE
    if phase in (Phase.SENDER, Phase.RECIPIENTS, Phase.CHUNKS):
        made.begin(Sender(None))
    if phase in (Phase.RECIPIENTS, Phase.CHUNKS):
        made.add(Target("u@a.test", ()))
    if phase is Phase.CHUNKS:
        assert made.begin_chunk() is None
    assert made.phase is phase
    return made


def ask(made: Session, verb: str) -> object:
    match verb:
        case "MAIL":
            return made.mail("FROM:<>", NOW)
        case "RCPT":
            return made.rcpt("TO:<u@a.test>")
        case "DATA":
            return made.data(None)
        case "BDAT":
            return made.begin_chunk()
        case "AUTH":
            return made.auth("PLAIN")
        case _:
            return made.starttls(None)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("verb", OUT_OF_ORDER)
def test_the_table_of_order_holds(verb: str, phase: Phase) -> None:
    made = session(phase, SUBMISSION)
    if verb == "AUTH":
        made.account, made.tls = None, True
    answer = ask(made, verb)
    refusal = OUT_OF_ORDER[verb].get(phase)
    if refusal is not None:
        assert answer is refusal
        assert made.phase is phase
    else:
        assert not isinstance(answer, Reply)


@pytest.mark.parametrize("phase", Phase)
def test_greeting_again_and_reset_end_a_transaction(phase: Phase) -> None:
    for extended in (True, False):
        made = session(phase)
        assert made.greet("client.test", extended=extended, now=NOW).code == 250
        assert made.phase is Phase.GREETED
    made = session(phase)
    made.reset()
    assert made.phase is (Phase.NEW if phase is Phase.NEW else Phase.GREETED)


@pytest.mark.parametrize("phase", Phase)
def test_tls_forgets_everything(phase: Phase) -> None:  # RFC 3207 §4.2
    made = session(phase, SUBMISSION)
    made.secured()
    assert (made.phase, made.account, made.tls) == (Phase.NEW, None, True)


def test_a_failed_greeting_changes_nothing() -> None:
    made = session(Phase.RECIPIENTS)
    assert made.greet("no name", extended=True, now=NOW) is replies.BAD_HELLO
    assert made.phase is Phase.RECIPIENTS


def test_data_gives_the_envelope_away() -> None:
    made = session(Phase.RECIPIENTS)
    transaction = made.data(None)
    assert isinstance(transaction, Transaction)
    assert transaction.targets == [Target("u@a.test", ())]
    assert made.phase is Phase.GREETED


@pytest.mark.parametrize(
    ("argument", "sender"),
    [
        ("FROM:<>", Sender(None)),
        ("from:<a@b.test>", Sender(Address("a", "b.test"))),
        ("FROM: <a@b.test> size=900 BODY=8bitmime", Sender(Address("a", "b.test"), 900)),
        ("FROM:<ä@b.test> SMTPUTF8", Sender(Address("ä", "b.test"), utf8=True)),
        ("FROM:<a@b.test> RET=FULL ENVID=QQ+2B1", Sender(Address("a", "b.test"), envelope_id="QQ+2B1", return_full=True)),
        ("FROM:<a@b.test> RET=HDRS AUTH=<>", Sender(Address("a", "b.test"))),
        ("FROM:<> HOLDFOR=3600", Sender(None, hold_until=NOW + timedelta(hours=1))),
        ("FROM:<> holduntil=2026-11-24T10:00:00+01:00", Sender(None, hold_until=NOW + timedelta(days=1))),
        ("FROM:<> HOLDUNTIL=2026-11-23T08:59:59Z", Sender(None)),
    ],
)
def test_senders(argument: str, sender: Sender) -> None:
    assert session(Phase.GREETED, SUBMISSION).mail(argument, NOW) == sender


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (None, replies.BAD_MAIL_SYNTAX),
        ("", replies.BAD_MAIL_SYNTAX),
        ("TO:<a@b.test>", replies.BAD_MAIL_SYNTAX),
        ("FROM <a@b.test>", replies.BAD_MAIL_SYNTAX),
        ("FROM:a@b.test", replies.BAD_SENDER),
        ("FROM:<a@b.test>SIZE=1", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> SIZE=x", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> SIZE", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> SIZE=123456789012345678901", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> SIZE=1001", replies.TOO_LARGE),
        ("FROM:<a@b.test> BODY=BINARYMIME", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> SMTPUTF8=1", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> RET=ALL", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> ENVID=a+zz", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> ENVID=" + "x" * 101, replies.BAD_PARAMETER),
        ("FROM:<a@b.test> AUTH=a=b", replies.BAD_PARAMETER),
        ("FROM:<a@b.test> FOO=1", replies.UNKNOWN_PARAMETER),
        ("FROM:<a@b.test> REQUIRETLS", replies.UNKNOWN_PARAMETER),  # RFC 8689 §4.2.1: not offered without TLS
        ("FROM:<> HOLDFOR=0", replies.BAD_PARAMETER),
        ("FROM:<> HOLDFOR=1234567890", replies.BAD_PARAMETER),
        ("FROM:<> HOLDFOR=1 HOLDUNTIL=2026-11-24T10:00:00Z", replies.BAD_PARAMETER),
        ("FROM:<> HOLDUNTIL=2026-11-24", replies.BAD_PARAMETER),
        ("FROM:<> HOLDUNTIL=2026-11-24T10:00:00", replies.BAD_PARAMETER),
        ("FROM:<> HOLDUNTIL=2027-11-24T10:00:00Z", replies.HOLD_TOO_LONG),
        ("FROM:<> HOLDFOR=2592001", replies.HOLD_TOO_LONG),
        ("FROM:<ä@b.test>", replies.UTF8_NOT_ASKED),
    ],
)
def test_refused_senders(argument: str | None, reply: Reply) -> None:
    assert session(Phase.GREETED, SUBMISSION).mail(argument, NOW) is reply


def test_the_exchanger_offers_no_dsn_and_no_auth() -> None:
    assert session(Phase.GREETED).mail("FROM:<a@b.test> RET=FULL", NOW) is replies.UNKNOWN_PARAMETER
    assert session(Phase.GREETED).mail("FROM:<a@b.test> AUTH=<>", NOW) is replies.UNKNOWN_PARAMETER
    assert session(Phase.SENDER).rcpt("TO:<a@b.test> NOTIFY=NEVER") is replies.UNKNOWN_PARAMETER
    assert session(Phase.GREETED).auth("PLAIN") is replies.AUTH_NOT_OFFERED


def test_parameters_need_ehlo() -> None:
    made = Session(MX)
    made.greet("client.test", extended=False, now=NOW)
    assert made.mail("FROM:<a@b.test> SIZE=1", NOW) is replies.PARAMETERS_NEED_EHLO


@pytest.mark.parametrize(
    ("argument", "asked"),
    [
        ("TO:<u@a.test>", RecipientAsked(Address("u", "a.test"))),
        ("to: <Postmaster>", RecipientAsked(None)),
        ("TO:<u@a.test> NOTIFY=never", RecipientAsked(Address("u", "a.test"), frozenset({Notify.NEVER}))),
        (
            "TO:<u@a.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;u+2Bx@a.test",
            RecipientAsked(Address("u", "a.test"), frozenset({Notify.SUCCESS, Notify.DELAY}), "rfc822;u+2Bx@a.test"),
        ),
    ],
)
def test_recipients(argument: str, asked: RecipientAsked) -> None:
    assert session(Phase.SENDER, SUBMISSION).rcpt(argument) == asked


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (None, replies.BAD_RCPT_SYNTAX),
        ("FROM:<u@a.test>", replies.BAD_RCPT_SYNTAX),
        ("TO:u@a.test", replies.BAD_RECIPIENT),
        ("TO:<>", replies.BAD_RECIPIENT),
        ("TO:<u@a.test> NOTIFY=NEVER,DELAY", replies.BAD_PARAMETER),
        ("TO:<u@a.test> NOTIFY=DELAY,DELAY", replies.BAD_PARAMETER),
        ("TO:<u@a.test> NOTIFY=SOON", replies.BAD_PARAMETER),
        ("TO:<u@a.test> NOTIFY", replies.BAD_PARAMETER),
        ("TO:<u@a.test> ORCPT=u@a.test", replies.BAD_PARAMETER),
        ("TO:<u@a.test> FOO", replies.UNKNOWN_PARAMETER),
        ("TO:<ü@a.test>", replies.UTF8_NOT_ASKED),
    ],
)
def test_refused_recipients(argument: str | None, reply: Reply) -> None:
    assert session(Phase.SENDER, SUBMISSION).rcpt(argument) is reply


def test_recipients_are_counted() -> None:
    made = session(Phase.SENDER)
    for n in range(3):
        assert isinstance(made.rcpt(f"TO:<u{n}@a.test>"), RecipientAsked)
        made.add(Target(f"u{n}@a.test", ()))
    assert made.rcpt("TO:<u3@a.test>") is replies.TOO_MANY_RECIPIENTS


def test_submission_wants_tls_then_a_login() -> None:
    made = Session(SUBMISSION, mechanisms=MECHANISMS)
    made.greet("client.test", extended=True, now=NOW)
    assert made.mail("FROM:<>", NOW) is replies.TLS_FIRST
    assert made.auth("PLAIN") is replies.AUTH_NEEDS_TLS
    made.secured()
    made.greet("client.test", extended=True, now=NOW)
    assert made.mail("FROM:<>", NOW) is replies.AUTH_FIRST
    assert made.auth("plain AGE=") == ("PLAIN", "AGE=")
    made.account = ALICE
    assert made.auth("PLAIN") is replies.AUTH_ALREADY
    assert made.mail("FROM:<>", NOW) == Sender(None)


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (None, replies.AUTH_BAD_SYNTAX),
        ("", replies.AUTH_BAD_SYNTAX),
        ("PLAIN a b", replies.AUTH_BAD_SYNTAX),
        ("DIGEST-MD5", replies.AUTH_UNKNOWN_MECHANISM),
    ],
)
def test_refused_auth(argument: str | None, reply: Reply) -> None:
    made = Session(SUBMISSION, mechanisms=MECHANISMS, may_log_in_plainly=True)
    made.greet("client.test", extended=True, now=NOW)
    assert made.auth(argument) is reply


def test_what_ehlo_offers() -> None:
    def keywords(made: Session) -> list[str]:
        return [line[4:] for line in made.greet("c.test", extended=True, now=NOW).wire.decode().splitlines()][1:]

    always = ["PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES"]
    dsn, limits, hold = "DSN", "LIMITS RCPTMAX=3", "FUTURERELEASE 2592000 2026-12-23T00:00:00Z"
    assert keywords(Session(MX)) == [*always, limits, "STARTTLS", "HELP"]
    assert keywords(Session(SUBMISSION, mechanisms=MECHANISMS)) == [*always, dsn, limits, hold, "STARTTLS", "HELP"]
    assert keywords(Session(SUBMISSION, mechanisms=MECHANISMS, may_log_in_plainly=True)) == [
        *always, dsn, limits, hold, "STARTTLS", "AUTH PLAIN LOGIN", "HELP",
    ]  # fmt: skip
    secured = Session(SUBMISSION, mechanisms=MECHANISMS)
    secured.secured()
    assert keywords(secured) == [*always, dsn, limits, "REQUIRETLS", hold, "AUTH PLAIN LOGIN", "HELP"]
    assert Session(MX).greet("c.test", extended=False, now=NOW).wire == b"250 mx.a.test\r\n"
    secured.is_front_end = True
    assert keywords(secured)[-2:] == ["XCLIENT NAME ADDR PORT PROTO HELO", "HELP"]


def test_tls_may_be_required_over_tls() -> None:  # RFC 8689 §4.1
    made = session(Phase.GREETED)
    made.tls = True
    assert made.mail("FROM:<> REQUIRETLS", NOW) == Sender(None, require_tls=True)
    assert made.mail("FROM:<> REQUIRETLS=1", NOW) is replies.BAD_PARAMETER


@pytest.mark.parametrize(
    ("argument", "chunk"),
    [("0 LAST", Chunk(0, True)), ("86", Chunk(86, False)), ("1 last", Chunk(1, True))],
)
def test_chunks(argument: str, chunk: Chunk) -> None:  # RFC 3030 §2
    assert session(Phase.RECIPIENTS).bdat(argument) == chunk


@pytest.mark.parametrize("argument", [None, "", "LAST", "x", "-1", "+1", "1 2", "1 LAST LAST", "١", "1" * 13])
def test_what_is_no_chunk(argument: str | None) -> None:
    assert session(Phase.RECIPIENTS).bdat(argument) is replies.BAD_CHUNK


def test_the_last_chunk_gives_the_envelope_away() -> None:
    made = session(Phase.CHUNKS)
    assert made.begin_chunk() is None
    assert made.end_chunks().targets == [Target("u@a.test", ())]
    assert made.phase is Phase.GREETED


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        ("ADDR=192.0.2.7 NAME=client.test", "192.0.2.7"),
        ("addr=IPV6:2001:DB8::1", "2001:db8::1"),
        ("NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE]", None),
        ("HELO=x+20y PROTO=ESMTP PORT=25", None),
    ],
)
def test_a_front_end_says_whom_it_speaks_for(argument: str, address: str | None) -> None:
    made = session(Phase.GREETED)
    made.is_front_end = True
    assert made.xclient(argument) == FrontEnd(address)
    assert made.phase is Phase.NEW


def test_what_a_front_end_may_not_say() -> None:
    assert session(Phase.GREETED).xclient("ADDR=192.0.2.7") is replies.NOT_IMPLEMENTED
    made = session(Phase.SENDER)
    made.is_front_end = True
    assert made.xclient("ADDR=192.0.2.7") is replies.NESTED_MAIL
    made.reset()
    for wrong in (None, "ADDR", "ADDR=x", "ADDR=1.2.3", "FOO=1", "HELO=a+0Ab", "NAME=a " * 21):
        assert made.xclient(wrong) is replies.BAD_PARAMETER
