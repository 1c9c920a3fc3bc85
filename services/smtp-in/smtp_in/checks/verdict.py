"""From findings to what becomes of a message, from values alone: kept, filed as junk, refused, or put off."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from smtp_in.checks import dmarc
from smtp_in.checks.findings import Findings
from smtp_in.replies import Reply


class Fate(IntEnum):
    """In the order of severity."""

    KEEP = 0
    JUNK = 1
    DEFER = 2
    REFUSE = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """`dmarc` is the most that is done of what a domain's owner asks for: nothing, Junk, or refusal."""

    dmarc: Literal["none", "junk", "reject"] = "junk"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reply` is what the client hears where `fate` is not to take the message."""

    fate: Fate
    reason: str = ""
    reply: Reply | None = None


KEEP = Verdict(Fate.KEEP)


def judge(found: Findings, rules: Rules) -> Verdict:
    """The severest of what each check asks for."""
    return max(_by_dmarc(found, rules), KEEP, key=lambda verdict: verdict.fate)


def _by_dmarc(found: Findings, rules: Rules) -> Verdict:
    result = found.dmarc
    if result is None or result.outcome is not dmarc.Outcome.FAIL or result.policy is dmarc.Policy.NONE or rules.dmarc == "none":
        return KEEP
    if result.policy is dmarc.Policy.REJECT and rules.dmarc == "reject":
        return Verdict(Fate.REFUSE, "dmarc", refused_by_dmarc(result.domain))
    return Verdict(Fate.JUNK, "dmarc")


def refused_by_dmarc(domain: str) -> Reply:
    """There is no enhanced code of its own for it."""
    name = domain if domain.isascii() and domain.isprintable() else "the sender's domain"
    return Reply(550, "5.7.1", f"Rejected by the DMARC policy of {name[:200]}")
