"""What a worker has in hand, how much of it, and for how long destinations that cannot be reached are left alone."""

from datetime import UTC, datetime
from uuid import UUID

from delivery import silence
from delivery.breaker import BreakerPolicy
from delivery.hand import MOST_AHEAD, SPAN, Flow, Hand
from delivery.silence import Silence
from mailstead.store.content import Source
from mailstead.store.queued import Leased

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def lease(n: int, domain: str) -> Leased:
    source = Source(1, UUID(int=0), b"", 0, 0)
    return Leased(UUID(int=n), 1, None, "t", "a@x.test", None, False, domain, (), source, NOW, NOW, NOW)


def test_a_destination_is_handed_as_many_as_it_took_lately() -> None:
    flow = Flow()
    assert flow.ahead("a.test", 0) == 0
    for n in range(10):
        flow.went_well("a.test", 1 + n / 100)
    assert (flow.ahead("a.test", 1.1), flow.ahead("b.test", 1.1), flow.domains(1.1)) == (10, 0, {"a.test"})
    assert flow.ahead("a.test", 1.1 + SPAN) == 10, "those of the span before count"
    assert flow.ahead("a.test", 1.1 + 3 * SPAN) == 0
    assert flow.domains(1.1 + 3 * SPAN) == set()


def test_no_destination_is_handed_more_than_so_many() -> None:
    flow = Flow()
    for _ in range(2 * MOST_AHEAD):
        flow.went_well("a.test", 0)
    assert flow.ahead("a.test", 0) == MOST_AHEAD


def test_who_came_first_goes_first_and_is_given_back_first() -> None:
    hand = Hand()
    first, second, other = lease(1, "a.test"), lease(2, "a.test"), lease(3, "b.test")
    for at, leased in enumerate((first, second, other)):
        hand.add(leased, at)
    assert (len(hand), hand.domains) == (3, {"a.test": 2, "b.test": 1})
    assert hand.give_up(0) == [first]
    assert hand.take("a.test") == second
    assert hand.take("a.test") is None
    assert hand.give_up_domain("b.test") == [other]
    assert (len(hand), hand.domains, hand.give_up(9)) == (0, {}, [])


def test_a_silent_destination_is_left_alone_for_twice_as_long_after_each_pause() -> None:
    known = Silence(BreakerPolicy(first=60, longest=200))
    assert known.unreached("a.test", 0) == 60
    assert known.unreached("a.test", 20) == 40, "who tried before that does not prolong the pause"
    assert known.unreached("a.test", 60) == 120
    assert known.unreached("a.test", 180) == 200
    known.reached("a.test")
    assert known.unreached("a.test", 500) == 60


def test_so_many_silent_destinations_are_known() -> None:
    known = Silence(BreakerPolicy(first=60))
    for n in range(silence.MAX_KNOWN + 1):
        known.unreached(n, 0)
    assert (known.unreached(1, 50), known.unreached(0, 50)) == (10, 60)
