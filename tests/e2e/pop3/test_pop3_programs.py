"""Programs that empty a maildrop into files, each with its own idea of POP3: fetchmail, getmail6, mpop."""

import email
import os
import shutil
import smtplib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kit.stack import Stack
from mailstead_local.demo import Person

HOST = "localhost"
COUNT = 12
BODY = ".a line that begins with a dot\r\n" * 50

Fetch = Callable[[Stack, Person, Path], None]


def run(*command: str | Path, home: Path) -> None:
    ended = subprocess.run(command, env=os.environ | {"HOME": str(home)}, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def to_file(folder: Path) -> Path:
    """A program that puts what it is given into a file of its own."""
    program = private(folder / "deliver", f'#!/bin/sh\ncat > "{folder}/mail/new/$$"\n')
    program.chmod(0o700)
    return program


def fetchmail(stack: Stack, person: Person, folder: Path) -> None:
    configuration = private(
        folder / "fetchmailrc",
        f"poll {HOST} protocol POP3 port {stack.ports.pop3_tls} uidl\n"
        f'  username "{person.user}" password "{person.password}" ssl sslcertck sslcertfile "{stack.ca_file}"\n'
        f'  no keep mda "{to_file(folder)}"\n',
    )
    run("fetchmail", "-f", configuration, "--pidfile", folder / "pid", "--idfile", folder / "ids", home=folder)


def getmail(stack: Stack, person: Person, folder: Path) -> None:
    configuration = private(
        folder / "getmailrc",
        f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = {HOST}\nport = {stack.ports.pop3_tls}\n"
        f"username = {person.user}\npassword = {person.password}\nca_certs = {stack.ca_file}\n"
        f"[destination]\ntype = MDA_external\npath = {to_file(folder)}\nallow_root_commands = true\n"
        "[options]\ndelete = true\nread_all = true\ndelivered_to = false\nreceived = false\n",
    )
    run("getmail", f"--getmaildir={folder}", f"--rcfile={configuration}", home=folder)


def mpop(stack: Stack, person: Person, folder: Path) -> None:
    configuration = private(
        folder / "mpoprc",
        f"account default\nhost {HOST}\nport {stack.ports.pop3_tls}\nuser {person.user}\npassword {person.password}\n"
        f"tls on\ntls_starttls off\ntls_trust_file {stack.ca_file}\nkeep off\nuidls_file {folder}/uidls\n"
        f"delivery maildir {folder}/mail\nreceived_header off\n",
    )
    run("mpop", "-C", configuration, home=folder)


@pytest.mark.parametrize("fetch", [fetchmail, getmail, mpop])
async def test_a_maildrop_is_emptied_into_files(stack: Stack, tmp_path: Path, fetch: Fetch) -> None:
    """All of it, each message once and octet for octet; the second time there is nothing."""
    if shutil.which(fetch.__name__) is None:
        pytest.skip(f"{fetch.__name__} is not installed")
    person = await stack.new_account()
    with smtplib.SMTP(HOST, stack.ports.smtp, timeout=60) as client:
        for number in range(COUNT):
            client.sendmail("sender@elsewhere.test", [person.user], f"From: a\r\nSubject: {number}\r\n\r\n{BODY}")
    for part in ("new", "cur", "tmp"):
        (tmp_path / "mail" / part).mkdir(parents=True)
    fetch(stack, person, tmp_path)
    files = [path.read_bytes() for path in (tmp_path / "mail" / "new").iterdir()]
    assert sorted(int(email.message_from_bytes(octets)["Subject"]) for octets in files) == list(range(COUNT))
    assert all(octets.replace(b"\r\n", b"\n").endswith(b"\n\n" + BODY.replace("\r\n", "\n").encode()) for octets in files)
    shutil.rmtree(tmp_path / "mail" / "new")
    (tmp_path / "mail" / "new").mkdir()
    if fetch is not fetchmail:  # which says by its exit status that there was nothing
        fetch(stack, person, tmp_path)
    assert list((tmp_path / "mail" / "new").iterdir()) == []
    async with stack.api() as api:
        accounts = (await api.get("/v1/accounts", params={"limit": 500})).json()["items"]
    assert [account["message_count"] for account in accounts if account["address"] == person.user] == [0]
