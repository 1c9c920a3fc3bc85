"""From findings to what becomes of a message, from values alone: kept, filed as junk, refused, or put off."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from smtp_in.checks import dmarc, iprev
from smtp_in.checks.findings import Action, Findings
from smtp_in.checks.spf import check_host as spf
from smtp_in.replies import Reply


class Fate(IntEnum):
    """In the order of severity."""

    KEEP = 0
    JUNK = 1
    DEFER = 2
    REFUSE = 3


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which a message is junk, or refused; None leaves it to the spam filter, or to the rules of the service."""

    junk: float | None = None
    reject: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """`dmarc` is the most that is done of what a domain's owner asks for: nothing, Junk, or refusal.

    `thresholds` hold where neither a domain has its own nor a spam filter says what to do. `sealers` are domains whose ARC
    seals are believed where DMARC fails.
    """

    dmarc: Literal["none", "junk", "reject"] = "junk"
    thresholds: Thresholds = Thresholds()
    sealers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reply` is what the client hears where `fate` is not to take the message."""

    fate: Fate
    reason: str = ""
    reply: Reply | None = None


KEEP = Verdict(Fate.KEEP)
JUNK = Verdict(Fate.JUNK, "score")
SPAM = Verdict(Fate.REFUSE, "score", Reply(550, "5.7.1", "Refused as spam"))
LATER = Verdict(Fate.DEFER, "spam filter", Reply(451, "4.7.1", "Try again later"))
GREYLISTED = Verdict(Fate.DEFER, "greylist", Reply(451, "4.7.1", "Greylisted, try again in a few minutes"))

_WISHES = {
    Action.NONE: KEEP,
    Action.GREYLIST: KEEP,  # what has not been seen before is put off by our own list, which replicas share
    Action.ADD_HEADER: JUNK,
    Action.REWRITE_SUBJECT: JUNK,
    Action.SOFT_REJECT: LATER,
    Action.REJECT: SPAM,
}


def judge(found: Findings, rules: Rules, own: Thresholds) -> Verdict:
    """For recipients whose domain has thresholds of its `own`: the severest of what each check asks for."""
    return max(_by_dmarc(found, rules), _by_score(found, rules, own), key=lambda verdict: verdict.fate)


def is_doubtful(found: Findings) -> bool:
    """Whether a first message should prove itself by coming again.

    The spam filter says so; without one it is a client on a DNS list, without a name of its own, or one that the sender's
    domain does not know, unless DMARC vouches for the author.
    """
    if found.opinion is not None:
        return found.opinion.action is Action.GREYLIST
    if found.dmarc is not None and found.dmarc.outcome is dmarc.Outcome.PASS:
        return bool(found.listed)
    nameless = found.iprev is not None and found.iprev.outcome in (iprev.Outcome.FAIL, iprev.Outcome.PERMERROR)
    disowned = found.spf is not None and found.spf.outcome in (spf.Outcome.FAIL, spf.Outcome.SOFTFAIL)
    return bool(found.listed) or nameless or disowned


def _by_score(found: Findings, rules: Rules, own: Thresholds) -> Verdict:
    wish = _WISHES[found.opinion.action] if found.opinion is not None else None
    reject, junk = own.reject, own.junk
    if wish is None:
        reject = rules.thresholds.reject if reject is None else reject
        junk = rules.thresholds.junk if junk is None else junk
    if (wish is SPAM) if reject is None else found.score >= reject:
        return SPAM
    if wish is LATER:
        return LATER
    return JUNK if (wish in (JUNK, SPAM) if junk is None else found.score >= junk) else KEEP


def _by_dmarc(found: Findings, rules: Rules) -> Verdict:
    result = found.dmarc
    if result is None or result.outcome is not dmarc.Outcome.FAIL or result.policy is dmarc.Policy.NONE or rules.dmarc == "none":
        return KEEP
    if found.arc is not None and found.arc.vouches(result.domain, rules.sealers):
        return KEEP
    if result.policy is dmarc.Policy.REJECT and rules.dmarc == "reject":
        return Verdict(Fate.REFUSE, "dmarc", refused_by_dmarc(result.domain))
    return Verdict(Fate.JUNK, "dmarc")


def refused_by_dmarc(domain: str) -> Reply:
    """There is no enhanced code of its own for it."""
    name = domain if domain.isascii() and domain.isprintable() else "the sender's domain"
    return Reply(550, "5.7.1", f"Rejected by the DMARC policy of {name[:200]}")
