"""Fetches MTA-STS policies and keeps them for as long as they say (RFC 8461 §3, §5.1)."""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.name
import httpx

from delivery.mx import DnsQuestions
from delivery.route import Addresses
from delivery.tls_policy import MAX_POLICY, NoPolicy, PolicyUnknown, Published, StsPolicy, parse_policy, record_id
from mailstead.model.dns import NoRecords, NoSuchName, Records
from mailstead.ops.logging import get_logger

MAX_CACHED = 10_000  # domains; the one asked for least recently goes first
FETCH_SECONDS = 60.0  # RFC 8461 §3.3
RETRY_SECONDS = 300.0  # RFC 8461 §3.3: a policy that could not be fetched is not asked for again at once
REFRESH_PART = 0.5  # of max_age, after which a policy is fetched anew although its id is the same

log = get_logger()


class FetchFailed(Exception):
    """No policy came, for this reason; `result` is its name in reports (RFC 8460 §4.3)."""

    def __init__(self, reason: str, result: str) -> None:
        super().__init__(reason)
        self.result = result


@dataclass(slots=True)
class _Kept:
    """Times are the loop's clock, in seconds."""

    id: str
    policy: StsPolicy | None
    refresh_at: float
    expires_at: float


class PolicyHosts:
    """Asks `mta-sts.DOMAIN` over HTTPS. The address is judged as any that strangers' DNS records lead to."""

    def __init__(self, questions: DnsQuestions, port: int, tls: ssl.SSLContext, forbidden: Callable[[str], str | None]) -> None:
        self._questions = questions
        self._port = port
        self._tls = tls
        self._forbidden = forbidden

    async def fetch(self, domain: str) -> StsPolicy:
        """Raises FetchFailed."""
        host = f"mta-sts.{domain}"
        answer = await self._questions.addresses(host)
        literals = answer.literals if isinstance(answer, Addresses) else ()
        address = next((a for a in literals if not self._forbidden(a)), None)
        if address is None:
            raise FetchFailed(f"{host} has no address that may be connected to", "sts-policy-fetch-error")
        literal = f"[{address}]" if ":" in address else address
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                octets = await self._get(f"https://{literal}:{self._port}/.well-known/mta-sts.txt", host)
        except (httpx.HTTPError, OSError, TimeoutError) as error:
            webpki = "certificate" in str(error).lower()
            raise FetchFailed(
                f"{host}: {error or type(error).__name__}", "sts-webpki-invalid" if webpki else "sts-policy-fetch-error"
            ) from error
        try:
            return parse_policy(octets)
        except ValueError as error:
            raise FetchFailed(f"{host}: {error}", "sts-policy-invalid") from error

    async def _get(self, url: str, host: str) -> bytes:
        """One client for each policy: they are days apart. No redirects (RFC 8461 §3.3), no proxies, no cookies."""
        async with (
            httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=FETCH_SECONDS) as client,
            client.stream("GET", url, headers={"Host": host}, extensions={"sni_hostname": host}) as response,
        ):
            if response.status_code != 200:
                raise FetchFailed(f"{host} answers {response.status_code}", "sts-policy-fetch-error")
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/plain":
                raise FetchFailed(f"{host} serves no text/plain", "sts-policy-fetch-error")
            octets = b""
            async for block in response.aiter_raw(4096):
                octets += block
                if len(octets) > MAX_POLICY:
                    raise FetchFailed(f"{host} serves more than {MAX_POLICY} octets", "sts-policy-fetch-error")
            return octets


class Policies:
    """What domains publish, kept by this process; a replica that starts asks anew."""

    def __init__(self, questions: DnsQuestions, hosts: PolicyHosts, observe: Callable[[str], None]) -> None:
        """`observe` hears the result of each fetch, as RFC 8460 names it."""
        self._questions = questions
        self._hosts = hosts
        self._observe = observe
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Published]] = {}

    async def close(self) -> None:
        """End fetches that nobody waits for any more."""
        for task in self._under_way.values():
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way.values())

    async def of(self, domain: str) -> Published:
        """The policy in force for this domain. Whoever asks at the same time shares the answer."""
        try:
            domain = dns.name.from_unicode(domain).to_text(omit_final_dot=True).lower()
        except (dns.exception.DNSException, UnicodeError):
            return NoPolicy()
        task = self._under_way.get(domain)
        if task is None:
            task = self._under_way[domain] = asyncio.create_task(self._find(domain), name=f"mta-sts {domain}")
            task.add_done_callback(lambda _: self._under_way.pop(domain, None))
        return await asyncio.shield(task)

    async def _find(self, domain: str) -> Published:
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(domain)
        if kept and kept.expires_at <= now:
            del self._kept[domain]
            kept = None
        answer = await self._questions.texts(f"_mta-sts.{domain}")
        match answer:
            case Records(values):
                found = record_id(values)
            case NoRecords() | NoSuchName():
                found = None
            case _:
                return _in_force(kept) or PolicyUnknown(f"_mta-sts.{domain} cannot be looked up")
        if found is None:  # RFC 8461 §5.1: a policy that was fetched stays in force although its record has gone
            return _in_force(kept) or NoPolicy()
        if kept and kept.id == found and now < kept.refresh_at:
            return _in_force(kept) or PolicyUnknown("the policy could not be fetched a moment ago")
        return await self._renew(domain, found, kept, now)

    async def _renew(self, domain: str, found: str, kept: _Kept | None, now: float) -> Published:
        try:
            policy = await self._hosts.fetch(domain)
        except FetchFailed as failed:
            log.warning("no MTA-STS policy", domain=domain, reason=str(failed), result=failed.result)
            self._observe(failed.result)
            old, until = (kept.policy, kept.expires_at) if kept else (None, 0.0)
            self._keep(domain, _Kept(found, old, now + RETRY_SECONDS, until if old else now + RETRY_SECONDS))
            return old or PolicyUnknown(str(failed))
        self._observe("successful")
        age = max(policy.max_age, RETRY_SECONDS)
        self._keep(domain, _Kept(found, policy, now + age * REFRESH_PART, now + age))
        return policy

    def _keep(self, domain: str, kept: _Kept) -> None:
        self._kept[domain] = kept
        self._kept.move_to_end(domain)
        while len(self._kept) > MAX_CACHED:
            self._kept.popitem(last=False)


def _in_force(kept: _Kept | None) -> StsPolicy | None:
    return kept.policy if kept else None
