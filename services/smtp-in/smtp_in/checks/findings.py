"""What the checks of one message have found, as one value, and as the header fields that tell it (RFC 8601)."""

import re
from dataclasses import dataclass
from enum import Enum

from smtp_in.checks import arc, dmarc, iprev
from smtp_in.checks.dkim.verify import DkimResult
from smtp_in.checks.dnsbl import Zone
from smtp_in.checks.spf.check_host import SpfResult

MAX_VALUE = 250  # characters of what others have written that are repeated

_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.@:]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the message says it is from: all of it is unchecked."""

    client: str
    hello: str
    sender: str  # the reverse-path, empty for <>


class Action(Enum):
    """What the spam filter asks for, in rspamd's words."""

    NONE = "no action"
    GREYLIST = "greylist"
    ADD_HEADER = "add header"
    REWRITE_SUBJECT = "rewrite subject"
    SOFT_REJECT = "soft reject"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Opinion:
    """`headers` are fields to be put above the message, names and values."""

    action: Action
    score: float
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Results are None where a check was not done; a check that could not be done in time is a temperror.

    `listed` are the DNS lists that name the client; `opinion` is the spam filter's.
    """

    identity: Identity
    iprev: "iprev.IprevResult | None" = None
    spf: SpfResult | None = None
    dkim: tuple[DkimResult, ...] = ()
    dmarc: "dmarc.DmarcResult | None" = None
    listed: tuple[Zone, ...] = ()
    opinion: Opinion | None = None
    arc: "arc.ArcResult | None" = None

    @property
    def score(self) -> float:
        """How much speaks for spam: what the spam filter says, or else the weights of lists."""
        return self.opinion.score if self.opinion is not None else sum(zone.weight for zone in self.listed)


def authentication_results(host: str, found: Findings) -> bytes:
    """The Authentication-Results field, CRLF-ended; `host` is our authserv-id."""
    results = [*_iprev(found), *_spf(found), *_dkim(found), *_arc(found), *_dmarc(found)]
    return "".join([f"Authentication-Results: {host};", ";".join(f"\r\n\t{r}" for r in results or ["none"]), "\r\n"]).encode()


def spam_header(found: Findings, *, is_junk: bool) -> bytes:
    """Fields that tell the spam filter's opinion, which DNS lists name the client, and whether it came to Junk."""
    lines = ["X-Spam-Flag: YES"] if is_junk else []
    if found.listed or found.opinion:
        lines.append(f"X-Spam-Score: {found.score:.2f}")
    if found.listed:
        lines.append("X-Spam-Listed: " + ", ".join(zone.name for zone in found.listed))
    if found.opinion:
        lines += [f"X-Spam-Action: {found.opinion.action.value}", *(f"{n}: {v}" for n, v in found.opinion.headers)]
    return "".join(f"{_CONTROL.sub('?', line)}\r\n" for line in lines).encode()


def _iprev(found: Findings) -> list[str]:
    if found.iprev is None:
        return []
    name = f" ({found.iprev.name})" if _PLAIN.fullmatch(found.iprev.name) else ""
    return [f"iprev={found.iprev.outcome.value}{name} policy.iprev={_value(found.identity.client)}"]


def _spf(found: Findings) -> list[str]:
    if found.spf is None:
        return []
    identity = found.identity
    about = f"smtp.mailfrom={_value(identity.sender)}" if identity.sender else f"smtp.helo={_value(identity.hello)}"
    return [f"spf={found.spf.outcome.value} {about}"]


def _dkim(found: Findings) -> list[str]:
    if not found.dkim:
        return ["dkim=none"]
    lines: list[str] = []
    for result in found.dkim:
        reason = f' reason="{_quoted(result.reason)}"' if result.reason else ""
        about = (("d", result.domain), ("s", result.selector), ("a", result.algorithm), ("b", result.value))
        lines.append(f"dkim={result.outcome.value}{reason}" + "".join(f" header.{n}={_value(v)}" for n, v in about if v))
    return lines


def _arc(found: Findings) -> list[str]:
    """No word where nobody has sealed, nor, since RFC 8617 §10.1 knows none, where a key cannot be had."""
    if found.arc is None or found.arc.outcome not in (arc.Outcome.PASS, arc.Outcome.FAIL):
        return []
    reason = f' reason="{_quoted(found.arc.reason)}"' if found.arc.reason else ""
    return [f"arc={found.arc.outcome.value}{reason} smtp.remote-ip={_value(found.identity.client)}"]


def _dmarc(found: Findings) -> list[str]:
    if found.dmarc is None:
        return []
    policy = "" if found.dmarc.outcome is dmarc.Outcome.NONE else f" policy.dmarc={found.dmarc.policy.value}"
    about = f" header.from={_value(found.dmarc.domain)}" if found.dmarc.domain else ""
    return [f"dmarc={found.dmarc.outcome.value}{policy}{about}"]


def _value(text: str) -> str:
    """A pvalue (RFC 8601 §2.2): no stranger writes a line of his own through it."""
    text = text[:MAX_VALUE]
    return text if _PLAIN.fullmatch(text) else f'"{_quoted(text)}"'


def _quoted(text: str) -> str:
    return _CONTROL.sub("?", text)[:MAX_VALUE].replace("\\", "\\\\").replace('"', '\\"')
