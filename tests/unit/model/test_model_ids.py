"""Identifiers that are ordered by the time they were made."""

import time
from uuid import RFC_4122

from mailstead.model.ids import id_after, new_id, new_trace_id


def test_an_id_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    made = [new_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert all(before <= one.int >> 80 <= after for one in made)
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}
    assert len(set(made)) == len(made)


def test_trace_ids_are_32_hexadecimal_digits() -> None:
    trace = new_trace_id()
    assert len(trace) == 32
    int(trace, 16)


def test_identifiers_can_be_told_apart_by_when_they_were_made() -> None:
    made = new_id()
    now = time.time()
    assert id_after(now - 10) < made < id_after(now)
