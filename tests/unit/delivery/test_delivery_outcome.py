"""Replies become fates."""

import pytest

from delivery.outcome import Broken, Fate, Result, expired, of_reason, verdicts
from delivery.replies import Reply


def reply(text: str) -> Reply:
    return Reply(int(text[:3]), (text[4:],))


OK, GO, QUEUED = reply("250 2.1.0 ok"), reply("354 go"), reply("250 2.0.0 queued as 1")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Result(OK, (OK,), GO, QUEUED), [(Fate.DELIVERED, "2.0.0")]),
        (Result(OK, (OK, reply("550 5.1.1 who?")), GO, QUEUED), [(Fate.DELIVERED, "2.0.0"), (Fate.FAILED, "5.1.1")]),
        (Result(OK, (OK, reply("451 4.7.1 greylisted")), GO, QUEUED), [(Fate.DELIVERED, "2.0.0"), (Fate.DEFERRED, "4.7.1")]),
        (Result(reply("550 5.7.1 no"), (None, None), None, None), [(Fate.FAILED, "5.7.1")] * 2),
        (Result(reply("451 later"), (reply("503 5.5.1 MAIL first"),), reply("503 no"), None), [(Fate.DEFERRED, "4.0.0")]),
        (Result(OK, (OK,), reply("554 5.5.0 no"), None), [(Fate.FAILED, "5.5.0")]),
        (Result(OK, (OK,), reply("451 4.3.0 no"), None), [(Fate.DEFERRED, "4.3.0")]),
        (Result(OK, (OK,), reply("250 what"), None), [(Fate.DEFERRED, "4.5.0")]),
        (Result(OK, (OK,), GO, reply("554 5.6.0 spam")), [(Fate.FAILED, "5.6.0")]),
        (Result(OK, (OK,), GO, reply("452 4.3.1 full")), [(Fate.DEFERRED, "4.3.1")]),
        (Result(OK, (reply("552 too many"),), None, None), [(Fate.DEFERRED, "4.5.3")]),
        (Result(OK, (reply("552 5.2.2 over quota"),), None, None), [(Fate.FAILED, "5.2.2")]),
        (Result(OK, (reply("550 4.1.1 contradicts itself"),), None, None), [(Fate.FAILED, "5.0.0")]),
        (Result(OK, (reply("354 what"),), None, None), [(Fate.DEFERRED, "4.5.0")]),
        (Result(OK, (OK, None), None, None, Broken("reset")), [(Fate.DEFERRED, "4.4.2")] * 2),
        (Result(None, (None,), None, None, Broken("reset")), [(Fate.DEFERRED, "4.4.2")]),
        (Result(OK, (OK,), GO, None, Broken("reset", unanswered=True)), [(Fate.DEFERRED, "4.4.2")]),
        (Result(OK, (reply("550 5.1.1 no"), OK), GO, None, Broken("x")), [(Fate.FAILED, "5.1.1"), (Fate.DEFERRED, "4.4.2")]),
    ],
)
def test_verdicts(result: Result, expected: list[tuple[Fate, str]]) -> None:
    assert [(v.fate, v.status) for v in verdicts(result, host="mx.dest.test", notifies=False)] == expected


def test_only_a_delivery_passes_the_duty_to_notify_on() -> None:
    found = verdicts(Result(OK, (OK, reply("550 5.1.1 no")), GO, QUEUED), host="mx.dest.test", notifies=True)
    assert [v.notifies for v in found] == [True, False]


def test_the_reply_is_kept_in_the_words_of_the_host() -> None:
    verdict = verdicts(Result(OK, (OK,), GO, QUEUED), host="mx.dest.test", notifies=False)[0]
    assert verdict.reply == "250 2.0.0 queued as 1" and verdict.host == "mx.dest.test"


def test_an_expired_deferral_keeps_its_last_reason() -> None:
    late = expired(of_reason("4.4.1", "connection refused"))
    assert (late.fate, late.status, late.reply) == (Fate.FAILED, "4.4.7", "connection refused")


@pytest.mark.parametrize(("status", "fate"), [("5.1.2", Fate.FAILED), ("4.4.3", Fate.DEFERRED)])
def test_our_own_reasons(status: str, fate: Fate) -> None:
    assert of_reason(status, "x").fate is fate
