"""ARC (RFC 8617 §5.2): whether a chain of hosts that handed a message on is whole, and what the first of them found.

As with DKIM, asking for keys is a core of its own, so that the hashing can run in a thread.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import Enum

from mailstead.model.dns import Asking
from mailstead.wire.dkim import relaxed
from mailstead.wire.headers import HeaderField, decode_octets, unfold
from smtp_in.checks.dkim import verify
from smtp_in.checks.dkim.canonical import without_signature
from smtp_in.checks.dkim.signature import (
    Key,
    Signature,
    algorithm_of,
    domain_of,
    key_name,
    octets_of,
    read_signature,
    signature_tags,
)
from smtp_in.checks.tags import BadTags

MAX_SETS = 50  # RFC 8617 §4.2.1
RESULTS, MESSAGE_SIGNATURE, SEAL = b"arc-authentication-results", b"arc-message-signature", b"arc-seal"

_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,4})[ \t\r\n]*;(.*)", re.DOTALL)
_NOT_SAID = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)')  # what strangers may have worded: quoted strings and comments


class Outcome(Enum):
    """cv= (RFC 8617 §4.4), or that a key could not be had for now."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class ArcResult:
    """Of a chain that holds: `sealers` are its domains in the order of its instances, `found` is what the first told."""

    outcome: Outcome
    reason: str = ""
    sealers: tuple[str, ...] = ()
    found: str = ""

    def vouches(self, author: str, trusted: Set[str]) -> bool:
        """Whether all who sealed are trusted, and DMARC passed for the author's domain before the first of them (§7.2.1)."""
        if self.outcome is not Outcome.PASS or not set(self.sealers) <= trusted:
            return False
        words = [part.lower().split() for part in _NOT_SAID.sub(" ", self.found).split(";")]
        return any(part[:1] == ["dmarc=pass"] and f"header.from={author}" in part[1:] for part in words)


@dataclass(frozen=True, slots=True)
class _Seal:
    domain: str
    key_name: str
    algorithm: str
    value: bytes


@dataclass(frozen=True, slots=True)
class _Set:
    """The three fields of one instance."""

    results: HeaderField
    signature: HeaderField
    seal: HeaderField


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain whose form holds; `newest` is its last ARC-Message-Signature, the only one that has to (§5.2)."""

    sets: tuple[_Set, ...]
    seals: tuple[_Seal, ...]
    newest: Signature

    @property
    def key_names(self) -> list[str]:
        return list(dict.fromkeys([self.newest.key_name, *(seal.key_name for seal in reversed(self.seals))]))


def read_chain(message: verify.Message) -> Chain | ArcResult:
    """Steps 1 to 3 of RFC 8617 §5.2."""
    found = {name: message.named(name) for name in (RESULTS, MESSAGE_SIGNATURE, SEAL)}
    count = max(len(each) for each in found.values())
    if not count:
        return ArcResult(Outcome.NONE)
    if count > MAX_SETS:
        return _failed("too many sets")
    try:
        by_instance = {name: {_instance(each): each for each in places} for name, places in found.items()}
        instances = range(1, count + 1)
        if any(len(found[name]) != count or set(by_instance[name]) != set(instances) for name in found):
            return _failed("instances are not whole")
        sets = tuple(_Set(*(by_instance[name][i] for name in (RESULTS, MESSAGE_SIGNATURE, SEAL))) for i in instances)
        seals = tuple(_read_seal(each.seal.value, first=i == 1) for i, each in enumerate(sets, 1))
        return Chain(sets, seals, _read_message_signature(sets[-1].signature.value))
    except BadTags as bad:
        return _failed(str(bad))


def find_keys(chain: Chain) -> Asking[Mapping[str, Key] | ArcResult]:
    """The keys by name, or why the chain is not to be judged further."""
    keys: dict[str, Key] = {}
    for name in chain.key_names:
        key = yield from verify.ask_key(name)
        if not isinstance(key, Key):
            outcome, reason = key
            return ArcResult(Outcome.TEMPERROR, reason) if outcome is verify.Outcome.TEMPERROR else _failed(reason)
        keys[name] = key
    return keys


def judge(message: verify.Message, chain: Chain, keys: Mapping[str, Key], now: int) -> ArcResult:
    """Steps 4 to 6: the newest signature of the message, then the seals from the newest to the first."""
    signed = verify.judge_one(message, chain.sets[-1].signature, chain.newest, keys[chain.newest.key_name], now)
    if signed.outcome is not verify.Outcome.PASS:
        return _failed(f"message signature: {signed.reason}")
    for count in range(len(chain.seals), 0, -1):
        seal = chain.seals[count - 1]
        key = keys[seal.key_name]
        refusal = verify.key_refusal(seal.algorithm, key)
        if refusal is not None:
            return _failed(f"seal {count}: {refusal[1]}")
        if not verify.is_signed_by(key, seal.algorithm, seal.value, _sealed(chain.sets[:count])):
            return _failed(f"seal {count} did not verify")
    told = decode_octets(unfold(chain.sets[0].results.value))
    return ArcResult(Outcome.PASS, "", tuple(seal.domain for seal in chain.seals), told)


def _sealed(sets: tuple[_Set, ...]) -> bytes:
    """What the last seal of `sets` is over (§5.1.1)."""
    octets = b"".join(relaxed(field) for each in sets for field in (each.results, each.signature, each.seal))
    own = relaxed(sets[-1].seal)
    return octets.removesuffix(own) + without_signature(own)


def _instance(field: HeaderField) -> int:
    if field.name.lower() == RESULTS:
        found = _INSTANCE.fullmatch(field.value)
        if found is None:
            raise BadTags("no instance")
        return int(found[1])
    text = signature_tags(field.value).get("i", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise BadTags("no instance")
    return int(text)


def _read_seal(value: bytes, *, first: bool) -> _Seal:
    tags = signature_tags(value)
    if "h" in tags:  # RFC 8617 §4.1.3
        raise BadTags("h= in a seal")
    if tags.get("cv", "").lower() != ("none" if first else "pass"):
        raise BadTags("cv= of a seal is no pass")
    domain, selector = domain_of(tags, "d"), domain_of(tags, "s")
    return _Seal(domain, key_name(domain, selector), algorithm_of(tags), octets_of(tags, "b"))


def _read_message_signature(value: bytes) -> Signature:
    """A DKIM-Signature but for v=, and i=, which is the instance (§4.1.2)."""
    tags = signature_tags(value)
    del tags["i"]
    signature = read_signature(tags)
    if SEAL in signature.names:
        raise BadTags("a seal is signed")
    return signature


def _failed(reason: str) -> ArcResult:
    return ArcResult(Outcome.FAIL, reason)
