"""The shell around the checks: asks DNS for their cores, hashes in a thread what is large, and ends all of it at one deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx

from mailstead.ops.dns import Resolver
from mailstead.ops.logging import get_logger
from smtp_in.checks import arc, dmarc, iprev
from smtp_in.checks.author import a_labels, author_domains
from smtp_in.checks.dkim import verify
from smtp_in.checks.dkim.signature import Signature
from smtp_in.checks.dnsbl import Zone, check_list
from smtp_in.checks.findings import Findings, Identity, Opinion
from smtp_in.checks.spam_filter import BadAnswer, SpamFilter
from smtp_in.checks.spf import check_host as spf

IN_THREAD = 32 * 1024  # octets of a body; hashing more would hold up the loop
LATE = "not done in time"

T = TypeVar("T")
Observe = Callable[[str, str, float], None]
"""Told of each check: its name, its outcome, seconds."""

log = get_logger()


class Checker:
    """Checks of messages from outside. Never raises: a check that fails is a temperror, and mail goes on (promise D5)."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        host: str,
        seconds: float,
        threads: int,
        observe: Observe,
        lists: Sequence[Zone] = (),
        spam_filter: SpamFilter | None = None,
    ) -> None:
        self._resolver = resolver
        self._host = host
        self._seconds = seconds
        self._observe = observe
        self._lists = tuple(lists)
        self._spam_filter = spam_filter
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="dkim")

    async def close(self) -> None:
        await self._resolver.close()
        self._threads.shutdown(wait=False)

    async def check(
        self,
        identity: Identity,
        header: bytes,
        body: bytes | memoryview,
        now: int,
        *,
        recipients: Sequence[str] = (),
        trace_id: str = "",
    ) -> Findings:
        """`header` and `body` are the octets as the client sent them; `now` is Unix time."""
        ends = asyncio.get_running_loop().time() + self._seconds
        client, hello = identity.client, a_labels(identity.hello)
        message = verify.Message(header, body)
        sender = _sender(identity.sender)
        reverse, policy, signatures, chain, listed, opinion = await asyncio.gather(
            self._within(ends, "iprev", self._iprev(client, hello), iprev.IprevResult(iprev.Outcome.TEMPERROR)),
            self._within(ends, "spf", self._spf(client, sender, hello, now), spf.SpfResult(spf.Outcome.TEMPERROR)),
            self._within(ends, "dkim", self._dkim(message, now), (verify.DkimResult(verify.Outcome.TEMPERROR, LATE),)),
            self._within(ends, "arc", self._arc(message, now), arc.ArcResult(arc.Outcome.TEMPERROR, LATE)),
            self._within(ends, "dnsbl", self._listed(client), ()),
            self._within(ends, "spam-filter", self._opinion(identity, recipients, trace_id, header, body), None),
        )
        passed = policy.domain if policy.outcome is spf.Outcome.PASS else None
        vouched = dmarc.Authenticated(
            passed.lower() if passed else None,
            tuple(dict.fromkeys(r.domain for r in signatures if r.outcome is verify.Outcome.PASS)),
            policy.outcome is spf.Outcome.TEMPERROR or any(r.outcome is verify.Outcome.TEMPERROR for r in signatures),
        )
        late = dmarc.DmarcResult(dmarc.Outcome.TEMPERROR, reason=LATE)
        wanted = await self._within(ends, "dmarc", self._dmarc(message, vouched), late)
        return Findings(identity, reverse, policy, signatures, wanted, listed, opinion, chain)

    async def _within(self, ends: float, name: str, check: Awaitable[T], late: T) -> T:
        started = time.perf_counter()
        result = late
        try:
            async with asyncio.timeout_at(ends):
                result = await check
        except TimeoutError:
            log.info("check not done in time", check=name)
        except (BadAnswer, httpx.HTTPError) as error:
            log.warning("spam filter gives no answer, mail goes on", reason=str(error) or type(error).__name__)
        except Exception:
            log.exception("check failed for an unforeseen reason", check=name)
        self._observe(name, _outcome(result), time.perf_counter() - started)
        return result

    async def _iprev(self, client: str, hello: str) -> iprev.IprevResult:
        return await self._resolver.run(iprev.check_iprev(client, hello))

    async def _spf(self, client: str, sender: str, hello: str, now: int) -> spf.SpfResult:
        return await self._resolver.run(spf.check_host(client, sender, hello, receiver=self._host, now=now))

    async def _listed(self, client: str) -> tuple[Zone, ...]:
        answers = await asyncio.gather(*(self._resolver.run(check_list(client, zone)) for zone in self._lists))
        return tuple(zone for zone, is_listed in zip(self._lists, answers, strict=True) if is_listed)

    async def _opinion(
        self, identity: Identity, recipients: Sequence[str], trace_id: str, header: bytes, body: bytes | memoryview
    ) -> Opinion | None:
        if self._spam_filter is None:
            return None
        return await self._spam_filter.ask(identity, recipients, trace_id, header, body)

    async def _dkim(self, message: verify.Message, now: int) -> tuple[verify.DkimResult, ...]:
        claimed = verify.claims(message)
        if not claimed:
            return ()
        keys = await asyncio.gather(*(self._key(claim.read) for claim in claimed))
        if len(message.body) <= IN_THREAD:
            return tuple(verify.judge(message, claimed, keys, now))
        loop = asyncio.get_running_loop()
        return tuple(await loop.run_in_executor(self._threads, verify.judge, message, claimed, keys, now))

    async def _arc(self, message: verify.Message, now: int) -> arc.ArcResult:
        chain = arc.read_chain(message)
        if isinstance(chain, arc.ArcResult):
            return chain
        keys = await self._resolver.run(arc.find_keys(chain))
        if isinstance(keys, arc.ArcResult):
            return keys
        if len(message.body) <= IN_THREAD:
            return arc.judge(message, chain, keys, now)
        return await asyncio.get_running_loop().run_in_executor(self._threads, arc.judge, message, chain, keys, now)

    async def _key(self, read: Signature | verify.DkimResult) -> verify.KeyFound | None:
        return await self._resolver.run(verify.find_key(read)) if isinstance(read, Signature) else None

    async def _dmarc(self, message: verify.Message, vouched: dmarc.Authenticated) -> dmarc.DmarcResult:
        authors = author_domains(message.fields)
        return dmarc.strictest([await self._resolver.run(dmarc.check_dmarc(author, vouched)) for author in authors])


def _sender(path: str) -> str:
    local_part, at, domain = path.rpartition("@")
    return f"{local_part}@{a_labels(domain)}" if at else path


def _outcome(result: object) -> str:
    """The word for a result, of several signatures that of the best."""
    match result:
        case iprev.IprevResult() | spf.SpfResult() | dmarc.DmarcResult() | arc.ArcResult():
            return str(result.outcome.value)
        case Opinion():
            return result.action.value
        case (Zone(), *_):
            return "listed"
        case tuple():
            outcomes = [each.outcome for each in result]
            return next((o.value for o in verify.Outcome if o in outcomes), "none")
        case _:
            return "none"
