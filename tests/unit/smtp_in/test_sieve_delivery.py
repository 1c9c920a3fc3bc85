"""What scripts do to mail that arrives: filed, forwarded, refused and answered in the transaction that accepts it."""

import asyncio
import smtplib
from email import message_from_bytes
from typing import Any

import pytest

from kit.certificates import TestAuthority
from smtp_in import filtering
from smtp_in.filtering import Filter, refusal_reply
from smtp_in.replies import Reply
from smtp_in.scripts import Scripts
from smtp_in.sieve.plan import Refusal
from unit.smtp_in.conversing import Client, Serve
from unit.smtp_in.sieve_arrivals import arrival_for, recipient

PASSWORD = "correct horse"


async def activate(served: Any, user: str, script: str) -> None:
    """The one script of user@a.test, in force at once."""
    address = f"{user}@a.test"
    await served.query(
        "DELETE FROM sieve_scripts WHERE account_id = (SELECT account_id FROM accounts WHERE address = $1)", address
    )
    await served.query(
        """INSERT INTO sieve_scripts (account_id, name, text, revision, active)
           SELECT account_id, 'main', $2, gen_random_uuid(), true FROM accounts WHERE address = $1""",
        address,
        script,
    )


async def send(served: Any, *users: str, sender: str = "who@elsewhere.test", headers: str = "", code: int = 250) -> str:
    """A message to user@a.test; the reply to its final dot."""
    to = f"{users[0]}@a.test" if users else ""
    message = f"From: {sender}\r\nTo: {to}\r\nSubject: hello\r\nMessage-ID: <1@elsewhere.test>\r\n{headers}\r\nHello.\r\n.\r\n"
    client = await Client.connect(served.mx)
    recipients = "".join(f"RCPT TO:<{user}@a.test>\r\n" for user in users)
    await client.ask(f"EHLO c.test\r\nMAIL FROM:<{sender}>\r\n{recipients}DATA\r\n".encode(), 250, 250, *[250] * len(users), 354)
    await client.send(message.encode())
    line = await client.line()
    assert line.startswith(str(code).encode()), line
    return line.decode()


async def filed(served: Any, user: str) -> list[tuple[str, int, list[str]]]:
    """Mailbox, system flags and keywords of all messages of an account, in order."""
    rows = await served.query(
        """SELECT b.name, m.flags, m.keywords FROM messages m JOIN mailboxes b USING (account_id, mailbox_id)
           JOIN accounts a USING (account_id) WHERE a.address = $1 ORDER BY m.email_id""",
        f"{user}@a.test",
    )
    return [(row["name"], row["flags"], row["keywords"]) for row in rows]


async def queued(served: Any) -> list[tuple[str, str, str]]:
    """Reverse-path, recipient and our own header lines of what leaves."""
    rows = await served.query(
        "SELECT sender, address, prefix FROM queue_messages JOIN queue_recipients USING (queue_id) ORDER BY address, queue_id"
    )
    return [(row["sender"], row["address"], bytes(row["prefix"]).decode()) for row in rows]


async def test_filed_with_flags_into_mailboxes_that_are_made(serve: Serve) -> None:
    served = await serve()
    await activate(
        served,
        "alice",
        'require ["fileinto", "mailbox", "imap4flags", "copy"]; addflag ["\\\\Seen", "work", "\\\\Bogus"];'
        ' fileinto :copy :create "Lists/New";',
    )
    for _ in range(2):
        await send(served, "alice")
    assert sorted(await filed(served, "alice")) == [("INBOX", 1, ["work"])] * 2 + [("Lists/New", 1, ["work"])] * 2


async def test_mailboxes_that_are_not_there(serve: Serve) -> None:
    """What is not there, or cannot be made, means INBOX; who asks is told."""
    served = await serve()
    asking = 'if mailboxexists ["INBOX", "Archive"] { fileinto "Archive"; } if mailboxexists "Nowhere" { discard; }'
    for user, script, mailbox in (
        ("alice", 'require "fileinto"; fileinto "Nowhere";', "INBOX"),
        ("bob", 'require ["fileinto", "mailbox"]; fileinto :create "a//b"; fileinto :create "x%y";', "INBOX"),
        ("postmaster", f'require ["fileinto", "mailbox"]; {asking}', "Archive"),
    ):
        await activate(served, user, script)
        await send(served, user)
        assert await filed(served, user) == [(mailbox, 0, [])]


async def test_discarded_is_accepted_and_nothing_is_kept(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", "discard;")
    await send(served, "alice")
    await send(served, "alice", "bob")
    assert await filed(served, "alice") == []
    assert len(await served.inbox("bob")) == 1


async def test_a_script_that_fails_keeps(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", 'require ["fileinto", "variables"]; fileinto "Archive"; redirect "${nobody}";')
    await send(served, "alice")
    assert await filed(served, "alice") == [("INBOX", 0, [])]
    await activate(served, "bob", "this is no script")
    await activate(served, "postmaster", 'redirect "nobody@a.test";')
    for user in ("bob", "postmaster"):
        await send(served, user)
        assert await filed(served, user) == [("INBOX", 0, [])]


async def test_redirected_with_a_sender_that_holds(serve: Serve) -> None:
    """SRS, the mark against loops, and one more Received (RFC 5228 §4.2)."""
    served = await serve()
    await activate(served, "alice", 'redirect "far@away.test";')
    await send(served, "alice")
    [(sender, address, prefix)] = await queued(served)
    assert address == "far@away.test"
    assert sender.startswith("SRS0=") and sender.endswith("@a.test")
    assert prefix.startswith("Delivered-To: alice@a.test\r\nReceived: ")
    assert await filed(served, "alice") == []
    await send(served, "alice", headers="Delivered-To: alice@a.test\r\n")
    assert len(await queued(served)) == 1
    assert await filed(served, "alice") == [("INBOX", 0, [])]
    await activate(served, "bob", 'redirect "home@away.test";')
    await send(served, "bob", sender="")
    assert [address for sender, address, _ in await queued(served) if sender == ""] == ["home@away.test"]


async def test_redirected_within_the_house_scripts_run_once_each(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", 'redirect "bob+from-alice@a.test";')
    await activate(
        served,
        "bob",
        'require ["fileinto", "envelope", "subaddress"]; if envelope :detail "to" "from-alice" { fileinto "Archive"; }'
        ' redirect "alice@a.test"; redirect "postmaster@a.test";',
    )
    await send(served, "alice")
    assert await filed(served, "alice") == []
    assert await filed(served, "bob") == [("Archive", 0, [])]
    assert await filed(served, "postmaster") == [("INBOX", 0, [])]
    assert await queued(served) == []


async def test_redirects_within_the_house_are_followed_so_far(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are not followed any more, the message is kept."""
    monkeypatch.setattr(filtering, "MAX_FOLLOWED", 1)
    served = await serve()
    for user, next_user in (("alice", "bob"), ("bob", "postmaster"), ("postmaster", "alice")):
        await activate(served, user, f'redirect "{next_user}@a.test";')
    await send(served, "alice")
    assert [len(await served.inbox(user)) for user in ("alice", "bob", "postmaster")] == [0, 0, 1]


async def test_refused_by_all_is_refused_at_the_dot(serve: Serve) -> None:
    """RFC 5429 §2.5."""
    served = await serve()
    await activate(served, "alice", 'require "ereject"; ereject "I no longer accept mail from you";')
    await activate(served, "bob", 'require "reject"; reject "Nor do I";')
    assert await send(served, "alice", "bob", code=550) == "550 5.7.1 I no longer accept mail from you\r\n"
    assert await send(served, "bob", "bob+tag", code=550) == "550 5.7.1 Nor do I\r\n"
    assert await served.query("SELECT FROM contents") == []


async def test_refused_by_one_of_two_is_reported(serve: Serve) -> None:
    """RFC 5429 §2.1.2: a report for who refuses, in the transaction that keeps it for the other."""
    served = await serve()
    await activate(served, "alice", 'require "reject"; reject "Your message is too big.\r\nReally.";')
    await send(served, "alice", "bob")
    assert len(await served.inbox("bob")) == 1
    assert await filed(served, "alice") == []
    [row] = await served.query(
        """SELECT q.sender, r.address, convert_from(k.data, 'UTF8') AS body FROM queue_messages q
           JOIN queue_recipients r USING (queue_id, tenant_id) JOIN chunks k USING (tenant_id, blob_id)"""
    )
    assert (row["sender"], row["address"]) == ("", "who@elsewhere.test")
    assert "Final-Recipient: rfc822; alice@a.test" in row["body"]
    assert "Your message is too big." in row["body"]
    await send(served, "alice", "bob", sender="")
    assert len(await queued(served)) == 1  # RFC 5429 §2.1.2: nothing is reported to the null sender


async def test_over_lmtp_each_is_refused_for_itself(serve: Serve) -> None:
    """RFC 5429 §2.1.2: LMTP can say so, and there is no report."""
    served = await serve()
    await activate(served, "alice", 'require "reject"; reject "Not me";')
    client = await Client.connect(served.listeners["lmtp"].port)
    await client.ask(
        b"LHLO c.test\r\nMAIL FROM:<who@elsewhere.test>\r\nRCPT TO:<alice@a.test>\r\nRCPT TO:<bob@a.test>\r\nDATA\r\n",
        *(250, 250, 250, 250, 354),
    )
    await client.ask(b"Subject: hello\r\n\r\nHello.\r\n.\r\n", 550, 250)
    assert len(await served.inbox("bob")) == 1
    assert await filed(served, "alice") == [] == await queued(served)


async def test_refused_in_words_that_a_reply_cannot_say(serve: Serve) -> None:
    """RFC 5429 §2.2.1: a failure MDN, with the reason as it was written."""
    served = await serve()
    await activate(served, "alice", 'require "reject"; reject "Bitte nicht, Grüße";')
    await send(served, "alice", sender="bob@a.test")
    assert await filed(served, "alice") == []
    [message] = await served.inbox("bob")
    parsed = message_from_bytes(message)
    assert parsed.get_content_type() == "multipart/report" and parsed.get_param("report-type") == "disposition-notification"
    assert [part.get_content_type() for part in parsed.walk()][1:3] == ["text/plain", "message/disposition-notification"]
    for told in ("Bitte nicht, Grüße", "Disposition: automatic-action/MDN-sent-automatically; deleted", "Subject: hello"):
        assert told in message.decode()
    assert (parsed["Return-Path"], parsed["Auto-Submitted"]) == ("<>", "auto-replied (rejected)")
    assert await send(served, "alice", sender="", code=550) == "550 5.7.1 Refused by the recipient's filter\r\n"


@pytest.mark.parametrize(
    ("reason", "wire"),
    [
        ("no", b"550 5.7.1 no\r\n"),
        ("one\r\n\r\ntwo\x07", b"550-5.7.1 one\r\n550 5.7.1 two\r\n"),
        ("Grüße", b"550 5.7.1 Refused by the recipient's filter\r\n"),
        ("", b"550 5.7.1 Refused by the recipient's filter\r\n"),
    ],
)
def test_reasons_as_smtp_says_them(reason: str, wire: bytes) -> None:
    reply: Reply = refusal_reply(Refusal(reason, protocol=True))
    assert reply.wire == wire


def test_a_long_reason_is_cut() -> None:
    wire = refusal_reply(Refusal("x" * 100_000, protocol=False)).wire
    assert all(len(line) <= 510 for line in wire.split(b"\r\n"))
    assert len(wire) < 10_000


VACATION = 'require "vacation"; vacation :subject "Away" "Back on Monday.";'


async def test_one_answer_however_many_come(serve: Serve) -> None:
    """RFC 5230 §4.2, also for messages that arrive at the same moment; each is kept."""
    served = await serve()
    await activate(served, "alice", VACATION)
    await asyncio.gather(*(send(served, "alice") for _ in range(8)))
    await send(served, "alice", sender="other@elsewhere.test")
    assert [(sender, address) for sender, address, _ in await queued(served)] == [
        ("", "other@elsewhere.test"),
        ("", "who@elsewhere.test"),
    ]
    assert len(await served.inbox("alice")) == 9
    assert await served.query("SELECT FROM queue_recipients WHERE notify <> '{NEVER}'") == []
    assert len(await served.query("SELECT FROM sieve_marks")) == 2


async def test_an_answer_is_committed_with_what_it_answers(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", VACATION)
    await send(served, "alice")
    tables = ("emails", "queue_messages", "sieve_marks")
    assert len(await served.query(" UNION ".join(f"SELECT xmin::text FROM {table}" for table in tables))) == 1


async def test_an_answer_within_the_house_is_filed(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", VACATION)
    await activate(served, "bob", VACATION)  # no script runs on an answer
    await send(served, "alice", sender="bob@a.test")
    [answer] = await served.inbox("bob")
    parsed = message_from_bytes(answer)
    assert (parsed["Return-Path"], parsed["From"], parsed["Subject"]) == ("<>", "alice@a.test", "Away")
    assert (parsed["Auto-Submitted"], parsed["In-Reply-To"]) == ("auto-replied (vacation)", "<1@elsewhere.test>")
    assert await queued(served) == []


async def test_aliases_count_as_addressed(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", VACATION)
    await served.query(
        """INSERT INTO addresses (address, tenant_id, account_id, domain_id)
           SELECT 'allie@a.test', tenant_id, account_id, domain_id FROM accounts WHERE address = 'alice@a.test'"""
    )
    await send(served, "allie", sender="")  # a report
    assert await queued(served) == []
    await send(served, "allie")
    assert len(await queued(served)) == 1


async def test_duplicates_are_found_by_the_transaction(serve: Serve) -> None:
    """RFC 7352: of many copies at once exactly one is new."""
    served = await serve()
    await activate(served, "alice", 'require ["duplicate", "fileinto"]; if duplicate { fileinto "Trash"; }')
    await asyncio.gather(*(send(served, "alice") for _ in range(6)))
    assert sorted(name for name, _, _ in await filed(served, "alice")) == ["INBOX"] + ["Trash"] * 5


async def test_submitted_mail_runs_scripts_too(serve: Serve, authority: TestAuthority) -> None:
    served = await serve()
    await activate(served, "bob", 'require "fileinto"; if address :localpart "from" "alice" { fileinto "Archive"; }')

    def submit() -> None:
        with smtplib.SMTP_SSL("127.0.0.1", served.submissions, context=authority.client_context(), timeout=20) as client:
            client.login("alice@a.test", PASSWORD)
            client.sendmail("alice@a.test", ["bob@a.test"], b"From: alice@a.test\r\nSubject: x\r\n\r\nx\r\n")

    await asyncio.to_thread(submit)
    assert await filed(served, "bob") == [("Archive", 0, [])]


async def test_an_account_reached_twice_runs_its_script_once(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", 'require ["fileinto", "copy"]; fileinto :copy "Archive"; redirect :copy "far@away.test";')
    await send(served, "alice", "alice+tag")
    assert sorted(name for name, _, _ in await filed(served, "alice")) == ["Archive", "INBOX"]
    assert len(await queued(served)) == 1


async def test_a_new_text_is_in_force_within_moments(serve: Serve) -> None:
    served = await serve()
    await activate(served, "alice", "discard;")
    await send(served, "alice")
    await activate(served, "alice", "keep;")

    async def arrives() -> bool:
        await send(served, "alice")
        return bool(await served.inbox("alice"))

    async with asyncio.timeout(10):
        while not await arrives():
            pass


class Unasked:
    """Stands for whatever must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


async def test_without_scripts_nothing_is_asked() -> None:

    unasked: Any = Unasked()
    filters = Filter(Scripts(unasked, unasked), unasked, unasked, unasked, unasked)
    arrival = arrival_for(recipient("alice@a.test"))
    filtered = await filters.run(arrival, unasked, unasked, frozenset())
    assert filtered.arrival is arrival and not filtered.marks and not filtered.answers
    filters.close()
