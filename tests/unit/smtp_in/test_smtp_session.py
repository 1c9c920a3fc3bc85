"""The state machine: what each command may do in each phase, and what the parameters of MAIL and RCPT become."""

import pytest

from mailstead.model.address import Address
from mailstead.store.delivery import Notify
from mailstead.store.passwords import AuthenticatedAccount
from smtp_in import replies
from smtp_in.policy import Role
from smtp_in.replies import Reply
from smtp_in.session import OUT_OF_ORDER, Phase, RecipientAsked, Sender, Service, Session, Transaction
from smtp_in.targets import Target

MX = Service("mx", Role.MX, "mx.a.test", 1000, 3, offers_tls=True)
SUBMISSION = Service("submission", Role.SUBMISSION, "mx.a.test", 1000, 3, offers_tls=True, mechanisms=("PLAIN", "LOGIN"))
ALICE = AuthenticatedAccount(1, 1, "alice@a.test")


def session(phase: Phase, service: Service = MX) -> Session:
    """One that has come to `phase` in the ordinary way."""
    made = Session(service)
    if phase is not Phase.NEW:
        made.greet("client.test", extended=True)
    if service is SUBMISSION:
        made.account = ALICE
    if phase in (Phase.SENDER, Phase.RECIPIENTS):
        made.begin(Sender(None))
    if phase is Phase.RECIPIENTS:
        made.add(Target("u@a.test", ()))
    assert made.phase is phase
    return made


def ask(made: Session, verb: str) -> object:
    match verb:
        case "MAIL":
            return made.mail("FROM:<>")
        case "RCPT":
            return made.rcpt("TO:<u@a.test>")
        case "DATA":
            return made.data(None)
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
        assert made.greet("client.test", extended=extended).code == 250
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
    assert made.greet("no name", extended=True) is replies.BAD_HELLO
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
    ],
)
def test_senders(argument: str, sender: Sender) -> None:
    assert session(Phase.GREETED, SUBMISSION).mail(argument) == sender


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
        ("FROM:<ä@b.test>", replies.UTF8_NOT_ASKED),
    ],
)
def test_refused_senders(argument: str | None, reply: Reply) -> None:
    assert session(Phase.GREETED, SUBMISSION).mail(argument) is reply


def test_the_exchanger_offers_no_dsn_and_no_auth() -> None:
    assert session(Phase.GREETED).mail("FROM:<a@b.test> RET=FULL") is replies.UNKNOWN_PARAMETER
    assert session(Phase.GREETED).mail("FROM:<a@b.test> AUTH=<>") is replies.UNKNOWN_PARAMETER
    assert session(Phase.SENDER).rcpt("TO:<a@b.test> NOTIFY=NEVER") is replies.UNKNOWN_PARAMETER
    assert session(Phase.GREETED).auth("PLAIN") is replies.AUTH_NOT_OFFERED


def test_parameters_need_ehlo() -> None:
    made = Session(MX)
    made.greet("client.test", extended=False)
    assert made.mail("FROM:<a@b.test> SIZE=1") is replies.PARAMETERS_NEED_EHLO


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
    made = Session(SUBMISSION)
    made.greet("client.test", extended=True)
    assert made.mail("FROM:<>") is replies.TLS_FIRST
    assert made.auth("PLAIN") is replies.AUTH_NEEDS_TLS
    made.secured()
    made.greet("client.test", extended=True)
    assert made.mail("FROM:<>") is replies.AUTH_FIRST
    assert made.auth("plain AGE=") == ("PLAIN", "AGE=")
    made.account = ALICE
    assert made.auth("PLAIN") is replies.AUTH_ALREADY
    assert made.mail("FROM:<>") == Sender(None)


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
    made = Session(SUBMISSION, may_log_in_plainly=True)
    made.greet("client.test", extended=True)
    assert made.auth(argument) is reply


def test_what_ehlo_offers() -> None:
    def keywords(made: Session) -> list[str]:
        return [line[4:] for line in made.greet("c.test", extended=True).wire.decode().splitlines()][1:]

    always = ["PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
    assert keywords(Session(MX)) == [*always, "STARTTLS", "HELP"]
    assert keywords(Session(SUBMISSION)) == [*always, "DSN", "STARTTLS", "HELP"]
    assert keywords(Session(SUBMISSION, may_log_in_plainly=True)) == [*always, "DSN", "STARTTLS", "AUTH PLAIN LOGIN", "HELP"]
    secured = Session(SUBMISSION)
    secured.secured()
    assert keywords(secured) == [*always, "DSN", "AUTH PLAIN LOGIN", "HELP"]
    assert Session(MX).greet("c.test", extended=False).wire == b"250 mx.a.test\r\n"
