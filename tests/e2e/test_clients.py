"""Programs that people use: swaks sends, mbsync and imapclient keep a mailbox in step with the server's."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import imapclient
import pytest

from kit.stack import Stack
from mailstead_local.demo import Person

HOST = "localhost"


def program(name: str, package: str) -> str:
    """Where it is; the test is skipped where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install {package})")
    return found


@pytest.fixture
async def person(stack: Stack) -> Person:
    return await stack.new_account()


def logged_in(stack: Stack, person: Person) -> imapclient.IMAPClient:
    client = imapclient.IMAPClient(HOST, stack.ports.imap_tls, ssl_context=stack.client_context())
    client.login(person.user, person.password)
    return client


def message(number: int, size: int = 200) -> bytes:
    """With lines that begin with dots, and octets that are not ASCII."""
    body = b".a line\r\n..\r\n\xc3\xa4\r\n" * (size // 16)
    return b"From: <a@elsewhere.test>\r\nSubject: number %d\r\nMessage-ID: <%d@elsewhere.test>\r\n\r\n%b" % (number, number, body)


# ---- swaks


def swaks(stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [
        program("swaks", "swaks"),
        "--server",
        HOST,
        "--tls-ca-path",
        str(stack.ca_file),
        "--tls-verify",
        "--timeout",
        "20",
    ]
    ended = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    if "requires Net::SSLeay" in ended.stderr:
        pytest.skip("swaks speaks no TLS (Debian: apt-get install libnet-ssleay-perl)")
    return ended


def test_swaks_submits(stack: Stack, person: Person) -> None:
    login = ("--auth", "PLAIN", "--auth-user", person.user, "--auth-password", person.password)
    envelope = ("--from", person.user, "--to", person.user)
    for tls in (
        ("--tls", "--port", str(stack.ports.submission)),
        ("--tls-on-connect", "--port", str(stack.ports.submission_tls)),
    ):
        ended = swaks(stack, *tls, *login, *envelope)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    with logged_in(stack, person) as client:
        assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == 2


def test_swaks_with_a_wrong_password(stack: Stack, person: Person) -> None:
    login = ("--auth", "PLAIN", "--auth-user", person.user, "--auth-password", "wrong", "--to", person.user)
    ended = swaks(stack, "--tls", "--port", str(stack.ports.submission), *login)
    assert ended.returncode == 28, ended.stdout  # swaks: authentication failed
    assert "535 5.7.8" in ended.stdout


def test_swaks_relays_nothing(stack: Stack) -> None:
    ended = swaks(stack, "--port", str(stack.ports.smtp), "--to", "somebody@elsewhere.test")
    assert ended.returncode == 24, ended.stdout  # swaks: no recipient was accepted
    assert "<** 550 5.7.1" in ended.stdout or "<** 554 5.7.1" in ended.stdout


# ---- imapclient


def test_imapclient_works_with_mail(stack: Stack, person: Person) -> None:
    with logged_in(stack, person) as client:
        assert {name for _, _, name in client.list_folders()} >= {"INBOX", "Sent", "Trash", "Drafts", "Junk", "Archive"}
        client.create_folder("Проекты/Gärten")
        for number in range(1, 6):
            client.append("INBOX", message(number), flags=[b"\\Flagged"] if number == 2 else [])
        assert client.select_folder("INBOX")[b"EXISTS"] == 5
        assert client.search(["FLAGGED"]) == [2]
        assert client.search(["SUBJECT", "number 4"]) == [4]
        fetched = client.fetch([1, 5], ["BODY[]", "ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "BODY.PEEK[]<4.10>"])
        assert fetched[1][b"BODY[]"] == message(1)
        assert fetched[5][b"ENVELOPE"].subject == b"number 5"
        assert fetched[5][b"BODYSTRUCTURE"][0:2] == (b"text", b"plain")
        assert fetched[5][b"RFC822.SIZE"] == len(message(5))
        assert fetched[5][b"BODY[]<4>"] == message(5)[4:14]
        client.add_flags([1, 3], [imapclient.DELETED])
        client.copy([1, 2], "Проекты/Gärten")
        client.expunge()
        assert client.search("ALL") == [2, 4, 5]
        assert client.select_folder("Проекты/Gärten")[b"EXISTS"] == 2


async def test_imapclient_hears_of_new_mail_in_idle(stack: Stack, person: Person) -> None:
    def idle() -> list[object]:
        with logged_in(stack, person) as client, logged_in(stack, person) as other:
            client.select_folder("INBOX")
            client.idle()
            other.append("INBOX", message(1))
            heard: list[object] = list(client.idle_check(timeout=10))
            client.idle_done()
            return heard

    assert (1, b"EXISTS") in await asyncio.to_thread(idle)


# ---- mbsync

_MBSYNC = """
IMAPAccount server
Host localhost
Port {port}
User {user}
PassCmd "cat {folder}/password"
SSLType IMAPS
SystemCertificates no
CertificateFile {ca}

IMAPStore far
Account server

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""


def test_mbsync_keeps_in_step(stack: Stack, person: Person, tmp_path: Path) -> None:
    """Everything comes down, changes go both ways, and a run with nothing to do does nothing."""
    command = [program("mbsync", "isync"), "-c", str(tmp_path / "mbsyncrc"), "-a"]
    (tmp_path / "mail").mkdir()
    (tmp_path / "password").write_text(person.password)
    configuration = _MBSYNC.format(port=stack.ports.imap_tls, user=person.user, folder=tmp_path, ca=stack.ca_file)
    (tmp_path / "mbsyncrc").write_text(configuration)
    inbox = tmp_path / "mail" / "INBOX"

    def sync() -> None:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr

    def here() -> dict[bytes, Path]:
        """Message-ID -> file."""
        files = [path for folder in ("new", "cur") for path in (inbox / folder).iterdir()]
        return {path.read_bytes().split(b"Message-ID: <")[1].split(b"@")[0]: path for path in files}

    with logged_in(stack, person) as client:
        for number in range(1, 201):
            client.append("INBOX", message(number), flags=[b"\\Seen"] if number % 2 else [])
        sync()
        assert len(here()) == 200
        assert here()[b"7"].read_bytes().replace(b"\n", b"\r\n").endswith(message(7).partition(b"\r\n\r\n")[2])
        assert here()[b"7"].name.endswith(":2,S") and not here()[b"8"].name.endswith("S")

        here()[b"8"].unlink()  # deleted at home
        flagged = here()[b"10"]
        flagged.rename(inbox / "cur" / (flagged.name.partition(":")[0] + ":2,FS"))  # flagged at home
        client.select_folder("INBOX")
        client.delete_messages([20])  # deleted elsewhere
        client.expunge()
        client.add_flags([30], [b"\\Answered"])
        sync()
        left = client.search("ALL")
        assert len(left) == 198 and 8 not in left and 20 not in left
        assert set(client.get_flags([10])[10]) >= {b"\\Flagged", b"\\Seen"}
        assert b"20" not in here() and "R" in here()[b"30"].name.partition(":2,")[2]

        before = client.folder_status("INBOX", ["HIGHESTMODSEQ"])
        names = sorted(path.name for path in here().values())
        sync()
        assert client.folder_status("INBOX", ["HIGHESTMODSEQ"]) == before
        assert sorted(path.name for path in here().values()) == names
