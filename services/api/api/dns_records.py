"""What a domain publishes so that its mail works, and how what is found compares with it. Values in, values out."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mailstead.model.dns import Answer, Kind, Records, Trouble
from mailstead.store.signing_keys import KeyState, SigningKeyRow

State = Literal["ok", "missing", "differs", "unknown"]
Mode = Literal["none", "testing", "enforce"]

MX_PREFERENCE = 10
POLICY_SECONDS = 604_800  # a week (RFC 8461 §3.2)
SERVICES = {"submissions": 465, "submission": 587, "imaps": 993, "pop3s": 995}  # RFC 6186, RFC 8314 §5.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record to publish. `begins`: any record that begins so serves the purpose, as other policies of DMARC do."""

    purpose: str
    kind: Kind
    name: str
    value: str
    required: bool = False
    begins: str | None = None


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where mail is reached, and where the files for clients are served; how other hosts take our MTA-STS policy."""

    mail: str
    web: str
    mode: Mode


def wanted_records(domain: str, hosts: Hosts, keys: Sequence[SigningKeyRow], key_digest: bytes | None) -> list[Wanted]:
    """In the order in which people publish them. `key_digest`: of the key of the certificate of the mail host, if it is known."""
    reports = f"mailto:postmaster@{domain}"
    return [
        Wanted("MX", Kind.MX, domain, hosts.mail, required=True),
        Wanted("SPF", Kind.TXT, domain, "v=spf1 mx -all", required=True),
        *(
            Wanted("DKIM", Kind.TXT, f"{key.selector}._domainkey.{domain}", key.record, required=key.state is KeyState.ACTIVE)
            for key in keys
        ),
        Wanted("DMARC", Kind.TXT, f"_dmarc.{domain}", f"v=DMARC1; p=quarantine; rua={reports}", begins="v=DMARC1;"),
        Wanted("MTA-STS", Kind.TXT, f"_mta-sts.{domain}", f"v=STSv1; id={policy_id(hosts)};"),
        Wanted("MTA-STS", Kind.CNAME, f"mta-sts.{domain}", hosts.web),
        Wanted("TLS-RPT", Kind.TXT, f"_smtp._tls.{domain}", f"v=TLSRPTv1; rua={reports}", begins="v=TLSRPTv1;"),
        # It outlives certificates that are renewed with their key, and counts only where the zone is signed (RFC 7672 §3.1.1).
        *([Wanted("DANE", Kind.TLSA, f"_25._tcp.{hosts.mail}", f"3 1 1 {key_digest.hex()}")] if key_digest else []),
        *(
            Wanted("client", Kind.SRV, f"_{service}._tcp.{domain}", f"0 1 {port} {hosts.mail}.")
            for service, port in SERVICES.items()
        ),
        *(Wanted("client", Kind.CNAME, f"{name}.{domain}", hosts.web) for name in ("autoconfig", "autodiscover")),
    ]


def ownership(domain: str, tenant_id: int, secret: bytes) -> Wanted:
    """What only who owns the domain can publish, and only for this tenant."""
    proof = hmac.digest(secret, f"domain {tenant_id} {domain}".encode(), "sha256").hex()[:40]
    return Wanted("ownership", Kind.TXT, f"_mailstead.{domain}", f"mailstead-domain={proof}")


def policy(hosts: Hosts) -> str:
    """The file that https://mta-sts.DOMAIN/.well-known/mta-sts.txt is (RFC 8461 §3.2)."""
    return "\r\n".join(["version: STSv1", f"mode: {hosts.mode}", f"mx: {hosts.mail}", f"max_age: {POLICY_SECONDS}", ""])


def policy_id(hosts: Hosts) -> str:
    """Another one for another policy."""
    return hashlib.sha256(policy(hosts).encode()).hexdigest()[:20]


def compare(wanted: Wanted, answer: Answer) -> tuple[State, tuple[str, ...]]:
    """What there is to say, and the records that are there of this purpose."""
    match answer:
        case Trouble():
            return "unknown", ()
        case Records(values):
            found = tuple(_of_purpose(wanted, values))
            if not found:
                return "missing", ()
            fits = any(value.startswith(wanted.begins) if wanted.begins else _same(wanted, value) for value in found)
            # Two policies of one kind are none (RFC 7208 §4.5, RFC 7489 §6.6.3).
            alone = len(found) == 1 or wanted.kind is not Kind.TXT
            return ("ok" if fits and alone else "differs"), found
        case _:
            return "missing", ()


def _of_purpose(wanted: Wanted, values: Iterable[str]) -> Iterable[str]:
    if wanted.kind is not Kind.TXT:
        return values
    tag = wanted.value.partition(" ")[0].rstrip(";").lower()
    return (value for value in values if value.lower().startswith(tag))


def _same(wanted: Wanted, value: str) -> bool:
    if wanted.kind is Kind.TXT:
        return "".join(value.split()).rstrip(";") == "".join(wanted.value.split()).rstrip(";")
    return value.rstrip(".").lower() == wanted.value.rstrip(".").lower()
