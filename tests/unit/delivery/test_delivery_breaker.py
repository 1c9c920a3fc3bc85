"""When an address is left alone, on a clock of the test's own."""

from delivery.breaker import MAX_KNOWN, Breaker, BreakerPolicy

POLICY = BreakerPolicy(failures=3, first=60, longest=100)


def failing(times: int, now: float = 0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(times):
        breaker.failed("a", now)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    assert failing(2).may_try("a", 1)
    assert not failing(3).may_try("a", 1)
    assert failing(3).may_try("b", 1)


def test_success_forgets_all() -> None:
    breaker = failing(2)
    breaker.worked("a")
    breaker.failed("a", 0)
    assert breaker.may_try("a", 1)


def test_one_probe_at_a_time() -> None:
    breaker = failing(3)
    assert not breaker.may_try("a", 59)
    assert breaker.may_try("a", 60)
    assert not breaker.may_try("a", 61)  # the probe is under way
    assert breaker.may_try("a", 120)  # … and never told


def test_a_probe_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    breaker = failing(3)
    assert breaker.may_try("a", 60)
    breaker.failed("a", 90)
    assert not breaker.may_try("a", 189)
    assert breaker.may_try("a", 190)
    breaker.failed("a", 200)
    assert not breaker.may_try("a", 299)
    assert breaker.may_try("a", 300)


def test_attempts_that_were_under_way_do_not_prolong_the_pause() -> None:
    breaker = failing(8, now=0)
    assert breaker.may_try("a", 60)


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = failing(3)
    assert breaker.may_try("a", 60)
    breaker.worked("a")
    assert breaker.may_try("a", 61) and breaker.may_try("a", 61)


def test_what_it_knows_is_bounded() -> None:
    breaker = failing(3)
    for number in range(MAX_KNOWN):
        breaker.failed(number, 0)
    assert breaker.may_try("a", 1)
