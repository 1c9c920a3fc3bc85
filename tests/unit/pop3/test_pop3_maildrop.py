"""The snapshot with its marks, against the plainest model of it: a dict of what is left."""

from array import array
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailstead.model.failure import Failure, Refused
from pop3.maildrop import MaildropView, first_lines


@dataclass
class Model:
    """number -> (uid, size), and what is left of it."""

    all: dict[int, tuple[int, int]]
    left: dict[int, tuple[int, int]]


def view_of(sizes: dict[int, int]) -> MaildropView:
    return MaildropView(7, array("I", sorted(sizes)), array("Q", [sizes[uid] for uid in sorted(sizes)]))


SIZES = st.dictionaries(st.integers(1, 2**32 - 1), st.integers(0, 2**33), max_size=12)
STEPS = st.lists(st.one_of(st.just("reset"), st.integers(-1, 14)), max_size=40)


def check(view: MaildropView, model: Model) -> None:
    assert view.count == len(model.left)
    assert view.octets == sum(size for _, size in model.left.values())
    assert list(view.sizes()) == [(number, size) for number, (_, size) in model.left.items()]
    assert list(view.unique_ids()) == [(number, f"7.{uid}") for number, (uid, _) in model.left.items()]
    assert list(view.doomed()) == [uid for number, (uid, _) in model.all.items() if number not in model.left]
    for number in range(-1, len(model.all) + 2):
        if number in model.left:
            assert (view.uid(number), view.size(number)) == model.left[number]
            assert view.unique_id(number) == f"7.{model.left[number][0]}"
        else:
            for question in (view.uid, view.size, view.unique_id):
                with pytest.raises(Refused) as refused:
                    question(number)
                assert refused.value.failure is Failure.NO_SUCH_MESSAGE


@given(SIZES, STEPS)
def test_the_view_does_as_the_model(sizes: dict[int, int], steps: list[str | int]) -> None:
    view = view_of(sizes)
    everything = {number: (uid, sizes[uid]) for number, uid in enumerate(sorted(sizes), 1)}
    model = Model(everything, dict(everything))
    check(view, model)
    for step in steps:
        if step == "reset":
            view.unmark_all()
            model.left = dict(everything)
        elif step in model.left:
            view.mark(int(step))
            del model.left[int(step)]
        else:
            with pytest.raises(Refused):
                view.mark(int(step))
        check(view, model)


@given(st.lists(st.binary(max_size=20), max_size=8), st.integers(0, 20), st.integers(1, 7))
def test_first_lines_of_any_pieces(rows: list[bytes], lines: int, cut: int) -> None:
    text = b"".join(row.replace(b"\n", b"") + b"\r\n" for row in rows)
    found, wanted, at = b"", lines, 0
    while at < len(text) and wanted:
        piece, wanted = first_lines(text[at : at + cut], wanted)
        found += piece
        at += cut
    assert found == b"".join(line + b"\n" for line in text.split(b"\n")[:-1][:lines])
