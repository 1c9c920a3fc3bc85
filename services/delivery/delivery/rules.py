"""Rules of the operator: how mail of a tenant, or of all, for a domain, or for all, leaves. Pure: which rule holds for a message.

A tenant's own rules go before those of all tenants; among them the one for the domain itself, then those for the domains above
it, nearest first, then the one for whatever domain.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from delivery.dialogue import ORDINARY, Dialogue
from delivery.route import SmartHost
from delivery.tls_policy import Least

ANY = ""  # the domain of a rule for whatever domain


@dataclass(frozen=True, slots=True)
class Rule:
    """`domain` is in lower case: `example.org`, `.example.org` for all below it, or ANY. Without `smart_host`, MX records say
    where to."""

    tenant_id: int | None = None
    domain: str = ANY
    smart_host: SmartHost | None = None
    least: Least = Least.OPPORTUNISTIC
    dialogue: Dialogue = ORDINARY
    messages_per_minute: int | None = None  # to one domain, over all replicas


NO_RULE = Rule()


class Rules:
    """All rules at one moment."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = {(rule.tenant_id, rule.domain): rule for rule in rules}

    def of(self, tenant_id: int, domain: str) -> Rule:
        """The one rule that holds; NO_RULE where none does."""
        domain = domain.lower()
        patterns = [domain, *_above(domain), ANY]
        found = (self._rules.get((owner, pattern)) for owner in (tenant_id, None) for pattern in patterns)
        return next((rule for rule in found if rule is not None), NO_RULE)


def _above(domain: str) -> list[str]:
    """`.b.c` and `.c` of a.b.c."""
    labels = domain.split(".")
    return ["." + ".".join(labels[n:]) for n in range(1, len(labels))]
