"""Which mailboxes LIST and LSUB name."""

import time

import pytest

from imap.grammar.command import parse
from imap.grammar.requests import List, Lsub
from imap.listing import list_mailboxes, list_subscribed
from mailstead.store.mailbox_row import Mailbox


def box(name: str, special_use: str | None = None) -> Mailbox:
    return Mailbox(1, 1, name, 1, 1, 1, 1, 0, 0, 0, 0, special_use)


BOXES = [box("INBOX"), box("Sent", "\\Sent"), box("a"), box("a/b"), box("gap/deep/er"), box("été")]
SUBSCRIBED = ["INBOX", "a/b", "gone/for/good"]


def listed(arguments: bytes) -> dict[str, str]:
    _, request = parse(b"t LIST " + arguments + b"\r\n")
    assert isinstance(request, List)
    return {
        item.name: " ".join(item.attributes) + (" +children" if item.child_info else "")
        for item in list_mailboxes(request, BOXES, SUBSCRIBED)
    }


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (b'"" *', ["INBOX", "Sent", "a", "a/b", "gap", "gap/deep", "gap/deep/er", "été"]),
        (b'"" %', ["INBOX", "Sent", "a", "gap", "été"]),
        (b'"" inbox', ["INBOX"]),
        (b'"" InBox*', ["INBOX"]),
        (b'"" a/%', ["a/b"]),
        (b"a/ %", ["a/b"]),
        (b'"" %/%', ["a/b", "gap/deep"]),
        (b'"" "*e*"', ["Sent", "gap/deep", "gap/deep/er"]),
        (b'"" (a Sent nothing)', ["Sent", "a"]),
        (b'"" &AOk-t%', ["été"]),
    ],
)
def test_names(arguments: bytes, names: list[str]) -> None:
    assert list(listed(arguments)) == names


def test_attributes() -> None:
    found = listed(b'"" *')
    assert found["a"] == "\\HasChildren"
    assert found["Sent"] == "\\HasNoChildren \\Sent"
    assert found["gap"] == "\\Noselect \\HasChildren"
    assert listed(b'"" gap RETURN (CHILDREN)')["gap"] == "\\NonExistent \\Noselect \\HasChildren"


def test_subscribed() -> None:
    # RFC 5258 §3.1: a subscribed name is named even when there is no such mailbox
    assert listed(b'(SUBSCRIBED) "" *') == {
        "INBOX": "\\HasNoChildren \\Subscribed",
        "a/b": "\\HasNoChildren \\Subscribed",
        "gone/for/good": "\\NonExistent \\Noselect \\HasNoChildren \\Subscribed",
    }
    assert listed(b'"" a/b RETURN (SUBSCRIBED)') == {"a/b": "\\HasNoChildren \\Subscribed"}


def test_recursive_match() -> None:
    # RFC 5258 §3.5
    assert listed(b'(SUBSCRIBED RECURSIVEMATCH) "" %') == {
        "INBOX": "\\HasNoChildren \\Subscribed",
        "a": "\\HasChildren +children",
        "gone": "\\NonExistent \\Noselect \\HasNoChildren +children",
    }


def test_special_use() -> None:
    assert list(listed(b'(SPECIAL-USE) "" *')) == ["Sent"]


def test_lsub() -> None:
    existing = {mailbox.name: mailbox for mailbox in BOXES}
    assert [(item.name, item.attributes[0]) for item in list_subscribed(Lsub("", "*"), SUBSCRIBED, existing)] == [
        ("INBOX", "\\HasNoChildren"),
        ("a/b", "\\HasNoChildren"),
        ("gone/for/good", "\\Noselect"),
    ]
    # RFC 3501 §6.3.9: with %, the level above a subscribed name
    assert [item.name for item in list_subscribed(Lsub("", "%"), SUBSCRIBED, existing)] == ["INBOX", "a", "gone"]


def test_patterns_take_no_long_time() -> None:
    request = List("", ("*a" * 15 + "b",))
    start = time.perf_counter()
    list_mailboxes(request, [box("a" * 1000)], [])
    assert time.perf_counter() - start < 1
