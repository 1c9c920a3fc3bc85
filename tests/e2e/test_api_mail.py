"""What the API does to mail, a client that waits in IDLE is told at once."""

import asyncio
from datetime import UTC, datetime, timedelta

import imapclient

from kit.idling import idling
from kit.sending import send
from kit.stack import Stack
from mailstead_local.demo import Person
from mailstead_local.ports import HOST


def delete_all(stack: Stack, person: Person) -> None:
    with imapclient.IMAPClient(HOST, stack.ports.imap_tls, ssl_context=stack.client_context()) as client:
        client.login(person.user, person.password)
        client.select_folder("INBOX")
        client.delete_messages(client.search())
        client.expunge()


def subjects(stack: Stack, person: Person) -> dict[int, bytes]:
    with imapclient.IMAPClient(HOST, stack.ports.imap_tls, ssl_context=stack.client_context()) as client:
        client.login(person.user, person.password)
        client.select_folder("INBOX", readonly=True)
        return {uid: data[b"ENVELOPE"].subject for uid, data in client.fetch(client.search(), ["ENVELOPE"]).items()}


async def test_a_client_in_idle_sees_what_is_given_back(stack: Stack) -> None:
    person = await stack.new_account()
    await send(stack.ports.smtp, person.user, b"Subject: lost\r\n\r\nA line.\r\n")
    await asyncio.to_thread(delete_all, stack, person)
    async with idling(stack, person) as idler, stack.api() as api:
        (account,) = (await api.get("/v1/accounts", params={"address": person.user})).json()["items"]
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        back = (await api.post(f"/v1/accounts/{account['id']}/restorations", json={"since": since})).json()
        assert (back["count"], [message["uid"] for message in back["messages"]]) == (1, [2])
        async with asyncio.timeout(10):
            assert await idler.exists() == 1
    assert await asyncio.to_thread(subjects, stack, person) == {2: b"lost"}


async def test_a_client_in_idle_sees_what_is_changed_over_the_api(stack: Stack) -> None:
    person = await stack.new_account()
    async with idling(stack, person) as idler, stack.api() as api:
        (account,) = (await api.get("/v1/accounts", params={"address": person.user})).json()["items"]
        path = f"/v1/accounts/{account['id']}/mailboxes"
        boxes = {box["name"]: box["id"] for box in (await api.get(path)).json()["items"]}
        inbox = f"{path}/{boxes['INBOX']}"
        headers = {"content-type": "message/rfc822"}
        (await api.post(f"{inbox}/messages", content=b"Subject: put\r\n\r\nA line.\r\n", headers=headers)).raise_for_status()
        async with asyncio.timeout(10):
            assert await idler.exists() == 1
        asked = {"action": "move", "uids": [1], "into": boxes["Archive"]}
        assert (await api.post(f"{inbox}/message-actions", json=asked)).json()["count"] == 1
        async with asyncio.timeout(10):
            assert await idler.line(b" EXPUNGE\r\n") == b"* 1 EXPUNGE\r\n"
