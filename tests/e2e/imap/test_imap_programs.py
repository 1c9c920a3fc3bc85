"""What people read mail with, each with its own idea of IMAP: offlineimap, neomutt, aioimaplib, imapflow."""

import asyncio
import contextlib
import os
import pty
import shutil
import subprocess
from pathlib import Path
from threading import Thread
from typing import Any

import imapclient
import pytest
from aioimaplib import aioimaplib

from kit.node import node
from kit.sending import send
from kit.stack import Stack
from kit.waiting import eventually
from mailstead_local.demo import Person

HOST = "localhost"


@pytest.fixture
async def person(stack: Stack) -> Person:
    return await stack.new_account()


def message(subject: str) -> bytes:
    return f"From: a@elsewhere.test\r\nSubject: {subject}\r\nMessage-ID: <{subject}@elsewhere.test>\r\n\r\nHello.\r\n".encode()


def logged_in(stack: Stack, person: Person) -> imapclient.IMAPClient:
    client = imapclient.IMAPClient(HOST, stack.ports.imap_tls, ssl_context=stack.client_context())
    client.login(person.user, person.password)
    return client


def counts(stack: Stack, person: Person, *folders: str) -> list[int]:
    with logged_in(stack, person) as client:
        return [client.folder_status(folder, [b"MESSAGES"])[b"MESSAGES"] for folder in folders]


# ---- offlineimap


def offlineimap(stack: Stack, person: Person, folder: Path) -> str:
    """One run; what it did."""
    configuration = folder / "offlineimaprc"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"[general]\naccounts = a\nmetadata = {folder}/metadata\nmaxsyncaccounts = 1\n"
        "[Account a]\nlocalrepository = here\nremoterepository = there\n"
        f"[Repository here]\ntype = Maildir\nlocalfolders = {folder}/mail\n"
        f"[Repository there]\ntype = IMAP\nremotehost = {HOST}\nremoteport = {stack.ports.imap_tls}\nremoteuser = {person.user}\n"
        f"remotepass = {person.password}\nssl = yes\nsslcacertfile = {stack.ca_file}\nmaxconnections = 2\n"
    )
    ended = subprocess.run(
        ["offlineimap", "-o", "-c", str(configuration), "-u", "basic"],
        env=os.environ | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "ERROR" not in ended.stdout + ended.stderr, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_offlineimap_keeps_two_sides_in_step(stack: Stack, person: Person, tmp_path: Path) -> None:
    """Both ways, deletions too; a run after nothing happened does nothing."""
    if shutil.which("offlineimap") is None:
        pytest.skip("offlineimap is not installed (Debian: apt-get install offlineimap3)")
    with logged_in(stack, person) as client:
        for number in range(5):
            client.append("INBOX", message(f"there-{number}"))
    offlineimap(stack, person, tmp_path)
    inbox = tmp_path / "mail" / "INBOX"
    assert len(list(inbox.glob("*/*"))) == 5
    (inbox / "new" / "1700000000_0.1.here").write_bytes(message("here").replace(b"\r\n", b"\n"))
    with logged_in(stack, person) as client:
        client.select_folder("INBOX")
        client.delete_messages(client.search(["SUBJECT", "there-2"]))
        client.expunge()
    offlineimap(stack, person, tmp_path)
    assert counts(stack, person, "INBOX") == [5]
    assert len(list(inbox.glob("*/*"))) == 5
    again = offlineimap(stack, person, tmp_path)
    assert "Copy message" not in again and "Deleting" not in again, again


# ---- neomutt


def read_all(terminal: int) -> None:
    """Until the program at it is gone; one that nobody reads would wait."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65536):
            pass


def test_neomutt_files_and_flags(stack: Stack, person: Person, tmp_path: Path) -> None:
    """At a terminal, by its keys: the first message is filed in Archive, the second one flagged."""
    program = shutil.which("neomutt")
    if program is None:
        pytest.skip("neomutt is not installed (Debian: apt-get install neomutt)")
    with logged_in(stack, person) as client:
        for subject in ("first", "second"):
            client.append("INBOX", message(subject))
    configuration = tmp_path / "neomuttrc"
    configuration.touch(mode=0o600)
    place = f"imaps://{HOST}:{stack.ports.imap_tls}"
    configuration.write_text(
        f'set imap_user="{person.user}"\nset imap_pass="{person.password}"\nset folder="{place}"\nset spoolfile="{place}/INBOX"\n'
        f'set ssl_ca_certificates_file="{stack.ca_file}"\nset ssl_usesystemcerts=no\nset sort=mailbox-order\n'
        'set confirmappend=no\nset delete=yes\nset quit=yes\nset header_cache=""\nset wait_key=no\n'
        'push "<first-entry><save-message>=Archive<enter><last-entry><flag-message><sync-mailbox><quit>"\n'
    )
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [program, "-n", "-F", str(configuration)],
        env={"PATH": os.defpath, "HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown = Thread(target=read_all, args=(leader,))
    shown.start()
    try:
        assert process.wait(60) == 0
    finally:
        process.kill()
        shown.join()
        os.close(leader)
    assert counts(stack, person, "INBOX", "Archive") == [1, 1]
    with logged_in(stack, person) as client:
        client.select_folder("INBOX", readonly=True)
        (uid,) = client.search()
        assert b"\\Flagged" in client.get_flags([uid])[uid]


# ---- libraries


async def test_aioimaplib_is_told_at_once(stack: Stack, person: Person) -> None:
    client: Any = aioimaplib.IMAP4_SSL(HOST, stack.ports.imap_tls, ssl_context=stack.client_context())
    await client.wait_hello_from_server()
    lost = asyncio.Event()
    client.protocol.conn_lost_cb = lambda _: lost.set()
    assert (await client.login(person.user, person.password)).result == "OK"
    assert (await client.select("INBOX")).result == "OK"
    assert client.has_capability("IDLE") and client.has_capability("UIDPLUS")
    assert (await client.append(message("mine"), mailbox="INBOX", flags="\\Seen")).result == "OK"
    idle = await client.idle_start(timeout=30)
    await send(stack.ports.smtp, person.user, message("pushed"))
    heard: list[bytes] = []
    async with asyncio.timeout(20):
        while b"2 EXISTS" not in heard:
            heard += await client.wait_server_push()
    client.idle_done()
    await asyncio.wait_for(idle, 10)
    fetched = await client.fetch("2", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert any(b"Subject: pushed" in bytes(line) for line in fetched.lines)
    assert (await client.store("1:2", "+FLAGS", "(\\Deleted)")).result == "OK"
    assert (await client.expunge()).result == "OK"
    assert (await client.search("ALL")).lines[0].strip() == b""
    await client.logout()
    await asyncio.wait_for(lost.wait(), 10)


async def test_imapflow_spends_a_morning(stack: Stack, person: Person, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    place = {"IMAP_HOST": HOST, "IMAP_PORT": stack.ports.imap_tls, "IMAP_USER": person.user, "IMAP_PASSWORD": person.password}
    session = asyncio.create_task(node("imapflow.js", stack.ca_file, READY_FILE=ready, **place))
    await eventually(lambda: ready.exists() or session.done(), 30)
    if not session.done():
        await send(stack.ports.smtp, person.user, message("pushed"))
    told = await session
    assert {"\\Sent", "\\Drafts", "\\Junk", "\\Trash", "\\Archive"} <= {use for _, use in told["folders"]}
    assert (told["exists"], told["pushed"]) == (1, 2)
    assert [(subject, flags) for subject, flags, *_ in told["subjects"]] == [("from imapflow", ["\\Flagged"]), ("pushed", [])]
    assert told["found"] == [told["appended"]] == told["moved"]
    assert (told["status"]["messages"], told["status"]["unseen"]) == (1, 0)
