"""From verdicts to what is written down: when to try again, what has expired, who is told of what (RFC 3461 §5.2). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.bounces import classify
from delivery.outcome import Fate, Verdict, expired
from delivery.schedule import delay_is_news
from mailstead.model.retry import RetryCurve, next_attempt
from mailstead.store.delivery import Notify
from mailstead.store.queued import Leased, Outcome, QueuedRecipient, RecipientOutcome
from mailstead.wire.dsn import Action, Report, ReportedRecipient

_OUTCOMES = {
    Fate.DELIVERED: Outcome.DELIVERED,
    Fate.DEFERRED: Outcome.DEFERRED,
    Fate.FAILED: Outcome.FAILED,
    Fate.CANCELLED: Outcome.CANCELLED,
    Fate.SUPPRESSED: Outcome.SUPPRESSED,
}

_BOUNCES = frozenset({Fate.DEFERRED, Fate.FAILED})


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator may set of it."""

    curve: RetryCurve = RetryCurve()  # noqa: RUF009 - frozen
    delay_notice_after: timedelta = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What to settle a lease with; `report` is for the sender, None when there is nothing to tell."""

    outcomes: tuple[RecipientOutcome, ...]
    report: Report | None


def settle(
    leased: Leased,
    verdicts: Mapping[int, Verdict],
    policy: Policy,
    *,
    reporting_host: str,
    now: datetime,
    chance: float,
) -> Settlement:
    """`verdicts` by recipient number, one for each of the lease; `chance` in [0, 1) spreads the retries."""
    outcomes: list[RecipientOutcome] = []
    reported: list[ReportedRecipient] = []
    for recipient in leased.recipients:
        verdict = verdicts[recipient.number]
        until = None
        if verdict.fate is Fate.DEFERRED:
            until = next_attempt(policy.curve, recipient.attempts + 1, now, leased.expires_at, chance)
            if until is None:
                verdict = expired(verdict)
        action = _action(leased, recipient, verdict, policy, now)
        outcomes.append(
            RecipientOutcome(
                number=recipient.number,
                outcome=_OUTCOMES[verdict.fate],
                status=verdict.status,
                reply=verdict.reply,
                until=until,
                delay_notified=action is Action.DELAYED,
                bounce_class=classify(verdict.status, verdict.reply) if verdict.fate in _BOUNCES else None,
            )
        )
        if action:
            reported.append(
                ReportedRecipient(
                    final=recipient.address,
                    action=action,
                    status=verdict.status,
                    original=recipient.original,
                    remote_host=verdict.host,
                    diagnostic=verdict.reply,
                    last_attempt=now,
                    retry_until=leased.expires_at,
                )
            )
    reader = leased.report_to or leased.sender
    report = Report(reporting_host, reader, tuple(reported), leased.queued_at, leased.envelope_id) if reported else None
    return Settlement(tuple(outcomes), report)


def _action(leased: Leased, recipient: QueuedRecipient, verdict: Verdict, policy: Policy, now: datetime) -> Action | None:
    """What the sender is told of this recipient, if anything (RFC 3461 §4.1, §5.2.2–5.2.6)."""
    asked = recipient.notify
    if not leased.sender or Notify.NEVER in asked:  # RFC 5321 §6.1: nothing is reported on what has a null sender
        return None
    if verdict.untold:
        return None
    match verdict.fate:
        case Fate.FAILED | Fate.CANCELLED | Fate.SUPPRESSED:
            return Action.FAILED if not asked or Notify.FAILURE in asked else None
        case Fate.DELIVERED:
            return Action.RELAYED if Notify.SUCCESS in asked and not verdict.notifies else None
        case Fate.DEFERRED:
            news = delay_is_news(leased.queued_at, now, policy.delay_notice_after, recipient.delay_notified)
            return Action.DELAYED if news and (not asked or Notify.DELAY in asked) else None
