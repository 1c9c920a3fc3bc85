"""Mail programs that fetch: poplib and curl, by STLS and TLS, from the running system that took the mail in by SMTP."""

import poplib
import shutil
import smtplib
import subprocess

import pytest

from kit.stack import Stack
from kit.waiting import eventually_now
from mailstead_local.demo import Person

HOST = "localhost"
SENDER = "sender@elsewhere.test"
MESSAGES = [
    b"From: a\r\nSubject: plain\r\n\r\nHello.\r\n",
    b"From: b\r\nSubject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nnot.at.the.start\r\n.\r\n",
    b"From: c\r\nSubject: odd\r\n\r\n\xff\x00\xe4" + b"." * 900 + b"\r\n\r\n \t\r\n",
    b"From: d\r\nSubject: large\r\n\r\n" + b".0123456789\r\n" * 150_000,
    b"From: e\r\nSubject: header only\r\n\r\n",
]


@pytest.fixture
async def person(stack: Stack) -> Person:
    return await stack.new_account()


@pytest.fixture
def filled(stack: Stack, person: Person) -> Person:
    """With MESSAGES in the maildrop, as they came through the exchanger."""
    with smtplib.SMTP(HOST, stack.ports.smtp, timeout=60) as client:
        for message in MESSAGES:
            client.sendmail(SENDER, [person.user], message)
    return person


def opened(stack: Stack, person: Person, way: str) -> poplib.POP3:
    if way == "tls":
        pop3: poplib.POP3 = poplib.POP3_SSL(HOST, stack.ports.pop3_tls, context=stack.client_context(), timeout=60)
    else:
        pop3 = poplib.POP3(HOST, stack.ports.pop3, timeout=60)
        pop3.stls(stack.client_context())
    try:
        pop3.user(person.user)
        pop3.pass_(person.password)
    except poplib.error_proto:
        pop3.quit()
        raise
    return pop3


def octets(lines: list[bytes]) -> bytes:
    return b"\r\n".join([*lines, b""])


def unique_ids(pop3: poplib.POP3) -> list[bytes]:
    return [line.split()[1] for line in pop3.uidl()[1]]


@pytest.mark.parametrize("way", ["stls", "tls"])
def test_poplib_reads(stack: Stack, filled: Person, way: str) -> None:
    pop3 = opened(stack, filled, way)
    count, total = pop3.stat()
    sizes = [int(line.split()[1]) for line in pop3.list()[1]]
    assert (count, total) == (len(MESSAGES), sum(sizes))
    for number, message in enumerate(MESSAGES, 1):
        answer, lines, _ = pop3.retr(number)
        assert answer == b"+OK %d octets" % sizes[number - 1]
        received = octets(lines)
        assert len(received) == sizes[number - 1]
        assert received.startswith(b"Return-Path: <sender@elsewhere.test>\r\nReceived: from ")
        assert received.endswith(b"\r\n" + message)
        prefix = received[: -len(message)]
        header, _, body = message.partition(b"\r\n\r\n")
        wanted = prefix + header + b"\r\n\r\n" + b"".join(line + b"\r\n" for line in body.split(b"\r\n")[:-1][:2])
        assert octets(pop3.top(number, 2)[1]) == wanted
        assert octets(pop3.top(number, 0)[1]) == prefix + header + b"\r\n\r\n"
    with pytest.raises(poplib.error_proto, match="no such message"):
        pop3.retr(len(MESSAGES) + 1)
    pop3.quit()


def test_unique_ids_stay_and_deletions_wait_for_quit(stack: Stack, filled: Person) -> None:
    pop3 = opened(stack, filled, "tls")
    first = unique_ids(pop3)
    assert len(set(first)) == len(MESSAGES)
    pop3.dele(1)
    pop3.dele(3)
    assert pop3.stat()[0] == len(MESSAGES) - 2
    pop3.rset()
    pop3.dele(2)
    pop3.close()  # no QUIT: nothing is deleted (RFC 1939 §3)

    def again() -> bool:
        nonlocal pop3
        try:
            pop3 = opened(stack, filled, "stls")
        except poplib.error_proto as error:
            assert b"[IN-USE]" in error.args[0]
            return False
        return True

    eventually_now(again, 10)
    assert unique_ids(pop3) == first
    pop3.dele(2)
    pop3.dele(4)
    assert pop3.quit().startswith(b"+OK")
    pop3 = opened(stack, filled, "tls")
    assert unique_ids(pop3) == [first[0], first[2], first[4]]
    with smtplib.SMTP(HOST, stack.ports.smtp, timeout=60) as client:
        client.sendmail(SENDER, [filled.user], MESSAGES[1])
    assert pop3.stat()[0] == 3  # the snapshot of the log-in
    pop3.quit()
    pop3 = opened(stack, filled, "tls")
    assert unique_ids(pop3)[:3] == [first[0], first[2], first[4]]
    assert unique_ids(pop3)[3] not in first
    pop3.quit()


def test_one_session_at_a_time(stack: Stack, filled: Person) -> None:
    winner = opened(stack, filled, "tls")
    for way in ("stls", "tls"):
        with pytest.raises(poplib.error_proto) as refused:
            opened(stack, filled, way)
        assert refused.value.args[0].startswith(b"-ERR [IN-USE] ")
    assert winner.noop().startswith(b"+OK")
    winner.quit()
    opened(stack, filled, "stls").quit()


def test_a_wrong_password_and_one_in_the_clear(stack: Stack, person: Person) -> None:
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\] "):
        opened(stack, Person(person.user, "wrong"), "tls")
    pop3 = poplib.POP3(HOST, stack.ports.pop3, timeout=60)
    assert "STLS" in pop3.capa() and "USER" not in pop3.capa()
    with pytest.raises(poplib.error_proto, match="encryption is required"):
        pop3.user(person.user)
    pop3.quit()


# ---- curl


def curl(stack: Stack, person: Person, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed (Debian: apt-get install curl)")
    login = ["-u", f"{person.user}:{person.password}"]
    command = ["curl", "-sS", "--max-time", "30", "--noproxy", "*", "--cacert", str(stack.ca_file), *login, *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


def test_curl_fetches(stack: Stack, filled: Person) -> None:
    urls = (f"pop3s://{HOST}:{stack.ports.pop3_tls}", f"pop3://{HOST}:{stack.ports.pop3}")
    for url in urls:
        listing = curl(stack, filled, "--ssl-reqd", f"{url}/")
        assert listing.returncode == 0, listing.stderr
        sizes = [int(line.split()[1]) for line in listing.stdout.splitlines()]
        for number, message in enumerate(MESSAGES, 1):
            fetched = curl(stack, filled, "--ssl-reqd", f"{url}/{number}")
            assert fetched.returncode == 0, fetched.stderr
            assert fetched.stdout.endswith(b"\r\n" + message)
            assert len(fetched.stdout) == sizes[number - 1]
    deleted = curl(stack, filled, "--request", "DELE", "--head", f"{urls[0]}/1")
    assert deleted.returncode == 0, deleted.stderr
    assert len(curl(stack, filled, f"{urls[0]}/").stdout.splitlines()) == len(MESSAGES) - 1
    wrong = curl(stack, Person(filled.user, "wrong"), f"{urls[0]}/")
    assert wrong.returncode == 67, wrong.stderr  # curl: the user name or password was not accepted
