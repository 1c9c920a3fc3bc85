"""Whole messages and what is made of them: `tests/golden/mime/NNN-name.eml` -> `.txt`.

A text that is not there is written, for a person to read against RFC 9051 §7.5.2, RFC 2045 and RFC 2046 before it is kept.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailstead.wire.message import Parsed, parse_message
from mailstead.wire.mime import Part, scan

FOLDER = Path(__file__).parents[2] / "golden" / "mime"
SHOWN = 40  # octets of a body


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.eml")), ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    octets = path.read_bytes()
    described = "\n".join(_describe(octets, parse_message(octets)))
    golden = path.with_suffix(".txt")
    if not golden.exists():
        golden.write_text(described)
        pytest.fail(f"{golden.name} was missing and has been written: read it")
    assert described == golden.read_text()


def _describe(octets: bytes, parsed: Parsed) -> Iterator[str]:
    yield f"ENVELOPE {_text(parsed.envelope)}"
    yield f"BODYSTRUCTURE {_text(parsed.bodystructure)}"
    yield f"subject {parsed.subject!r}"
    yield f"sender {parsed.sender!r}"
    yield f"references {' '.join(parsed.references)}"
    yield f"sent at {parsed.sent_at.isoformat() if parsed.sent_at else None}"
    yield f"preview {parsed.preview!r}"
    yield from _parts(octets, scan(octets), "")
    yield ""


def _parts(octets: bytes, part: Part, section: str) -> Iterator[str]:
    """Each part by its section number: where its header and body are, and how its body begins."""
    body = octets[part.body.start : part.body.end]
    shown = repr(body[:SHOWN]) + ("…" if len(body) > SHOWN else "")
    where = f"header {part.header.start}–{part.header.end} body {part.body.start}–{part.body.end}"
    yield f"[{section or 'TEXT'}] {part.type}/{part.subtype} {where} {shown}"
    children = part.parts
    inner = part.message
    if inner is not None:
        yield f"[{section + '.' if section else ''}message] header {inner.header.start}–{inner.header.end}"
        children = inner.parts or (inner,)
    for number, child in enumerate(children, 1):
        yield from _parts(octets, child, f"{section}.{number}" if section else str(number))


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace").replace("\r\n", "\\r\\n")
