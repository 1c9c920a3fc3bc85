"""check_host() (RFC 7208 §4): asks DNS as values and returns a verdict; its limits are those of §4.6.4."""

from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from mailstead.model.dns import Answer, Asking, Kind, NoRecords, NoSuchName, Question, Records, Trouble
from smtp_in.checks.spf.macros import Context, asks_validated_name, expand, expand_domain
from smtp_in.checks.spf.record import BadRecord, Mechanism, Qualifier, Record, is_macro_string, is_record, parse_record

MAX_LOOK_UPS = 10  # terms that ask DNS
MAX_VOID = 2  # of their questions that come back empty
MAX_NAMES = 10  # of one mx, and of a reverse look-up
MAX_EXPLANATION = 400  # characters


class Outcome(Enum):
    """RFC 7208 §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_OUTCOMES = {
    Qualifier.PASS: Outcome.PASS,
    Qualifier.FAIL: Outcome.FAIL,
    Qualifier.SOFTFAIL: Outcome.SOFTFAIL,
    Qualifier.NEUTRAL: Outcome.NEUTRAL,
}


@dataclass(frozen=True, slots=True)
class SpfResult:
    """`explanation` is the domain's own, of a fail, in ASCII; `domain` is whose record was asked."""

    outcome: Outcome
    domain: str = ""
    explanation: str | None = None


class _Ended(Exception):
    """The evaluation is over, whatever the record says further."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


def check_host(client: str, sender: str, helo: str, *, receiver: str = "unknown", now: int = 0) -> Asking[SpfResult]:
    """Whether `client`, an IP address, may send as `sender`; an empty sender is <> and stands for the host itself (§2.4).

    Domains are A-labels. Nothing but the answers to its questions is taken in.
    """
    address = ip_address(client)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    local_part, at, domain = sender.rpartition("@")
    if not sender:
        local_part, domain = "postmaster", helo
    elif not at or not local_part:  # RFC 7208 §4.3
        local_part = "postmaster"
    if not _is_name(domain):
        return SpfResult(Outcome.NONE, domain)
    evaluation = _Evaluation(Context(address, f"{local_part}@{domain}", domain, helo, receiver, now))
    try:
        outcome, explanation = yield from evaluation.check(domain)
    except _Ended as ended:
        outcome, explanation = ended.outcome, None
    return SpfResult(outcome, domain, explanation)


def _is_name(domain: str) -> bool:
    labels = domain.removesuffix(".").split(".")
    return len(labels) > 1 and len(domain) <= 254 and all(0 < len(label) <= 63 for label in labels) and domain[0] != "["


class _Evaluation:
    """One message's budget of look-ups, over all records that include and redirect lead to."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._kind = Kind.A if context.client.version == 4 else Kind.AAAA
        self._look_ups = 0
        self._void = 0

    def check(self, domain: str, *, explain: bool = True) -> Asking[tuple[Outcome, str | None]]:
        """The record of `domain`, evaluated."""
        found = yield from self._record(domain)
        if isinstance(found, Outcome):
            return found, None
        context = replace(self._context, domain=domain)
        for mechanism in found.mechanisms:
            if (yield from self._matches(mechanism, context)):
                outcome = _OUTCOMES[mechanism.qualifier]
                if outcome is Outcome.FAIL and explain and found.explanation is not None:
                    return outcome, (yield from self._explanation(found.explanation, context))
                return outcome, None
        if found.redirect is None:
            return Outcome.NEUTRAL, None  # RFC 7208 §4.7
        self._count()
        target = yield from self._target(found.redirect, context)
        if not _is_name(target):
            raise _Ended(Outcome.PERMERROR)
        outcome, explanation = yield from self.check(target, explain=explain)
        return (Outcome.PERMERROR if outcome is Outcome.NONE else outcome), explanation  # RFC 7208 §6.1

    def _record(self, domain: str) -> Asking[Record | Outcome]:
        answer = yield Question(domain, Kind.TXT)
        if isinstance(answer, Trouble):
            return Outcome.TEMPERROR  # RFC 7208 §4.4
        texts = [text for text in _values(answer) if is_record(text)]
        if not texts:
            return Outcome.NONE
        if len(texts) > 1:
            return Outcome.PERMERROR  # RFC 7208 §4.5
        try:
            return parse_record(texts[0])
        except BadRecord:
            return Outcome.PERMERROR

    def _matches(self, mechanism: Mechanism, context: Context) -> Asking[bool]:
        match mechanism.name:
            case "all":
                return True
            case "ip4" | "ip6":
                network = mechanism.network
                assert network is not None
                return network.version == self._client.version and self._client in network
        self._count()
        target = yield from self._target(mechanism.domain, context)
        match mechanism.name:
            case "include":
                return (yield from self._included(target))
            case "a":
                return (yield from self._has_client(target, mechanism))
            case "mx":
                answer = yield from self._ask(target, Kind.MX)
                hosts = [host for host in _values(answer) if host]
                if len(hosts) > MAX_NAMES:
                    raise _Ended(Outcome.PERMERROR)
                for host in hosts:
                    if (yield from self._has_client(host, mechanism)):
                        return True
                return False
            case "ptr":
                names = yield from self._validated_names(counts=True)
                return any(_is_within(name, target) for name in names)
            case _:  # exists: A records whatever the client's family (RFC 7208 §5.7)
                return isinstance((yield from self._ask(target, Kind.A)), Records)

    def _included(self, target: str) -> Asking[bool]:
        outcome, _ = yield from self.check(target, explain=False)
        match outcome:  # RFC 7208 §5.2
            case Outcome.PASS:
                return True
            case Outcome.TEMPERROR:
                raise _Ended(Outcome.TEMPERROR)
            case Outcome.PERMERROR | Outcome.NONE:
                raise _Ended(Outcome.PERMERROR)
            case _:
                return False

    def _has_client(self, host: str, mechanism: Mechanism) -> Asking[bool]:
        answer = yield from self._ask(host, self._kind)
        prefix = mechanism.prefix4 if self._client.version == 4 else mechanism.prefix6
        network = ip_network((self._client, prefix), strict=False)
        return any(_address(value) in network for value in _values(answer))

    def _target(self, spec: str | None, context: Context) -> Asking[str]:
        if spec is None:
            return context.domain
        if asks_validated_name(spec):
            context = replace(context, validated=(yield from self._validated_name(context.domain)))
        return expand_domain(spec, context)

    def _ask(self, name: str, kind: Kind) -> Asking[Answer]:
        answer = yield Question(name, kind)
        if isinstance(answer, Trouble):
            raise _Ended(Outcome.TEMPERROR)
        if isinstance(answer, NoRecords | NoSuchName):
            self._void += 1
            if self._void > MAX_VOID:
                raise _Ended(Outcome.PERMERROR)
        return answer

    def _count(self) -> None:
        self._look_ups += 1
        if self._look_ups > MAX_LOOK_UPS:
            raise _Ended(Outcome.PERMERROR)

    def _validated_names(self, *, counts: bool) -> Asking[list[str]]:
        """Names of the client that lead back to it (RFC 7208 §5.5). Errors are no names."""
        answer = yield Question(str(self._client), Kind.PTR)
        if counts and isinstance(answer, NoRecords | NoSuchName):
            self._void += 1
            if self._void > MAX_VOID:
                raise _Ended(Outcome.PERMERROR)
        validated: list[str] = []
        for name in _values(answer)[:MAX_NAMES]:
            back = yield Question(name, self._kind)
            if any(_address(value) == self._client for value in _values(back)):
                validated.append(name)
        return validated

    def _validated_name(self, domain: str) -> Asking[str]:
        """What %{p} stands for (RFC 7208 §7.3)."""
        names = yield from self._validated_names(counts=False)
        exact = [name for name in names if name.lower() == domain.lower()]
        within = [name for name in names if _is_within(name, domain)]
        return next(iter(exact + within + names), "unknown")

    def _explanation(self, spec: str, context: Context) -> Asking[str | None]:
        """RFC 7208 §6.2: whatever goes wrong, there is none."""
        answer = yield Question((yield from self._target(spec, context)), Kind.TXT)
        texts = _values(answer)
        if len(texts) != 1 or not texts[0].isascii() or not is_macro_string(texts[0]):
            return None
        if asks_validated_name(texts[0]):
            context = replace(context, validated=(yield from self._validated_name(context.domain)))
        return expand(texts[0], context)[:MAX_EXPLANATION]


def _values(answer: Answer) -> tuple[str, ...]:
    return answer.values if isinstance(answer, Records) else ()


def _address(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text)


def _is_within(name: str, domain: str) -> bool:
    name, domain = name.lower().removesuffix("."), domain.lower().removesuffix(".")
    return name == domain or name.endswith("." + domain)
