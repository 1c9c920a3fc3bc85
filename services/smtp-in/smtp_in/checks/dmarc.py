"""DMARC (RFC 9989): policy discovery and organizational domains by walking up the DNS tree, alignment, what the owner asks for.

What differs from RFC 7489: there is no list of public suffixes and no `pct`; `t=y` asks for one step less, `np` speaks of names
that do not exist, `psd` says where organizations begin.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from mailstead.model.dns import Asking, Kind, NoRecords, NoSuchName, Question, Records, Trouble
from smtp_in.checks.tags import BadTags, parse_tags

MAX_LABELS = 8  # of a name below which the walk jumps, RFC 9989 §4.10
MAX_RECORD = 8 * 1024


class Policy(Enum):
    """What a domain's owner asks for where a message fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


class Outcome(Enum):
    """RFC 8601 §2.7.2 as RFC 9989 uses it."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """`subdomain` and `missing` are sp and np, None where they are not given; `psd` is y, n or u."""

    policy: Policy = Policy.NONE
    subdomain: Policy | None = None
    missing: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    psd: str = "u"
    is_testing: bool = False


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """`policy` is what is asked for this message, whatever its outcome; `domain` that of its author."""

    outcome: Outcome
    domain: str = ""
    policy: Policy = Policy.NONE
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Domains that SPF and DKIM vouch for, lower case A-labels. `is_open`: one of those checks could not be done for now."""

    spf: str | None
    dkim: tuple[str, ...]
    is_open: bool = False


def parse_dmarc(text: str) -> DmarcRecord | None:
    """A TXT record as DMARC; None where it is none (RFC 9989 §4.7). Unknown tags and values are passed over."""
    if len(text) > MAX_RECORD:
        return None
    try:
        tags = parse_tags(text)
    except BadTags:
        return None
    if next(iter(tags), "") != "v" or tags["v"] != "DMARC1":
        return None
    return DmarcRecord(
        policy=_policy(tags.get("p")) or Policy.NONE,
        subdomain=_policy(tags.get("sp")),
        missing=_policy(tags.get("np")),
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        psd=tags.get("psd", "u").lower(),
        is_testing=tags.get("t", "n").lower() == "y",
    )


def check_dmarc(author: str, authenticated: Authenticated) -> Asking[DmarcResult]:
    """Whether the message may speak for `author`, the domain of its From, as A-labels in lower case."""
    walk = yield from _walk(author)
    if isinstance(walk, Trouble):
        return DmarcResult(Outcome.TEMPERROR, author, reason=walk.detail)
    organization = organizational(author, walk)
    found = _applied(author, organization, walk)
    if found is None:
        return DmarcResult(Outcome.NONE, author)
    at, record = found
    policy = yield from _asked(author, at, record)
    organizations = {author: organization}
    candidates = [(domain, record.strict_dkim) for domain in authenticated.dkim]
    if authenticated.spf is not None:
        candidates.append((authenticated.spf, record.strict_spf))
    for domain, strict in candidates:
        if domain == author:
            return DmarcResult(Outcome.PASS, author, policy)
        if strict or not _share_a_tail(domain, author):
            continue
        if domain not in organizations:
            other = yield from _walk(domain)
            if isinstance(other, Trouble):
                authenticated = Authenticated(authenticated.spf, authenticated.dkim, True)
                continue
            organizations[domain] = organizational(domain, other)
        if organizations[domain] == organization:
            return DmarcResult(Outcome.PASS, author, policy)
    if authenticated.is_open:  # what could not be looked up might have vouched for it
        return DmarcResult(Outcome.TEMPERROR, author, policy, "not all could be looked up")
    return DmarcResult(Outcome.FAIL, author, policy)


_Walk = list[tuple[str, DmarcRecord]]
"""Records on the way up, the longest name first."""


def _walk(start: str) -> Asking[_Walk | Trouble]:
    """RFC 9989 §4.10."""
    found: _Walk = []
    labels = start.split(".")
    while labels:
        name = ".".join(labels)
        answer = yield Question(f"_dmarc.{name}", Kind.TXT)
        if isinstance(answer, Trouble):
            return answer
        record = _only(answer.values if isinstance(answer, Records) else ())
        if record is not None:
            found.append((name, record))
            if record.psd in ("y", "n"):
                break
        labels = labels[1:] if len(labels) < MAX_LABELS else labels[-(MAX_LABELS - 1) :]
    return found


def organizational(start: str, walk: _Walk) -> str:
    """The organizational domain of `start` (RFC 9989 §4.10)."""
    for name, record in walk:
        if record.psd == "n":
            return name
        if record.psd == "y" and name != start:
            return ".".join(start.split(".")[-(name.count(".") + 2) :])
    return walk[-1][0] if walk else start


def _applied(author: str, organization: str, walk: _Walk) -> tuple[str, DmarcRecord] | None:
    """The record that speaks for the author's domain: its own, its organization's, or its public suffix's (RFC 9989 §4.10)."""
    by_name = dict(walk)
    for name in (author, organization):
        if name in by_name:
            return name, by_name[name]
    return next(((name, record) for name, record in walk if record.psd == "y"), None)


def _asked(author: str, at: str, record: DmarcRecord) -> Asking[Policy]:
    policy = record.policy
    if at != author:
        policy = record.subdomain or record.policy
        if record.missing is not None and not (yield from _exists(author)):
            policy = record.missing
    if record.is_testing:  # RFC 9989 §4.7
        policy = Policy.QUARANTINE if policy is Policy.REJECT else Policy.NONE
    return policy


def _exists(name: str) -> Asking[bool]:
    """Whether a name has A, AAAA or MX records (RFC 9989 §3.2); in doubt, it does."""
    for kind in (Kind.A, Kind.MX, Kind.AAAA):
        answer = yield Question(name, kind)
        if isinstance(answer, NoSuchName):
            return False
        if not isinstance(answer, NoRecords):
            return True
    return False


def strictest(results: Sequence[DmarcResult]) -> DmarcResult:
    """Of several authors (RFC 9989 §4.3): each has to hold, and where one does not, its owner's wish counts."""
    order = (Outcome.FAIL, Outcome.TEMPERROR, Outcome.PERMERROR, Outcome.NONE, Outcome.PASS)
    severity = (Policy.REJECT, Policy.QUARANTINE, Policy.NONE)
    if not results:
        return DmarcResult(Outcome.PERMERROR, reason="no author")
    return min(results, key=lambda result: (order.index(result.outcome), severity.index(result.policy)))


def _only(texts: Iterable[str]) -> DmarcRecord | None:
    """The one record at a name; several are as none (RFC 9989 §4.7)."""
    records = [record for record in map(parse_dmarc, texts) if record is not None]
    return records[0] if len(records) == 1 else None


def _share_a_tail(one: str, other: str) -> bool:
    """Whether two names may be of one organization: at least their last label is the same."""
    return one.rpartition(".")[2] == other.rpartition(".")[2]


def _policy(text: str | None) -> Policy | None:
    return Policy(text.lower()) if text and text.lower() in ("none", "quarantine", "reject") else None
