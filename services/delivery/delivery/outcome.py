"""What a dialogue with a host means for each recipient: delivered, to be tried again, or failed (RFC 5321 §4.2.1, RFC 3463)."""

from dataclasses import dataclass
from enum import Enum

from delivery.replies import Reply


class Fate(Enum):
    """What becomes of a recipient after an attempt."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"
    CANCELLED = "cancelled"  # untried, since an operator asked for it
    SUPPRESSED = "suppressed"  # untried, since its tenant does not write to it


@dataclass(frozen=True, slots=True)
class Verdict:
    """A fate with its enhanced status code and the words behind it: the other host's reply, or our own reason."""

    fate: Fate
    status: str
    reply: str
    host: str | None = None  # whose reply it is; None: our own reason
    notifies: bool = False  # delivered to a host that sends DSNs itself (RFC 3461 §4)
    in_doubt: bool = False  # the host may have taken the message nevertheless
    untold: bool = False  # of a failure that nobody is to be told of


@dataclass(frozen=True, slots=True)
class Broken:
    """A dialogue that ended early. `unanswered` means after the final dot: only there the other host may have the message."""

    detail: str
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What was said in one transaction. Replies that never came are None; `recipients` is in the order of the envelope.

    By LMTP (RFC 2033 §4.2) there is no `final`, but one for each recipient, in the same order, in `finals`.
    """

    mail: Reply | None
    recipients: tuple[Reply | None, ...]
    data: Reply | None
    final: Reply | None
    broken: Broken | None = None
    finals: tuple[Reply | None, ...] = ()

    @property
    def unheard(self) -> bool:
        """The host ended the session before it took anything in: on one that had been waiting, that is no verdict."""
        return self.broken is not None and (self.mail is None or self.mail.code == 421)


def verdicts(result: Result, *, host: str, notifies: bool) -> tuple[Verdict, ...]:
    """One verdict for each recipient. `notifies`: the host offered DSN, so notifications of success are its affair."""
    finals = result.finals or (result.final,) * len(result.recipients)
    return tuple(_verdict(result, reply, final, host, notifies) for reply, final in zip(result.recipients, finals, strict=True))


def deferred(status: str, reason: str) -> Verdict:
    """Our own temporary failure: no reply stands behind it."""
    return Verdict(Fate.DEFERRED, status, reason)


def failed(status: str, reason: str) -> Verdict:
    """Our own permanent failure."""
    return Verdict(Fate.FAILED, status, reason)


def cancelled(*, told: bool) -> Verdict:
    """What an operator took out of the queue (RFC 3463 §3.8, X.7.1); with `told` the sender hears of it."""
    return Verdict(Fate.CANCELLED, "5.7.1", "taken out of the queue by the administrator", untold=not told)


def suppressed(why: str) -> Verdict:
    """What is on the tenant's own list (RFC 3463 §3.8, X.7.1)."""
    return Verdict(Fate.SUPPRESSED, "5.7.1", f"not sent, since the address is on the suppression list: {why}")


def of_reason(status: str, reason: str) -> Verdict:
    """Failed or deferred, as the first digit of `status` says."""
    return failed(status, reason) if status.startswith("5") else deferred(status, reason)


def expired(last: Verdict) -> Verdict:
    """What a deferral becomes once the message's time is over (RFC 3463 §3.5, X.4.7); the last reason stays readable."""
    return Verdict(Fate.FAILED, "4.4.7", last.reply, last.host)


def _verdict(result: Result, recipient: Reply | None, final: Reply | None, host: str, notifies: bool) -> Verdict:
    if result.mail is not None and not result.mail.success:
        return _refusal(result.mail, host)
    if recipient is not None and not recipient.success:
        # RFC 5321 §4.5.3.1.10: 552 has long meant "too many recipients", unless it says itself what it means.
        if recipient.code == 552 and recipient.status is None:
            return Verdict(Fate.DEFERRED, "4.5.3", recipient.text, host)
        return _refusal(recipient, host)
    if result.mail is None or recipient is None:
        return _lost(result)
    if final is not None:
        if final.success:
            return Verdict(Fate.DELIVERED, final.status or "2.0.0", final.text, host, notifies=notifies)
        return _refusal(final, host)
    if result.data is not None and result.data.code != 354:
        return _refusal(result.data, host)
    return _lost(result)


def _refusal(reply: Reply, host: str) -> Verdict:
    """By the first digit of the code alone (RFC 5321 §4.2.1); a code out of place is the other side's confusion: temporary."""
    if 500 <= reply.code < 600:
        return Verdict(Fate.FAILED, reply.status or "5.0.0", reply.text, host)
    if 400 <= reply.code < 500:
        return Verdict(Fate.DEFERRED, reply.status or "4.0.0", reply.text, host)
    return Verdict(Fate.DEFERRED, "4.5.0", f"unexpected reply: {reply.text}")


def _lost(result: Result) -> Verdict:
    broken = result.broken or Broken("the dialogue ended early")
    return Verdict(Fate.DEFERRED, "4.4.2", broken.detail, in_doubt=broken.unanswered)
