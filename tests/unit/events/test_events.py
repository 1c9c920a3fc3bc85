"""What services tell each other survives the wire, and what is no event of ours does no harm."""

from typing import get_args

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.events import (
    DIRECTORY_SUBJECT,
    QUEUE_SUBJECT,
    VERSION,
    AccountChanged,
    Event,
    MailboxChanged,
    MailboxesChanged,
    QueueFilled,
    account_subject,
    decode,
    encode,
)

numbers = st.integers(0, 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
events = st.one_of(
    st.builds(MailboxChanged, numbers, numbers, numbers, numbers),
    st.builds(MailboxesChanged, numbers),
    st.builds(QueueFilled, numbers),
    st.builds(AccountChanged, numbers, texts, st.booleans()),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(events)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert decode(encode(event, 12.5)) == (event, 12.5)


@given(events, st.binary(max_size=5))
def test_octets_cut_short_are_no_event(event: Event, tail: bytes) -> None:
    data = encode(event, 0)
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError, match="not an event"):
            decode(data[:cut])


@given(st.binary(max_size=200) | json_values.map(orjson.dumps))
def test_anything_else_is_refused_as_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an event"):
        decode(data)


@given(st.sampled_from(["mailbox_changed", "queue_filled", "account_changed"]), st.dictionaries(texts, json_values, max_size=4))
def test_fields_of_another_kind_are_refused(kind: str, fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not an event"):
        decode(orjson.dumps({**fields, "v": VERSION, "kind": kind, "at": 0}))


@given(json_values)
def test_fields_have_the_types_they_should(value: object) -> None:
    """A handler may compare and count without looking first."""
    data = orjson.dumps({"v": VERSION, "kind": "queue_filled", "at": 0, "due": value})
    if isinstance(value, int) and not isinstance(value, bool):
        assert decode(data) == (QueueFilled(value), 0)
    else:
        with pytest.raises(ValueError, match="not an event"):
            decode(data)


@pytest.mark.parametrize("fields", [{"v": VERSION + 1, "kind": "mailbox_changed"}, {"v": VERSION, "kind": "tidings"}])
def test_what_a_newer_replica_says_is_passed_over(fields: dict[str, object]) -> None:
    assert decode(orjson.dumps({**fields, "at": 1, "anything": [1]})) == (None, 1)


def test_subjects() -> None:
    assert MailboxChanged(7, 1, 2, 3).subject == account_subject(7) == "mail.account.7"
    assert QueueFilled(1).subject == QUEUE_SUBJECT == "mail.queue"
    assert AccountChanged(7, "a@example.org", True).subject == DIRECTORY_SUBJECT == "mail.directory"


def test_each_kind_has_a_name_of_its_own() -> None:
    kinds = [cls.kind for cls in get_args(Event)]
    assert len(set(kinds)) == len(kinds)


def test_the_wire_form_is_what_other_releases_read() -> None:
    assert orjson.loads(encode(MailboxChanged(7, 8, 9, 10), 1700000000.5)) == {
        "v": 1,
        "kind": "mailbox_changed",
        "at": 1700000000.5,
        "account_id": 7,
        "mailbox_id": 8,
        "previous_modseq": 9,
        "modseq": 10,
    }
