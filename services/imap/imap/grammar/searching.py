"""SEARCH, SORT, THREAD and ESEARCH around their keys: what to return, the charset, the order, the mailboxes.

RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 9394; RFC 5256, RFC 5957, RFC 5267; RFC 7377.
"""

from collections.abc import Callable
from typing import NamedTuple

from imap.grammar import requests as ask
from imap.grammar.numbers import partial_range
from imap.grammar.ranges import PartialRange
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.search import search_keys
from imap.grammar.sources import Source, SourceKind, source
from imap.grammar.strings import MAX_WORDS, astring, word
from mailstead.store.query import Order, SortKey

CHARSETS = ("UTF-8", "US-ASCII")
MAX_CRITERIA = 20  # of one SORT


class UnknownCharset(BadSyntax):
    """A charset that is not in CHARSETS: the answer is NO [BADCHARSET], RFC 9051 §6.4.4."""


class _Returns(NamedTuple):
    options: frozenset[ask.SearchReturn] | None = None
    partial: PartialRange | None = None


def search(by_uid: bool) -> Callable[[Scanner], ask.Request]:
    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        returns = _returns(scanner)
        _charset_before_keys(scanner)
        return ask.Search(search_keys(scanner), by_uid, *returns)

    return parser


def sort(by_uid: bool) -> Callable[[Scanner], ask.Request]:
    """RFC 5256 §5 `sort`, with RETURN of RFC 5267 §3."""

    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        returns = _returns(scanner)
        order = _criteria(scanner)
        scanner.expect(b" ")
        _charset(scanner)
        scanner.expect(b" ")
        return ask.Sort(order, search_keys(scanner), by_uid, *returns)

    return parser


def thread(by_uid: bool) -> Callable[[Scanner], ask.Request]:
    """RFC 5256 §5 `thread`."""

    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        try:
            algorithm = ask.ThreadAlgorithm(word(scanner))
        except ValueError as error:
            raise BadSyntax("unknown THREAD algorithm") from error
        scanner.expect(b" ")
        _charset(scanner)
        scanner.expect(b" ")
        return ask.Thread(algorithm, search_keys(scanner), by_uid)

    return parser


def multi_search(scanner: Scanner) -> ask.Request:
    """RFC 7377 §3 `esearch`. Without IN the selected mailbox is meant."""
    scanner.expect(b" ")
    sources: tuple[Source, ...] = (Source(SourceKind.SELECTED),)
    if scanner.skips(b"IN "):
        sources = _sources(scanner)
        scanner.expect(b" ")
    returns = _returns(scanner)
    _charset_before_keys(scanner)
    options = frozenset({ask.SearchReturn.ALL}) if returns.options is None else returns.options
    return ask.MultiSearch(sources, search_keys(scanner), options, returns.partial)


def _returns(scanner: Scanner) -> _Returns:
    """RETURN with its options, where it stands; RETURN () asks for ALL (RFC 4731 §3.1)."""
    if not scanner.skips(b"RETURN "):
        return _Returns()
    scanner.expect(b"(")
    options: set[ask.SearchReturn] = set()
    partial: PartialRange | None = None
    empty = True
    while not scanner.skips(b")"):
        if not empty:
            scanner.expect(b" ")
        empty = False
        name = word(scanner)
        if name == "PARTIAL":
            if partial is not None:
                raise BadSyntax("one PARTIAL is enough")
            scanner.expect(b" ")
            partial = partial_range(scanner)
            continue
        try:
            options.add(ask.SearchReturn(name))
        except ValueError as error:
            raise BadSyntax("unknown RETURN option") from error
    if partial is not None and ask.SearchReturn.ALL in options:
        raise BadSyntax("PARTIAL and ALL exclude each other")  # RFC 9394 §3.1
    scanner.expect(b" ")
    return _Returns(frozenset({ask.SearchReturn.ALL}) if empty else frozenset(options), partial)


def _charset_before_keys(scanner: Scanner) -> None:
    if scanner.skips(b"CHARSET "):
        _charset(scanner)
        scanner.expect(b" ")


def _charset(scanner: Scanner) -> None:
    if astring(scanner).decode("ascii", "replace").upper() not in CHARSETS:
        raise UnknownCharset("unknown charset")


def _criteria(scanner: Scanner) -> tuple[Order, ...]:
    scanner.expect(b"(")
    found: list[Order] = []
    while True:
        name = word(scanner)
        if backwards := name == "REVERSE":
            scanner.expect(b" ")
            name = word(scanner)
        try:
            found.append(Order(SortKey(name), backwards))
        except ValueError as error:
            raise BadSyntax("unknown SORT criterion") from error
        if len(found) > MAX_CRITERIA:
            raise BadSyntax("too many SORT criteria")
        if scanner.skips(b")"):
            return tuple(found)
        scanner.expect(b" ")


def _sources(scanner: Scanner) -> tuple[Source, ...]:
    """`source-mbox` in parentheses; no scope options are defined."""
    scanner.expect(b"(")
    found: list[Source] = []
    while True:
        found.append(source(scanner))
        if len(found) > MAX_WORDS:
            raise BadSyntax("too many sets of mailboxes")
        if scanner.skips(b")"):
            return tuple(found)
        scanner.expect(b" ")
