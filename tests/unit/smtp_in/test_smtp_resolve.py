"""Aliases, groups, catch-alls and forwards over a directory of values: no database, no socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.model.address import Address
from mailstead.store.directory import Alias, DomainRef, Found, Posting, Recipient
from mailstead.store.usage import Usage
from smtp_in import replies
from smtp_in.policy import MailboxRules, Role
from smtp_in.replies import Reply
from smtp_in.resolve import MAX_LEVELS, MAX_PLACEMENTS, Asker, Resolution, Resolved
from smtp_in.targets import Copy, Relay, Unreached

DOMAIN = DomainRef(1, 1, "a.test", True)
PEOPLE = {
    "alice": Recipient(1, 1, "alice@a.test", True, Usage(0, 0, 0, 0)),
    "bob": Recipient(2, 1, "bob@a.test", True, Usage(0, 0, 0, 0)),
    "disabled": Recipient(3, 1, "disabled@a.test", False, Usage(0, 0, 0, 0)),
    "full": Recipient(4, 1, "full@a.test", True, Usage(100, 100, 0, 0)),
    "away": Recipient(5, 1, "away@a.test", True, Usage(0, 0, 0, 0), ("away@else.test", "bob@a.test"), keeps_copy=False),
    "both": Recipient(6, 1, "both@a.test", True, Usage(0, 0, 0, 0), ("both@else.test",)),
    "tagged": Recipient(7, 1, "tagged@a.test", True, Usage(0, 0, 0, 0), folder="Lists"),
}


def alias(name: str, *targets: str, group: bool = False, members: bool = False, active: bool = True) -> Alias:
    posting = Posting.MEMBERS if members else Posting.ANYBODY
    return Alias(f"{name}@a.test", 1, active, tuple(t if "@" in t else f"{t}@a.test" for t in targets), group, posting)


def asker(role: Role = Role.MX, sender: str | None = "s@b.test", size: int = 0) -> Asker:
    tenant, account = (1, 9) if role is Role.SUBMISSION else (None, None)
    address = Address.parse(sender) if sender else None
    return Asker(role, MailboxRules(), size, address, sender, tenant, account)


def resolve(address: str, *aliases: Alias, by: Asker | None = None, home: Address | None = None) -> tuple[Resolved | Reply, int]:
    """The outcome, and how many look-ups it took."""
    known = {f"{name}@a.test": who for name, who in PEOPLE.items()} | {each.address: each for each in aliases}
    resolution = Resolution(Address.parse(address if "@" in address else f"{address}@a.test"), by or asker(), home)
    rounds = 0
    while wanted := resolution.wanted:
        rounds += 1
        resolution.learn(
            {a: Found(DOMAIN, known.get(a.key) or known.get(f"@{a.domain}")) if a.domain == "a.test" else None for a in wanted}
        )
    return resolution.outcome(), rounds


def reached(outcome: Resolved | Reply) -> list[str]:
    assert isinstance(outcome, Resolved), outcome
    return [p.recipient.address if isinstance(p, Copy) else p.address for p in outcome.placements]


@pytest.mark.parametrize("role", Role)
def test_an_account_is_one_look_up(role: Role) -> None:
    outcome, rounds = resolve("alice", by=asker(role))
    assert outcome == Resolved((Copy(PEOPLE["alice"]),), False)
    assert rounds == 1


def test_a_tag_names_a_mailbox() -> None:
    outcome, _ = resolve("tagged")
    assert outcome == Resolved((Copy(PEOPLE["tagged"], "Lists"),), False)


def test_an_alias_reaches_all_its_targets_once() -> None:
    outcome, rounds = resolve("sales", alias("sales", "alice", "Bob@A.test", "alice", "x@else.test"))
    assert reached(outcome) == ["alice@a.test", "bob@a.test", "x@else.test"]
    assert rounds == 2


def test_aliases_within_aliases() -> None:
    chain = [alias(f"l{n}", f"l{n + 1}") for n in range(MAX_LEVELS - 1)] + [alias(f"l{MAX_LEVELS - 1}", "alice")]
    outcome, rounds = resolve("l0", *chain)
    assert reached(outcome) == ["alice@a.test"]
    assert rounds == MAX_LEVELS + 1
    assert resolve("first", alias("first", "l0"), *chain)[0] is replies.ADDRESS_EXPANDS_TOO_FAR


def test_loops_end() -> None:
    one, two = alias("one", "two", "one", "alice"), alias("two", "one", "two")
    assert reached(resolve("one", one, two)[0]) == ["alice@a.test"]
    assert resolve("two", alias("one", "two"), two)[0] is replies.ADDRESS_LEADS_NOWHERE


def test_too_many() -> None:
    wide = [alias(f"w{n}", *(f"m{n}.{k}@else.test" for k in range(1_000))) for n in range(3)]
    assert resolve("all", alias("all", "w0", "w1", "w2"), *wide)[0] is replies.ADDRESS_EXPANDS_TOO_FAR
    assert MAX_PLACEMENTS == 2_000


def test_a_catch_all_takes_what_is_not_there() -> None:
    everything = Alias("@a.test", 1, True, ("alice@a.test",))
    assert reached(resolve("nobody", everything)[0]) == ["alice@a.test"]
    assert reached(resolve("bob", everything)[0]) == ["bob@a.test"]
    outcome, _ = resolve("nobody")
    assert isinstance(outcome, Reply) and outcome.enhanced == "5.1.1"


def test_a_catch_all_of_another_address_of_its_domain_ends() -> None:
    assert resolve("nobody", Alias("@a.test", 1, True, ("else@a.test",)))[0] is replies.ADDRESS_LEADS_NOWHERE


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (("nobody",), "5.1.1"),
        (("disabled",), "5.2.1"),
        (("full",), "4.2.2"),
        (("nobody", "full"), "4.2.2"),  # it may come to something
        (("x@localhost",), "5.1.2"),
    ],
)
def test_an_alias_that_reaches_nobody(targets: tuple[str, ...], code: str) -> None:
    outcome, _ = resolve("sales", alias("sales", *targets))
    assert isinstance(outcome, Reply) and outcome.enhanced == code


def test_whom_an_alias_cannot_reach_is_told_whom_a_group_cannot_is_not() -> None:
    outcome, _ = resolve("sales", alias("sales", "alice", "nobody", "full"))
    assert isinstance(outcome, Resolved)
    lost = [p for p in outcome.placements if isinstance(p, Unreached)]
    assert [(p.address, p.why.enhanced) for p in lost] == [("nobody@a.test", "5.1.1"), ("full@a.test", "4.2.2")]
    assert reached(resolve("team", alias("team", "alice", "nobody", "full", group=True))[0]) == ["alice@a.test"]


def test_an_inactive_alias_is_refused() -> None:
    outcome, _ = resolve("sales", alias("sales", "alice", active=False))
    assert isinstance(outcome, Reply) and outcome.enhanced == "5.2.1"


@pytest.mark.parametrize(
    ("sender", "may"),
    [
        ("bob@a.test", True),
        ("out@else.test", True),
        ("nested@else.test", True),
        ("s@b.test", False),
        ("team@a.test", False),
        (None, False),
    ],
)
def test_members_only(sender: str | None, may: bool) -> None:
    team = alias("team", "alice", "bob", "out@else.test", "inner", group=True, members=True)
    outcome, _ = resolve("team", team, alias("inner", "nested@else.test", group=True, members=True), by=asker(sender=sender))
    assert isinstance(outcome, Resolved) is may
    assert may or outcome is replies.MEMBERS_ONLY


def test_forwards_with_and_without_a_copy() -> None:
    outcome, rounds = resolve("away")
    assert reached(outcome) == ["bob@a.test", "away@else.test"] or reached(outcome) == ["away@else.test", "bob@a.test"]
    assert rounds == 2
    outcome, _ = resolve("both")
    assert outcome == Resolved((Copy(PEOPLE["both"]), Relay("both@else.test", 1, 6, Address("both", "a.test"))), False)


def test_a_stranger_relays_nowhere_but_where_an_address_of_ours_leads() -> None:
    assert resolve("x@else.test")[0] is replies.RELAY_DENIED
    assert resolve("x@else.test", by=asker(Role.SUBMISSION))[0] == Resolved((Relay("x@else.test", 1, 9),), False)
    out = Relay("x@else.test", 1, None, Address("out", "a.test"))
    assert resolve("out", alias("out", "x@else.test"))[0] == Resolved((out,), False)


def test_a_report_goes_home_and_nothing_else_does() -> None:
    home, bounce = Address("s", "b.test"), "SRS0=x@a.test"
    for catch_all in ((), (Alias("@a.test", 1, True, ("alice@a.test",)),)):
        outcome, _ = resolve(bounce, *catch_all, by=asker(sender=None), home=home)
        assert outcome == Resolved((Relay("s@b.test", 1, None, Address.parse(bounce)),), False)
        assert resolve(bounce, *catch_all, by=asker(), home=home)[0] is replies.REPORTS_ONLY
    assert reached(resolve(bounce, by=asker(sender=None), home=Address("bob", "a.test"))[0]) == ["bob@a.test"]
    assert isinstance(resolve(bounce, by=asker(sender=None))[0], Reply)


NAMES = st.sampled_from(["a1", "a2", "a3", "a4", "alice", "bob", "nobody", "full", "x@else.test", "away"])


@given(st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=5), st.booleans(), st.booleans()), min_size=4, max_size=4))
def test_any_tangle_ends_and_reaches_each_once(tangle: list[tuple[list[str], bool, bool]]) -> None:
    aliases = [
        alias(f"a{n}", *targets, group=group, members=group and members) for n, (targets, group, members) in enumerate(tangle, 1)
    ]
    outcome, rounds = resolve("a1", *aliases)
    assert rounds <= MAX_LEVELS + 1
    if isinstance(outcome, Resolved):
        assert len(set(reached(outcome))) == len(outcome.placements)
