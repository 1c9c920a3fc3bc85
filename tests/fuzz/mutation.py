"""Octets near those of a corpus: parts of its files cut, doubled, swapped, spliced into each other and overwritten."""

from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
MOST = 20_000  # octets of what is made

# What parsers look for, and what has misled some.
_TOKENS = st.sampled_from([
    b"\r\n", b"\n", b"\r", b"\r\n.\r\n", b"\n.\n", b"\r.\r", b"\0", b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b" ", b"\t",
    b"<", b">", b"@", b":", b";", b",", b'"', b"\\", b"(", b")", b"[", b"]", b"=", b"+", b"=?", b"?=", b"=?utf-8?b?", b"--", b"%",
    b"18446744073709551616", b"-1", b"x" * 1_001,
])  # fmt: skip


def files(kind: str) -> list[bytes]:
    """What the corpus has of a kind; never nothing."""
    found = [path.read_bytes() for path in sorted((CORPUS / kind).iterdir())]
    assert found, f"no corpus of {kind}"
    return found


@st.composite
def near(draw: st.DrawFn, kind: str) -> bytes:
    """A file of the corpus after up to eight changes."""
    corpus = st.sampled_from(files(kind))
    octets = draw(corpus)
    for change in draw(st.lists(st.sampled_from(("cut", "double", "insert", "overwrite", "splice")), max_size=8)):
        start, end = sorted((draw(st.integers(0, len(octets))), draw(st.integers(0, len(octets)))))
        match change:
            case "cut":
                octets = octets[:start] + octets[end:]
            case "double":
                octets = octets[:end] + octets[start:]
            case "insert":
                octets = octets[:start] + draw(_TOKENS) + octets[start:]
            case "overwrite":
                octets = octets[:start] + draw(st.binary(max_size=8)) + octets[end:]
            case _:
                octets = octets[:start] + draw(corpus)[start:]
    return octets[:MOST]
