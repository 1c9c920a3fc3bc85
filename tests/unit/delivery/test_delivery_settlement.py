"""Who is told of what, and when it is tried again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from delivery.outcome import Fate, Verdict, deferred, failed
from delivery.settlement import Policy, Settlement, settle
from mailstead.store.content import Source
from mailstead.store.delivery import Notify
from mailstead.store.queued import Leased, Outcome, QueuedRecipient
from mailstead.wire.dsn import Action

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DELIVERED = Verdict(Fate.DELIVERED, "2.0.0", "250 ok", "mx.dest.test")
TAKEN_OVER = Verdict(Fate.DELIVERED, "2.0.0", "250 ok", "mx.dest.test", notifies=True)
FAILED = Verdict(Fate.FAILED, "5.1.1", "550 5.1.1 no", "mx.dest.test")
DEFERRED = deferred("4.4.1", "connection refused")

NONE: frozenset[Notify] = frozenset()
NEVER = frozenset({Notify.NEVER})
SUCCESS = frozenset({Notify.SUCCESS})
FAILURE = frozenset({Notify.FAILURE})
DELAY = frozenset({Notify.DELAY})


def lease(*asked: frozenset[Notify], sender: str = "alice@own.test", age: timedelta = timedelta(0), told: bool = False) -> Leased:
    return Leased(
        queue_id=UUID(int=1),
        tenant_id=1,
        account_id=1,
        trace_id="t",
        sender=sender,
        envelope_id="env",
        return_full=False,
        domain="dest.test",
        recipients=tuple(
            QueuedRecipient(n, f"r{n}@dest.test", 2, notify, f"rfc822;o{n}@old.test", told, 7) for n, notify in enumerate(asked)
        ),
        source=Source(1, UUID(int=2), b"", 10, 20),
        queued_at=NOW - age,
        expires_at=NOW - age + timedelta(days=5),
        leased_until=NOW,
    )


def settled(leased: Leased, *verdicts: Verdict) -> Settlement:
    by_number = {r.number: v for r, v in zip(leased.recipients, verdicts, strict=True)}
    return settle(leased, by_number, Policy(), reporting_host="mx.own.test", now=NOW, chance=0.5)


@pytest.mark.parametrize(
    ("asked", "verdict", "age_hours", "action"),
    [
        (NONE, FAILED, 0, Action.FAILED),
        (FAILURE, FAILED, 0, Action.FAILED),
        (SUCCESS, FAILED, 0, None),
        (DELAY, FAILED, 0, None),
        (NEVER, FAILED, 0, None),
        (SUCCESS | FAILURE, FAILED, 0, Action.FAILED),
        (NONE, DELIVERED, 0, None),
        (SUCCESS, DELIVERED, 0, Action.RELAYED),
        (SUCCESS, TAKEN_OVER, 0, None),
        (FAILURE, DELIVERED, 0, None),
        (NEVER, DELIVERED, 0, None),
        (NONE, DEFERRED, 0, None),
        (NONE, DEFERRED, 5, Action.DELAYED),
        (DELAY, DEFERRED, 5, Action.DELAYED),
        (FAILURE, DEFERRED, 5, None),
        (NEVER, DEFERRED, 5, None),
        (NONE, DEFERRED, 24 * 6, Action.FAILED),
        (NEVER, DEFERRED, 24 * 6, None),
    ],
)
def test_what_the_sender_is_told(asked: frozenset[Notify], verdict: Verdict, age_hours: int, action: Action | None) -> None:
    found = settled(lease(asked, age=timedelta(hours=age_hours)), verdict)
    assert (found.report.recipients[0].action if found.report else None) is action
    assert found.outcomes[0].delay_notified is (action is Action.DELAYED)


@pytest.mark.parametrize("verdict", [FAILED, DELIVERED, DEFERRED])
def test_nothing_is_ever_reported_to_the_null_sender(verdict: Verdict) -> None:
    assert settled(lease(SUCCESS | FAILURE | DELAY, sender="", age=timedelta(days=6)), verdict).report is None


def test_a_delay_is_told_once() -> None:
    assert settled(lease(NONE, age=timedelta(hours=6), told=True), DEFERRED).report is None


def test_one_report_speaks_of_all_recipients_that_concern_the_sender() -> None:
    found = settled(lease(NONE, SUCCESS, NEVER, NONE), FAILED, DELIVERED, FAILED, failed("5.6.7", "needs SMTPUTF8"))
    assert found.report is not None
    assert [(r.final, r.action, r.status, r.remote_host) for r in found.report.recipients] == [
        ("r0@dest.test", Action.FAILED, "5.1.1", "mx.dest.test"),
        ("r1@dest.test", Action.RELAYED, "2.0.0", "mx.dest.test"),
        ("r3@dest.test", Action.FAILED, "5.6.7", None),
    ]
    assert found.report.envelope_id == "env"
    assert found.report.recipients[0].original == "rfc822;o0@old.test"


def test_a_deferred_recipient_is_tried_again_later() -> None:
    (outcome,) = settled(lease(NONE), DEFERRED).outcomes
    assert (outcome.outcome, outcome.until) == (Outcome.DEFERRED, NOW + timedelta(minutes=20))  # after the third attempt


def test_an_expired_one_has_failed_with_its_last_reason() -> None:
    found = settled(lease(NONE, age=timedelta(days=5)), DEFERRED)
    (outcome,) = found.outcomes
    assert (outcome.outcome, outcome.status, outcome.until) == (Outcome.FAILED, "4.4.7", None)
    assert found.report is not None and found.report.recipients[0].diagnostic == "connection refused"
