"""Senders that forwarders rewrite, and their way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.model.address import MAX_ROUTED_LOCAL_PART, Address
from mailstead.wire.srs import MAX_AGE, is_rewritten, restored, rewritten

KEY, OLD, OTHER = b"k" * 32, b"o" * 32, b"x" * 32
TODAY = 20_780
SENDER = Address("Some.Body+tag=x", "sender.test")
ATOMS = st.text("abcXYZ019.=+-_", min_size=1, max_size=40).filter(lambda text: not is_rewritten(text))


def rewrite(sender: Address, secret: bytes = KEY, day: int = TODAY, forwarder: str = "a.test") -> Address:
    made = rewritten(sender, forwarder, secret, day)
    assert made is not None and made.domain == forwarder
    return made


@given(ATOMS, st.integers(0, 100_000), st.integers(0, MAX_AGE), st.booleans())
def test_what_is_rewritten_is_restored(local_part: str, day: int, age: int, shouting: bool) -> None:
    """For as long as reports may take, and by hosts that change the case of letters."""
    made = rewrite(Address(local_part, "sender.test"), day=day).local_part
    found = restored(made.upper() if shouting else made, [KEY], day + age)
    assert found is not None and found.domain == "sender.test"
    assert found.local_part == (local_part.upper() if shouting else local_part)


def test_an_old_key_restores_until_it_is_taken_away() -> None:
    made = rewrite(SENDER, OLD).local_part
    assert restored(made, [KEY, OLD], TODAY) == SENDER
    assert restored(made, [KEY], TODAY) is None


@pytest.mark.parametrize("days", [-1, MAX_AGE + 1, 500, 1023])
def test_neither_too_old_nor_of_tomorrow(days: int) -> None:
    assert restored(rewrite(SENDER).local_part, [KEY], TODAY + days) is None


@given(st.text("abc=srs01+-", max_size=60), st.integers(0, 50))
def test_nothing_but_our_own_work_is_restored(text: str, at: int) -> None:
    made = rewrite(SENDER).local_part
    for forged in (text, f"SRS0={text}", f"SRS1={text}", made[:at] + "b" + made[at + 1 :], made + text):
        if forged.lower() != made.lower():
            assert restored(forged, [OTHER], TODAY) is None
            assert restored(forged, [KEY], TODAY) is None


def test_a_chain_of_forwarders_leads_back_to_the_first() -> None:
    """Each of them knows only its own key; the second and third point at the first."""
    first = rewrite(SENDER, KEY, forwarder="first.test")
    second = rewrite(first, OLD, forwarder="second.test")
    third = rewrite(second, OTHER, forwarder="third.test")
    assert second.local_part.startswith("SRS1=") and third.local_part.startswith("SRS1=")
    assert len(third.local_part) == len(second.local_part)
    assert restored(third.local_part, [OTHER], TODAY) == first
    assert restored(second.local_part, [OLD], TODAY) == first
    assert restored(first.local_part, [KEY], TODAY) == SENDER


@pytest.mark.parametrize(
    "sender", [Address('"a b"', "b.test"), Address("a", "[192.0.2.1]"), Address("x" * (MAX_ROUTED_LOCAL_PART - 20), "b.test")]
)
def test_what_cannot_be_rewritten(sender: Address) -> None:
    assert rewritten(sender, "a.test", KEY, TODAY) is None
