"""Mail out of an account as files, and into another one: archives of Maildirs, and mbox."""

import contextlib
import io
import mailbox
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.mail_files import archive, maildir, mbox
from mailstead.model.flags import Flags, SystemFlag
from unit.api.test_api_messages import Mail, mail, message
from unit.api.test_api_routes import ALICE, assert_problem, created

__all__ = ["mail"]  # the fixture

Client = httpx.AsyncClient
TAR, MBOX, RFC822 = ({"content-type": f"{kind}"} for kind in ("application/x-tar", "application/mbox", "message/rfc822"))
LEVELS = st.text(st.characters(exclude_characters="\0%*/", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


async def all_mail(client: Client, path: str) -> dict[str, list[tuple[Any, ...]]]:
    """Of each mailbox: flags, arrival and content of its messages."""
    found = {}
    for box in (await client.get(f"{path}/mailboxes")).json()["items"]:
        messages = (await client.get(f"{path}/mailboxes/{box['id']}/messages")).json()["items"]
        found[box["name"]] = sorted(
            [
                (
                    sorted(item["flags"]),
                    item["received_at"][:19],  # to the second, as IMAP has it
                    (await client.get(f"{path}/mailboxes/{box['id']}/messages/{item['uid']}/content")).content,
                )
                for item in messages
            ],
            key=lambda row: row[2],
        )
    return found


async def test_all_mail_goes_from_one_account_to_another(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2, 3)
    boxes = f"{mail.path}/mailboxes"
    for name in ("Lists/.net", "Lists/cur", "Grüße"):
        box = (await client.post(boxes, json={"name": name})).json()["id"]
        upload: dict[str, Any] = {"flag": ["\\Flagged", "$Work"], "received_at": "2001-02-03T04:05:06Z"}
        await client.post(f"{boxes}/{box}/messages", content=message(len(name)), headers=RFC822, params=upload)
    big = b"Subject: big\r\n\r\n" + b"x" * 300_000 + b"\r\n\0\xff"
    await client.post(f"{boxes}/{await mail.mailbox_id()}/messages", content=big, headers=RFC822)
    exported = await client.get(f"{mail.path}/export")
    assert exported.headers["content-type"] == "application/x-tar"
    with tarfile.open(fileobj=io.BytesIO(exported.content)) as readable:
        assert len(readable.getmembers()) == 7

    other = await created(client, "/v1/accounts", ALICE | {"address": "bob@a.test", "quota_bytes": 0})
    path = f"/v1/accounts/{other['id']}"
    first = (await client.post(f"{path}/mail-imports", content=exported.content, headers=TAR)).json()
    assert (first["filed_count"], first["present_count"], first["refused_count"]) == (7, 0, 0)
    assert set(first["made_mailboxes"]) == {"Lists/.net", "Lists/cur", "Grüße"}
    assert await all_mail(client, path) == await all_mail(client, mail.path)
    again = (await client.post(f"{path}/mail-imports", content=exported.content, headers=TAR)).json()
    assert (again["filed_count"], again["present_count"]) == (1, 6)  # the big one has no Message-ID
    below = await client.post(f"{path}/mail-imports", content=exported.content, headers=TAR, params={"into": "Old"})
    assert "Old/INBOX" in below.json()["made_mailboxes"]


async def test_maildirs_of_others(client: Client, mail: Mail, tmp_path: Path) -> None:
    """As Python's mailbox module writes Maildir++: lines that end in LF."""
    tree = mailbox.Maildir(tmp_path / "Maildir")
    for folder in (tree, tree.add_folder("Lists.python")):
        written = mailbox.MaildirMessage(b"Subject: one\nMessage-ID: <1@x>\n\nA line.\n")
        written.set_subdir("cur")
        written.set_flags("SF")
        folder.add(written)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as out:
        out.add(tmp_path / "Maildir", "Maildir")
    done = (await client.post(f"{mail.path}/mail-imports", content=packed.getvalue(), headers=TAR)).json()
    assert (done["filed_count"], done["made_mailboxes"]) == (2, ["Lists/python"])
    found = await all_mail(client, mail.path)
    for name in ("INBOX", "Lists/python"):
        ((flags, _, content),) = found[name]
        assert (flags, content) == (["\\Flagged", "\\Seen"], b"Subject: one\r\nMessage-ID: <1@x>\r\n\r\nA line.\r\n")


async def test_a_mailbox_as_mbox(client: Client, mail: Mail, tmp_path: Path) -> None:
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    texts = [
        b"Message-ID: <1@x>\r\n\r\nFrom here\r\n>From there\r\n\r\nFrom\r\n",
        b"Message-ID: <2@x>\r\n\r\n\r\n\r\n",
        b"Message-ID: <3@x>\r\n\r\nlast\r\n",
    ]
    for text in texts:
        assert (await client.post(f"{inbox}/messages", content=text, headers=RFC822)).status_code == 201
    exported = (await client.get(f"{inbox}/export")).content
    (tmp_path / "box").write_bytes(exported)
    with contextlib.closing(mailbox.mbox(tmp_path / "box")) as box:
        assert [found["Message-ID"] for found in box] == ["<1@x>", "<2@x>", "<3@x>"]
    done = await client.post(f"{mail.path}/mail-imports", content=exported, headers=MBOX, params={"into": "Copy"})
    assert done.json()["filed_count"] == 3
    found = await all_mail(client, mail.path)
    assert [row[2] for row in found["Copy"]] == texts


async def test_what_cannot_be_imported(client: Client, mail: Mail) -> None:
    path = f"{mail.path}/mail-imports"
    assert_problem(await client.post(path, json={}), 415)
    assert_problem(await client.post(path, content=b"x" * 2000, headers=TAR), 409)
    assert_problem(await client.post("/v1/accounts/4711/mail-imports", content=b"", headers=MBOX), 404)
    assert_problem(await client.get("/v1/accounts/4711/export"), 404)
    assert_problem(await client.get(f"{mail.path}/mailboxes/4711/export"), 404)
    bad = b"".join((archive.head_of("a*/cur/1", 1, 0, {}), b"x", archive.padding_of(1), archive.END))
    done = (await client.post(path, content=bad, headers=TAR)).json()
    assert (done["refused_count"], done["refused"][0]["name"]) == (1, "a*/cur/1")
    long = archive.head_of("a/cur/1", 1, 0, {maildir.KEYWORDS: "k " * 700_000})
    assert_problem(await client.post(path, content=long, headers=TAR), 409)
    await client.patch(mail.path, json={"quota_messages": 2})
    some = b"".join(mbox.written(message(n), datetime.now(UTC)) for n in (1, 2, 3))
    assert_problem(await client.post(path, content=some, headers=MBOX), 409)
    assert len(await mail.uids()) == 2


@given(st.lists(LEVELS, min_size=1, max_size=4).map("/".join), st.integers(0, 31))
def test_every_mailbox_has_a_path_that_leads_back(name: str, system: int) -> None:
    path = maildir.path_of(name, Flags(SystemFlag(system)), 7, 4711, 981173106)
    assert not any(part in ("..", ".") for part in path.split("/"))
    assert maildir.read_path(path) == (name, SystemFlag(system))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("cur/1.2.host:2,RS", ("INBOX", SystemFlag.ANSWERED | SystemFlag.SEEN)),
        ("Maildir/new/1.2.host", ("INBOX", SystemFlag(0))),
        ("./Maildir/.Lists.python/cur/1.2.host:2,T", ("Lists/python", SystemFlag.DELETED)),
        ("Lists/python/new/1", ("Lists/python", SystemFlag(0))),
        ("Maildir/.Lists/dovecot-uidlist", None),
        ("Maildir/cur/.nfs1", None),
        ("Maildir/tmp/1", None),
        ("1", None),
    ],
)
def test_paths_of_maildirs(path: str, found: tuple[str, SystemFlag] | None) -> None:
    assert maildir.read_path(path) == found


LINES = st.lists(st.sampled_from([b"From x", b">From x", b">>From", b"From", b"", b"text", b" From x"]), min_size=1, max_size=8)


@given(st.lists(LINES.map(lambda lines: b"".join(line + b"\r\n" for line in lines)), max_size=5), st.integers(1, 30))
def test_mbox_comes_back_whatever_the_pieces(messages: list[bytes], size: int) -> None:
    octets = b"".join(mbox.written(text, datetime(2001, 2, 3, tzinfo=UTC)) for text in messages)
    reader = mbox.Reader(10_000)
    found = [text for at in range(0, len(octets), size) for text in reader.feed(octets[at : at + size])]
    found += reader.close()
    assert found == messages


def test_a_large_message_is_left_out_and_takes_no_memory() -> None:
    octets = b"".join(
        mbox.written(text, datetime(2001, 2, 3, tzinfo=UTC)) for text in (b"a\r\n", b"b" * 5_000, b"c\r\n" * 2_000, b"d\r\n")
    )
    reader = mbox.Reader(1_000)
    found = [text for at in range(0, len(octets), 100) for text in reader.feed(octets[at : at + 100])]
    assert [*found, *reader.close()] == [b"a\r\n", None, None, b"d\r\n"]
