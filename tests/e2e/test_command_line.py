"""`mailstead` looks after a running system: an account from its making to its end, seen by its mail clients."""

import asyncio
import contextlib
import imaplib
import json
import mailbox
import os
import poplib
import smtplib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kit.sending import send
from kit.stack import Stack
from kit.waiting import eventually, eventually_now
from mailstead_local.demo import Person
from mailstead_local.ports import HOST


def mailstead(stack: Stack, *arguments: str, password: str = "", status: int = 0) -> str:
    """What the command says on standard output, or for another `status` on standard error."""
    environment = {
        "PATH": os.defpath,
        "MAILSTEAD_API_URL": f"http://{HOST}:{stack.ports.api}",
        "MAILSTEAD_API_TOKEN": stack.demo.admin_token,
        "MAILSTEAD_MIGRATION_DATABASE_URL": stack.system.owner_url(),
    }
    program = str(Path(sys.executable).with_name("mailstead"))
    ended = subprocess.run([program, *arguments], input=password, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == status, ended.stderr
    return ended.stderr if status else ended.stdout


def logs_in(stack: Stack, user: str, password: str) -> bool:
    with imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context()) as imap:
        try:
            return imap.login(user, password)[0] == "OK"
        except imaplib.IMAP4.error:
            return False


def refused_or_taken(stack: Stack, recipient: str) -> int:
    with smtplib.SMTP(HOST, stack.ports.smtp) as smtp:
        smtp.ehlo("client.test")
        smtp.mail("x@elsewhere.example")
        return smtp.rcpt(recipient)[0]


def test_the_life_of_an_account(stack: Stack) -> None:
    mailstead(stack, "domains", "create", "cli.test")
    made = json.loads(
        mailstead(stack, "accounts", "create", "dora@cli.test", "--password-stdin", "--json", password="a first secret")
    )
    assert (made["address"], made["active"]) == ("dora@cli.test", True)
    assert logs_in(stack, "dora@cli.test", "a first secret")
    assert "dora@cli.test" in mailstead(stack, "accounts", "list")
    assert "has accounts" in mailstead(stack, "domains", "delete", "cli.test", "--yes", status=1)
    mailstead(stack, "accounts", "delete", "dora@cli.test", "--yes")
    assert not logs_in(stack, "dora@cli.test", "a first secret")
    assert "dora@cli.test" not in mailstead(stack, "accounts", "list")
    mailstead(stack, "domains", "delete", "cli.test", "--yes")
    assert "cli.test" not in mailstead(stack, "domains", "list")
    assert "cli.test" in mailstead(stack, "domains", "list", "--deleted")

    mailstead(stack, "domains", "restore", "cli.test")
    assert "dora@cli.test" in mailstead(stack, "accounts", "list", "--deleted")
    mailstead(stack, "accounts", "restore", "dora@cli.test")
    session = imaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context())
    assert session.login("dora@cli.test", "a first secret")[0] == "OK"
    assert refused_or_taken(stack, "dora@cli.test") == 250
    mailstead(stack, "accounts", "delete", "dora@cli.test", "--yes")
    assert b"BYE" in session.readline(), "its session ends"
    session.shutdown()
    eventually_now(lambda: refused_or_taken(stack, "dora@cli.test") == 550)  # who took mail is remembered for a moment
    mailstead(stack, "accounts", "delete", "dora@cli.test", "--erase", "--yes")
    mailstead(stack, "domains", "delete", "cli.test", "--erase", "--yes")
    assert "cli.test" not in mailstead(stack, "domains", "list", "--deleted")


def test_aliases_app_passwords_scripts_and_delivery_rules(stack: Stack, tmp_path: Path) -> None:
    mailstead(stack, "domains", "create", "more.test")
    mailstead(stack, "accounts", "create", "dora@more.test", "--password-stdin", password="a first secret")
    assert "goes to dora@more.test" in mailstead(stack, "aliases", "create", "Sales@more.test", "dora@more.test")
    mailstead(stack, "aliases", "change", "sales@more.test", "--to", "x@else.test", "--to", "dora@more.test", "--suspended")
    (alias,) = json.loads(mailstead(stack, "aliases", "list", "--domain", "more.test", "--json"))
    assert (alias["targets"], alias["active"]) == (["x@else.test", "dora@more.test"], False)
    assert "sales@more.test is deleted" in mailstead(stack, "aliases", "delete", "sales@more.test")

    secret = mailstead(stack, "app-passwords", "create", "dora@more.test", "Phone", "--for", "imap").strip()
    assert logs_in(stack, "dora@more.test", secret)
    (made,) = json.loads(mailstead(stack, "app-passwords", "list", "dora@more.test", "--json"))
    assert "Phone" in mailstead(stack, "app-passwords", "list", "dora@more.test")
    mailstead(stack, "app-passwords", "revoke", "dora@more.test", str(made["id"]))
    assert not logs_in(stack, "dora@more.test", secret)

    script = tmp_path / "main.sieve"
    script.write_text("keep;\n")
    assert "main is stored and runs" in mailstead(stack, "sieve", "put", "dora@more.test", "main", str(script), "--active")
    assert mailstead(stack, "sieve", "show", "dora@more.test", "main") == "keep;\n"
    assert "yes" in mailstead(stack, "sieve", "list", "dora@more.test")
    assert "is active" in mailstead(stack, "sieve", "delete", "dora@more.test", "main", status=1)
    mailstead(stack, "sieve", "put", "dora@more.test", "main", str(script), "--inactive")
    mailstead(stack, "sieve", "delete", "dora@more.test", "main")
    script.write_text("keep")
    assert "line 1" in mailstead(stack, "sieve", "put", "dora@more.test", "main", str(script), status=1)

    options = ("--host", "relay.more.test", "--tls", "verified", "--username", "us", "--password-stdin", "--per-minute", "30")
    rule = json.loads(mailstead(stack, "delivery-rules", "create", ".far.test", *options, "--json", password="pw"))
    assert (rule["domain"], rule["username"], rule["messages_per_minute"]) == (".far.test", "us", 30)
    assert rule["id"][:8] in mailstead(stack, "delivery-rules", "list")
    assert json.loads(mailstead(stack, "delivery-rules", "show", rule["id"])) == rule
    mailstead(stack, "delivery-rules", "delete", rule["id"])
    assert json.loads(mailstead(stack, "delivery-rules", "list", "--json")) == []


async def test_who_reads_by_pop3_is_ended_with_the_account_and_deletes_nothing_more(stack: Stack) -> None:
    person = await stack.new_account()
    for n in range(2):
        await send(stack.ports.smtp, person.user, b"Subject: number %d\r\n\r\nA line.\r\n" % n)

    def maildrop() -> poplib.POP3_SSL:
        pop3 = poplib.POP3_SSL(HOST, stack.ports.pop3_tls, context=stack.client_context(), timeout=20)
        try:
            pop3.user(person.user)
            pop3.pass_(person.password)
        except poplib.error_proto:
            pop3.close()
            raise
        return pop3

    def waits(pop3: poplib.POP3_SSL) -> bytes:
        """All that comes until the connection ends."""
        with contextlib.closing(pop3):
            said: bytes = pop3.file.read()
            return said

    session = await asyncio.to_thread(maildrop)
    session.dele(1)
    await asyncio.to_thread(mailstead, stack, "accounts", "delete", person.user, "--yes")
    assert (await asyncio.to_thread(waits, session)).startswith(b"-ERR")
    with pytest.raises(poplib.error_proto):
        await asyncio.to_thread(maildrop)
    await asyncio.to_thread(mailstead, stack, "accounts", "restore", person.user)
    again = await asyncio.to_thread(maildrop)
    assert again.stat()[0] == 2, "what it had marked is not deleted: it never said QUIT"
    again.quit()


async def test_a_changed_account_is_changed_at_once(stack: Stack) -> None:
    person = await stack.new_account()
    async with stack.api() as api:
        (account,) = [a for a in (await api.get("/v1/accounts?limit=500")).json()["items"] if a["address"] == person.user]
        path = f"/v1/accounts/{account['id']}"
        assert logs_in(stack, person.user, person.password)
        (await api.patch(path, json={"password": "another secret of hers"})).raise_for_status()
        assert not logs_in(stack, person.user, person.password)
        assert logs_in(stack, person.user, "another secret of hers")
        (await api.patch(path, json={"active": False})).raise_for_status()
        assert not logs_in(stack, person.user, "another secret of hers")


def submit(stack: Stack, person: Person, to: str) -> None:
    with smtplib.SMTP_SSL("localhost", stack.ports.submission_tls, context=stack.client_context()) as smtp:
        smtp.login(person.user, person.password)
        smtp.sendmail(person.user, [to], f"From: {person.user}\r\nTo: {to}\r\nSubject: x\r\n\r\nHi.\r\n")


async def test_the_queue_in_an_operators_hands(stack: Stack) -> None:
    """Paused as it comes, held by hand, let go, taken out: nothing of it leaves."""
    alice = await stack.new_account()

    async def run(*arguments: str, status: int = 0) -> str:
        return await asyncio.to_thread(mailstead, stack, *arguments, status=status)

    pause = json.loads(await run("queue", "pause", "--domain", "Paused.test", "--reason", "a test", "--json"))
    assert "paused.test" in await run("queue", "pauses")
    await asyncio.to_thread(submit, stack, alice, "bob@paused.test")
    found: list[dict[str, Any]] = []

    async def held() -> bool:
        found[:] = json.loads(await run("queue", "list", "--state", "held", "--sender", alice.user, "--json"))
        return bool(found)

    await eventually(held, 20, "the worker has put it aside")
    (message,) = found
    assert "bob@paused.test" in await run("queue", "show", message["id"])
    assert "release: 0 recipients" in await run("queue", "release", message["id"])
    assert "hold: 1 recipients" in await run("queue", "hold", message["id"], "--number", "0")
    assert "is over" in await run("queue", "resume", str(pause["id"]))
    assert "none" in await run("queue", "pauses")
    selection = ("--domain", "paused.test", "--sender", alice.user)
    assert "none" in await run("queue", "list", *selection, "--older-than", "1d")
    assert "cancel: 0 recipients" in await run("queue", "cancel", *selection, "--older-than", "1d", "--yes")
    assert json.loads(await run("queue", "cancel", *selection, "--yes", "--json"))["recipient_count"] == 1
    assert "retry: 0 recipients" in await run("queue", "retry", message["id"])
    life = await run("journey", message["trace_id"])
    assert "received" in life
    assert "cancelled" in life
    assert "name a message" in await run("queue", "hold", status=1)
    assert "is no time" in await run("queue", "list", "--older-than", "soon", status=1)


async def test_mail_as_files(stack: Stack, tmp_path: Path) -> None:
    alice, bob = await stack.new_account(), await stack.new_account()
    folder = mailbox.Maildir(tmp_path / "Maildir")
    for n in range(3):
        folder.add(b"Subject: %d\nMessage-ID: <%d@files.test>\n\nA line.\n" % (n, n))
    folder.add_folder("Lists.python").add(b"Subject: list\nMessage-ID: <list@files.test>\n\nA line.\n")

    async def run(*arguments: str, status: int = 0) -> str:
        return await asyncio.to_thread(mailstead, stack, "mail", *arguments, status=status)

    said = await run("import", alice.user, str(tmp_path / "Maildir"))
    assert said.splitlines() == ["made Lists/python", "4 messages filed, 0 were there, 0 refused"]
    archive, box = tmp_path / "all.tar", tmp_path / "inbox.mbox"
    assert str(archive) in await run("export", alice.user, str(archive))
    await run("export", alice.user, str(box), "--mailbox", "INBOX")
    assert json.loads(await run("import", bob.user, str(archive), "--json"))["filed_count"] == 4
    assert "0 messages filed, 3 were there" in await run("import", bob.user, str(box))
    assert "made Old" in await run("import", bob.user, str(box), "--into", "Old")
    assert "no mailbox" in await run("export", alice.user, str(box), "--mailbox", "Nowhere", status=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Maildir", "all.tar", "inbox.mbox"]


async def test_messages_of_an_account(stack: Stack) -> None:
    person = await stack.new_account()
    for n in range(1, 4):
        await send(stack.ports.smtp, person.user, b"Subject: number %d\r\n\r\nA line.\r\n" % n)

    async def run(*arguments: str, status: int = 0) -> str:
        return await asyncio.to_thread(mailstead, stack, *arguments, status=status)

    assert "Lists" in await run("mailboxes", "create", person.user, "Lists")
    await run("mailboxes", "rename", person.user, "Lists", "Old")
    assert "Old" in await run("mailboxes", "list", person.user)
    assert "flag: 1 messages" in await run("messages", "flag", person.user, "2", "--add", "\\Seen")
    assert [item["uid"] for item in json.loads(await run("messages", "list", person.user, "--unread", "--json"))] == [3, 1]
    assert "number 3" in await run("messages", "list", person.user, "--text", "number 3")
    await run("messages", "move", person.user, "1", "--into", "Old")
    assert "no message 1" in await run("messages", "delete", person.user, "1", "--yes", status=1)
    await run("mailboxes", "delete", person.user, "Old", "--yes")
    assert "no mailbox Old" in await run("messages", "list", person.user, "--mailbox", "Old", status=1)
    back = await run("messages", "restore", person.user, "--since", "2020-01-01T00:00:00Z", "--into", "Back")
    assert back.strip() == "1 messages given back"


def test_addresses_that_are_not_written_to(stack: Stack) -> None:
    tenant = str(json.loads(mailstead(stack, "tenants", "list", "--json"))[0]["id"])
    assert "is not written to" in mailstead(stack, "suppressions", "add", "Gone@cli.test", "--tenant", tenant, "--detail", "left")
    assert "gone@cli.test" in mailstead(stack, "suppressions", "list", "--reason", "manual")
    assert "is written to again" in mailstead(stack, "suppressions", "remove", "gone@cli.test")
    assert "is not on the list" in mailstead(stack, "suppressions", "remove", "gone@cli.test", status=1)


async def test_webhooks_and_events(stack: Stack) -> None:
    asked: list[dict[str, Any]] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        asked.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 Yes\r\n\r\n")
        writer.close()

    async def run(*arguments: str, status: int = 0) -> str:
        return await asyncio.to_thread(mailstead, stack, *arguments, status=status)

    server = await asyncio.start_server(receive, HOST, 0)
    async with server:
        to = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/"
        made = json.loads(await run("webhooks", "create", to, "--event", "account.created", "--json"))
        hook = str(made["id"])
        person = await stack.new_account()
        await eventually(lambda: asked)
        assert (asked[0]["type"], asked[0]["data"]["address"]) == ("account.created", person.user)
        tried = (await run("webhooks", "test", hook)).strip()
        await eventually(lambda: len(asked) == 2)
        assert asked[1]["id"] == tried

        async with stack.api() as api:

            async def delivered() -> bool:
                return len((await api.get(f"/v1/webhooks/{hook}/deliveries?state=delivered")).json()["items"]) == 2

            await eventually(delivered)
        assert "204" in await run("webhooks", "deliveries", hook, "--event", tried)
        await run("webhooks", "redeliver", hook, tried)
        await eventually(lambda: len(asked) == 3)
        assert person.user in await run("events", "list", "--event", "account.created", "--json")
        assert f"webhook {hook} is off" in await run("webhooks", "disable", hook)
        assert "turned off" in await run("webhooks", "test", hook, status=1)
        await run("webhooks", "delete", hook)
        assert to not in await run("webhooks", "list", "--json")


async def test_events_are_followed(stack: Stack) -> None:
    program = str(Path(sys.executable).with_name("mailstead"))
    url = f"http://{HOST}:{stack.ports.api}"
    environment = {"PATH": os.defpath, "MAILSTEAD_API_URL": url, "MAILSTEAD_API_TOKEN": stack.demo.admin_token}
    arguments = ("events", "follow", "--event", "account.created", "--json")
    pipe = asyncio.subprocess.PIPE
    await asyncio.to_thread(mailstead, stack, "events", "list")  # somebody listens from now on
    first = await stack.new_account()
    follower = await asyncio.create_subprocess_exec(program, *arguments, "--after", "0", env=environment, stdout=pipe)
    assert follower.stdout
    seen: list[str] = []
    try:
        async with asyncio.timeout(30):
            while first.user not in seen:
                seen.append(json.loads(await follower.stdout.readline())["data"]["address"])
            second = await stack.new_account()
            while second.user not in seen:
                seen.append(json.loads(await follower.stdout.readline())["data"]["address"])
    finally:
        follower.kill()
        await follower.wait()
    assert len(set(seen)) == len(seen)


def test_the_store_is_sound(stack: Stack) -> None:
    assert json.loads(mailstead(stack, "check", "--json")) == []


async def test_after_a_restore_every_mailbox_has_a_new_uidvalidity(stack: Stack) -> None:
    person = await stack.new_account()

    def uidvalidity() -> int:
        with imaplib.IMAP4_SSL("localhost", stack.ports.imap_tls, ssl_context=stack.client_context()) as client:
            client.login(person.user, person.password)
            client.select("INBOX")
            return int(client.response("UIDVALIDITY")[1][0])

    before = uidvalidity()
    assert "have a new UIDVALIDITY" in mailstead(stack, "restored", "--yes")
    assert uidvalidity() > before
