"""Which rule holds, and what a rule makes of a demand."""

import pytest
from pydantic import ValidationError

from delivery.dane import Tlsa
from delivery.dialogue import Credentials
from delivery.rules import ANY, NO_RULE, Rule, Rules
from delivery.settings import DeliverySettings
from delivery.tls_policy import OPPORTUNISTIC, Demand, Handshake, Least, at_least
from mailstead.ops.settings import explain

RULES = Rules(
    [
        Rule(None, ANY),
        Rule(None, "example.org"),
        Rule(None, ".example.org"),
        Rule(None, ".org"),
        Rule(7, ANY),
        Rule(7, ".b.example.org"),
        Rule(8, "example.org"),
    ]
)


@pytest.mark.parametrize(
    ("tenant", "domain", "owner", "pattern"),
    [
        (1, "example.org", None, "example.org"),
        (1, "Example.ORG", None, "example.org"),
        (1, "a.example.org", None, ".example.org"),
        (1, "a.b.example.org", None, ".example.org"),
        (1, "other.org", None, ".org"),
        (1, "org", None, ANY),
        (1, "badexample.org", None, ".org"),
        (1, "example.com", None, ANY),
        (7, "a.b.example.org", 7, ".b.example.org"),
        (7, "b.example.org", 7, ANY),  # a tenant's own rules go first, whatever the others say
        (7, "example.org", 7, ANY),
        (8, "example.org", 8, "example.org"),
        (8, "a.example.org", None, ".example.org"),
        (1, "[192.0.2.1]", None, ANY),
    ],
)
def test_the_most_particular_rule_holds(tenant: int, domain: str, owner: int | None, pattern: str) -> None:
    rule = RULES.of(tenant, domain)
    assert (rule.tenant_id, rule.domain) == (owner, pattern)


def test_without_rules_none_holds() -> None:
    assert Rules([]).of(1, "example.org") is NO_RULE


VERIFIED = Demand((Handshake.VERIFIED,), "sts-enforce")
DANE = Demand((Handshake.DANE,), "dane", (Tlsa(3, 1, 1, b"x" * 32),))
TESTING = Demand((Handshake.VERIFIED, Handshake.UNVERIFIED, Handshake.PLAIN), "sts-testing")


@pytest.mark.parametrize(
    ("demand", "least", "ways"),
    [
        (OPPORTUNISTIC, Least.OPPORTUNISTIC, [Handshake.UNVERIFIED, Handshake.PLAIN]),
        (OPPORTUNISTIC, Least.ENCRYPTED, [Handshake.UNVERIFIED]),
        (OPPORTUNISTIC, Least.VERIFIED, [Handshake.VERIFIED]),
        (TESTING, Least.ENCRYPTED, [Handshake.VERIFIED, Handshake.UNVERIFIED]),
        (TESTING, Least.VERIFIED, [Handshake.VERIFIED]),
        (DANE, Least.VERIFIED, [Handshake.DANE]),
        (VERIFIED, Least.ENCRYPTED, [Handshake.VERIFIED]),
    ],
)
def test_a_rule_never_asks_for_less(demand: Demand, least: Least, ways: list[Handshake]) -> None:
    made = at_least(demand, least)
    assert list(made.ways) == ways
    assert made.tlsa == demand.tlsa


def test_a_password_is_not_shown() -> None:
    assert "hush" not in repr(Rule(dialogue=Rule().dialogue)) and "hush" not in repr(Credentials("us", "hush"))


NEEDED = {"hostname": "mx.own.test", "database_url": "postgresql://delivery@db/mailstead"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"delivery_smart_host_user": "us", "delivery_smart_host_password": "hush"},
        {"delivery_smart_host": "relay.test:587", "delivery_smart_host_user": "us", "delivery_smart_host_tls": "verified"},
        {"delivery_smart_host": "relay.test:587", "delivery_smart_host_user": "us", "delivery_smart_host_password": "hush"},
    ],
)
def test_settings_that_would_send_a_password_nowhere_or_in_the_clear(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        DeliverySettings.model_validate(NEEDED | wrong)
    assert "delivery_smart_host" in explain(refused.value) and "hush" not in explain(refused.value)


def test_the_smart_host_of_the_settings_is_the_last_rule() -> None:
    settings = DeliverySettings.model_validate(
        NEEDED
        | {
            "delivery_smart_host": "relay.test:587",
            "delivery_smart_host_user": "us",
            "delivery_smart_host_password": "hush",
            "delivery_smart_host_tls": "verified",
        }
    )
    rule = settings.last_rule
    assert rule.smart_host is not None and (rule.smart_host.host, rule.least) == ("relay.test", Least.VERIFIED)
    assert rule.dialogue.credentials == Credentials("us", "hush")
