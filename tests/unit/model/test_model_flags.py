"""Flags as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.model.flags import MAX_KEYWORD_LENGTH, MAX_KEYWORDS, SYSTEM_NAMES, Flags, SystemFlag

keywords = st.text("abcXYZ$_1", min_size=1, max_size=8)


def test_the_stored_bits_never_change() -> None:
    assert [(flag.name, flag.value) for flag in SystemFlag] == [
        ("SEEN", 1),
        ("ANSWERED", 2),
        ("FLAGGED", 4),
        ("DELETED", 8),
        ("DRAFT", 16),
    ]


@given(st.sets(st.sampled_from(list(SYSTEM_NAMES))), st.lists(keywords, max_size=10))
def test_names_lead_back_to_the_flags(system: set[SystemFlag], words: list[str]) -> None:
    flags = Flags.of([*(SYSTEM_NAMES[flag] for flag in system), *words])
    assert Flags.of(flags.names()) == flags
    assert {flag for flag in SYSTEM_NAMES if flags.system & flag} == system
    assert {word.lower() for word in flags.keywords} == {word.lower() for word in words}
    assert len(flags.keywords) == len({word.lower() for word in words})


def test_case_is_disregarded_and_the_first_spelling_kept() -> None:
    assert Flags.of(["\\SEEN", "\\seen", "Work", "WORK", "$Junk"]) == Flags(SystemFlag.SEEN, ("Work", "$Junk"))


@pytest.mark.parametrize("names", [["\\Recent"], ["\\"], ["\\Seen "], ["k" * (MAX_KEYWORD_LENGTH + 1)]])
def test_unknown_and_oversized_names_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError):
        Flags.of(names)


def test_keywords_are_bounded() -> None:
    words = [f"k{n}" for n in range(MAX_KEYWORDS)]
    assert len(Flags.of(words).keywords) == MAX_KEYWORDS
    with pytest.raises(ValueError, match="too many"):
        Flags.of([*words, "one-more"])


def test_system_flags_come_first() -> None:
    assert Flags.of(["word", "\\Deleted", "\\Answered"]).names() == ("\\Answered", "\\Deleted", "word")
