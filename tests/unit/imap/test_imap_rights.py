"""Rights and names, without a server (RFC 4314 §2, RFC 2342 §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap import rights as right
from imap.namespaces import Others, name_of, others
from imap.rights import ALL, EXTRA, STANDARD, UnknownRight, changed, parse, stored, written
from mailstead.model.flags import EVERY_FLAG, FlagMask, Flags, SystemFlag

letters = st.text("lrswipkxteacd", max_size=20)


@pytest.mark.parametrize(
    ("before", "modification", "after"),
    [
        ("", "lr", "lr"),
        ("lrswi", "+cda", "lrswikxtecda"),  # §3.1
        ("", "lrswida", "lrswiteda"),  # §2.1.1: `d` is `te`
        ("lrswi", "+k", "lrswikc"),  # … and `c` is told with any of `kx`
        ("lrte", "-d", "lr"),
        ("lrt", "-e", "lrtd"),
        ("lr", "-lr", ""),
        ("lr", "", ""),
        ("lr", "+", "lr"),
        ("", "aetxkpiwsrl", "lrswipkxtecda"),
    ],
)
def test_changes(before: str, modification: str, after: str) -> None:
    assert written(changed(parse(before), modification)) == after


@pytest.mark.parametrize("letter", ["q", "Q", "L", "0", "9", " ", "é", "+", "-"])
def test_what_is_no_right(letter: str) -> None:
    with pytest.raises(UnknownRight):
        changed(ALL, f"+l{letter}")


@given(letters)
def test_rights_are_read_as_they_were_written(text: str) -> None:
    rights = parse(text)
    assert parse(stored(rights)) == rights
    # §2.1.1: clients pass over what stands for others
    assert parse(written(rights).replace("c", "").replace("d", "")) == rights
    assert len(set(written(rights))) == len(written(rights))
    assert ("c" in written(rights)) == bool(rights & set("kx"))  # §2.1.1: MUST
    assert ("d" in written(rights)) == bool(rights & set("te"))


@given(letters, letters)
def test_what_is_added_can_be_taken_away(before: str, more: str) -> None:
    rights = changed(parse(before), "+" + more)
    assert rights == parse(before) | parse(more)
    assert changed(rights, "-" + more) == parse(before) - parse(more)


def test_the_capability_names_none_of_the_old_rights() -> None:
    """§2.2, §5.1.1."""
    assert set(EXTRA) >= set("texk")
    assert not set(EXTRA) & set("lrswipacd0123456789")
    assert sorted(right.grantable().replace('"" ', "").split()) == sorted([*STANDARD, "c", "d"])  # §3.7: none twice


@given(letters)
def test_rights_and_the_flags_that_they_open(text: str) -> None:
    rights = parse(text)
    mask = right.flags(rights)
    assert bool(mask.system & SystemFlag.SEEN) == ("s" in rights)
    assert bool(mask.system & SystemFlag.DELETED) == ("t" in rights)
    assert bool(mask.system & SystemFlag.FLAGGED) == mask.keywords == ("w" in rights)
    assert (mask == EVERY_FLAG) == (rights >= set("stw"))
    everything = Flags(EVERY_FLAG.system, ("$Label",))
    assert everything.within(mask) == Flags(mask.system, ("$Label",) if mask.keywords else ())


def test_a_mask_of_nothing_leaves_nothing() -> None:
    assert not Flags(EVERY_FLAG.system, ("$Label",)).within(FlagMask(SystemFlag(0), False))


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("Work", None),
        ("Shared", None),
        ("Shared/Recipes/Soup", None),
        ("shared/ann@a.test/Work", None),
        ("Shared/ann@a.test/Work", Others("ann@a.test", "Work")),
        ("Shared/Ann@A.test/inbox/Old", Others("ann@a.test", "INBOX/Old")),
        ("Shared/ann@a.test", Others("ann@a.test", "")),
        ("Shared/odd/ann@a.test/Work/Old", Others("odd/ann@a.test", "Work/Old")),
        ("Shared/ann@a.test/bob@a.test", Others("ann@a.test", "bob@a.test")),
    ],
)
def test_whose_mailbox_a_name_means(name: str, whose: Others | None) -> None:
    assert others(name) == whose


@given(st.sampled_from(["ann@a.test", "odd/ann@a.test"]), st.sampled_from(["INBOX", "Work/Old", "a@b/c", "Shared/x@y/z"]))
def test_names_lead_back(owner: str, name: str) -> None:
    assert others(name_of(owner, name)) == Others(owner, name)
