"""Mailboxes and messages changed over the API, as IMAP would change them."""

import asyncio
from typing import Any

import httpx

from unit.api.test_api_messages import Mail, mail, message
from unit.api.test_api_routes import assert_problem

__all__ = ["mail"]  # the fixture

Client = httpx.AsyncClient
RFC822 = {"content-type": "message/rfc822"}


async def flags_of(client: Client, path: str, uid: int) -> list[str]:
    found: list[str] = (await client.get(f"{path}/messages/{uid}")).json()["flags"]
    return found


async def test_mailboxes_are_made_renamed_and_deleted(client: Client, mail: Mail) -> None:
    path = f"{mail.path}/mailboxes"
    made = await client.post(path, json={"name": "Lists/python", "subscribed": False})
    assert (made.status_code, made.json()["name"], made.json()["subscribed"]) == (201, "Lists/python", False)
    assert (await client.get(made.headers["location"])).json() == made.json()
    sent = await client.post(path, json={"name": "Elsewhere", "special_use": "\\Archive"})
    assert (sent.json()["special_use"], sent.json()["subscribed"]) == ("\\Archive", True)
    assert_problem(await client.post(path, json={"name": "Elsewhere"}), 409, "name")
    for wrong in ("a//b", "a*", "/a", "\x01"):
        assert_problem(await client.post(path, json={"name": wrong}), 422, "name")
    assert_problem(await client.post(path, json={"name": "b", "special_use": "\\All"}), 422, "special_use")

    one = made.headers["location"]
    renamed = (await client.patch(one, json={"name": "Python", "subscribed": True})).json()
    assert (renamed["id"], renamed["name"], renamed["subscribed"]) == (made.json()["id"], "Python", True)
    assert_problem(await client.patch(one, json={"name": "Elsewhere"}), 409, "name")
    assert_problem(await client.patch(one, json={"name": "Python/below"}), 422, "name")
    assert_problem(await client.patch(one, json={}), 422)
    assert (await client.delete(one)).status_code == 204
    assert_problem(await client.get(one), 404)
    assert_problem(await client.delete(one), 404)
    assert_problem(await client.delete(f"{path}/{await mail.mailbox_id()}"), 409)


async def test_flags(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2)
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    asked: dict[str, Any] = {"add": ["\\Seen", "$Forwarded"], "remove": ["\\Flagged"]}
    changed = (await client.patch(f"{inbox}/messages/1", json=asked)).json()
    assert (changed["uid"], set(changed["flags"])) == (1, {"\\Seen", "$Forwarded"})
    assert set(await flags_of(client, inbox, 1)) == {"\\Seen", "$Forwarded"}
    assert (await client.get(inbox)).json()["unseen_count"] == 1
    many = (
        await client.post(f"{inbox}/message-actions", json={"action": "flag", "uids": [2, 1, 7], "add": ["\\Flagged"]})
    ).json()
    assert (many["count"], [item["uid"] for item in many["messages"]], many["missing"]) == (2, [1, 2], [7])
    assert await flags_of(client, inbox, 2) == ["\\Flagged"]
    assert_problem(await client.patch(f"{inbox}/messages/9", json=asked), 404)
    wrongs: tuple[dict[str, Any], ...] = ({}, {"add": ["\\Recent"]}, {"add": ["a b"]}, {"add": ["x"] * 65}, {"flags": []})
    for wrong in wrongs:
        assert_problem(await client.patch(f"{inbox}/messages/1", json=wrong), 422)
    for _ in range(2):
        crowd = {"add": [f"k{n}" for n in range(60)]}
        assert (await client.patch(f"{inbox}/messages/1", json=crowd)).status_code == 200
    assert_problem(await client.patch(f"{inbox}/messages/1", json={"add": [f"m{n}" for n in range(60)]}), 429, "add")


async def test_copies_moves_and_deletions(client: Client, mail: Mail) -> None:
    await mail.deliver(1, 2, 3)
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    archive = await mail.mailbox_id("Archive")
    actions = f"{inbox}/message-actions"
    copied = (await client.post(actions, json={"action": "copy", "uids": [1, 2], "into": archive})).json()
    assert copied["messages"] == [{"uid": 1, "new_uid": 1}, {"uid": 2, "new_uid": 2}]
    moved = (await client.post(actions, json={"action": "move", "uids": [3, 99], "into": archive})).json()
    assert (moved["messages"], moved["missing"]) == ([{"uid": 3, "new_uid": 3}], [99])
    assert (await mail.uids(), await mail.uids("Archive")) == ([1, 2], [1, 2, 3])
    assert (await client.post(actions, json={"action": "delete", "uids": [1, 9]})).json()["count"] == 1
    assert (await client.delete(f"{inbox}/messages/2")).status_code == 204
    assert_problem(await client.delete(f"{inbox}/messages/2"), 404)
    assert await mail.uids() == []
    deleted = (await client.get(f"{mail.path}/deleted-messages")).json()["items"]
    assert {(item["uid"], item["by"], item["reason"]) for item in deleted} == {(1, "api", "expunge"), (2, "api", "expunge")}
    back = (await client.post(f"{mail.path}/restorations", json={"since": "2020-01-01T00:00:00Z"})).json()
    assert back["count"] == 2

    assert_problem(await client.post(actions, json={"action": "copy", "uids": [1], "into": 4711}), 404, "into")
    nowhere = f"{mail.path}/mailboxes/4711"
    for asked in ({"action": "move", "uids": [1], "into": archive}, {"action": "delete", "uids": [1]}):
        assert_problem(await client.post(f"{nowhere}/message-actions", json=asked), 404)
    wrongs: tuple[dict[str, Any], ...] = (
        {"action": "copy", "uids": [1]},
        {"action": "delete", "uids": [1], "into": archive},
        {"action": "flag", "uids": [1]},
        {"action": "move", "uids": [1], "into": archive, "add": ["\\Seen"]},
        {"action": "delete", "uids": []},
        {"action": "shred", "uids": [1]},
    )
    for wrong in wrongs:
        assert_problem(await client.post(actions, json=wrong), 422)


async def test_what_is_uploaded_is_there_byte_for_byte(client: Client, mail: Mail) -> None:
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    query: dict[str, Any] = {"flag": ["\\Seen", "work"], "received_at": "2001-02-03T04:05:06+01:00"}
    made = await client.post(f"{inbox}/messages", content=message(4), headers=RFC822, params=query)
    assert made.status_code == 201
    assert (made.json()["uid"], made.json()["size"]) == (1, len(message(4)))
    found = (await client.get(made.headers["location"])).json()
    assert (set(found["flags"]), found["received_at"]) == ({"\\Seen", "work"}, "2001-02-03T03:05:06Z")
    assert (await client.get(f"{made.headers['location']}/content")).content == message(4)
    anything = b"\xff\x00no message at all"
    made = await client.post(f"{inbox}/messages", content=anything, headers=RFC822)
    assert (await client.get(f"{made.headers['location']}/content")).content == anything

    assert_problem(await client.post(f"{inbox}/messages", json={}), 415)
    assert_problem(
        await client.post(f"{inbox}/messages", content=b"x", headers=RFC822, params={"flag": "\\Recent"}), 422, "flag.0"
    )
    assert_problem(await client.post(f"{mail.path}/mailboxes/4711/messages", content=b"x", headers=RFC822), 404)
    await client.patch(mail.path, json={"quota_messages": 2})
    assert_problem(await client.post(f"{inbox}/messages", content=b"x", headers=RFC822), 409)
    assert await mail.uids() == [1, 2]


async def test_an_upload_that_is_sent_again_is_one_message(client: Client, mail: Mail) -> None:
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    headers = RFC822 | {"Idempotency-Key": "k"}
    answers = [await client.post(f"{inbox}/messages", content=message(1), headers=headers) for _ in range(2)]
    assert [answer.json()["uid"] for answer in answers] == [1, 1]
    assert await mail.uids() == [1]


async def test_more_uploads_than_are_in_memory_at_once_wait_for_each_other(client: Client, mail: Mail) -> None:
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    answers = await asyncio.gather(*(client.post(f"{inbox}/messages", content=message(n), headers=RFC822) for n in range(1, 13)))
    assert sorted(answer.json()["uid"] for answer in answers) == [*range(1, 13)]


async def test_no_answer_to_a_change_tells_what_is_in_a_message(client: Client, mail: Mail) -> None:
    """Answers are in the audit log."""
    await mail.deliver(1)
    inbox = f"{mail.path}/mailboxes/{await mail.mailbox_id()}"
    await client.patch(f"{inbox}/messages/1", json={"add": ["\\Seen"]})
    await client.post(f"{inbox}/messages", content=message(2), headers=RFC822)
    entries = (await client.get("/v1/audit-log")).text
    assert "update_message_flags" in entries and "upload_message" in entries
    assert "Grüße" not in entries and "Dear Alice" not in entries
