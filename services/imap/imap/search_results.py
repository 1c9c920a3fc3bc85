"""What a search tells of what it found. Pure: (sequence number, UID) pairs in the order of the answer come in, lines go out."""

from collections.abc import Collection, Sequence

from imap.grammar.ranges import PartialRange
from imap.grammar.requests import SearchReturn
from imap.response import uid_set, uid_set_in_order

Pairs = Sequence[tuple[int, int]]
Options = Collection[SearchReturn]


def chosen(options: Options | None, partial: PartialRange | None, pairs: Pairs) -> Pairs:
    """Those whose modseqs count, and which SAVE saves.

    All that were found, unless no more than the first, the last or a stretch is told (RFC 7162 §3.1.10, RFC 5182 §2.3,
    RFC 9394 §3.1).
    """
    if options is None or {SearchReturn.ALL, SearchReturn.COUNT} & set(options):
        return pairs
    picked = list(partial.of(pairs)) if partial is not None else []
    if SearchReturn.MIN in options:
        picked += pairs[:1]
    if SearchReturn.MAX in options:
        picked += pairs[-1:]
    asked = partial is not None or {SearchReturn.MIN, SearchReturn.MAX} & set(options)
    return picked if asked else pairs


def plain_line(word: str, found: Sequence[int], modseq: int | None) -> bytes:
    """`* SEARCH` or `* SORT` with its numbers (RFC 9051 §7.3.4, RFC 5256 §4, RFC 7162 §3.1.5)."""
    told = f" (MODSEQ {modseq})" if modseq is not None else ""
    return f"* {word}{''.join(f' {number}' for number in found)}{told}\r\n".encode()


def extended_line(
    correlator: bytes,
    found: Sequence[int],
    options: Options,
    partial: PartialRange | None,
    *,
    by_uid: bool,
    ordered: bool,
    modseq: int | None = None,
) -> bytes:
    """`* ESEARCH` (RFC 4731 §3.1, RFC 9394 §3.1); `correlator` stands in its parentheses. `ordered`: as sorted (RFC 5267 §3)."""
    as_set = uid_set_in_order if ordered else uid_set
    words = ["UID"] if by_uid else []
    if found and SearchReturn.MIN in options:
        words.append(f"MIN {found[0]}")
    if found and SearchReturn.MAX in options:
        words.append(f"MAX {found[-1]}")
    if SearchReturn.COUNT in options:
        words.append(f"COUNT {len(found)}")
    if found and SearchReturn.ALL in options:
        words.append(f"ALL {as_set(found)}")
    if partial is not None:
        words.append(f"PARTIAL ({partial} {as_set(partial.of(found)) or 'NIL'})")
    if modseq is not None:
        words.append(f"MODSEQ {modseq}")
    return b"* ESEARCH (%b)%b\r\n" % (correlator, "".join(f" {word}" for word in words).encode())
