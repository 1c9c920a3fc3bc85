"""Strings, atoms and mailbox names (RFC 9051 §4, §5.1, §9)."""

import re

from imap.grammar.scanner import BadSyntax, Scanner
from mailstead.wire.imap_strings import decode_mailbox_name

MAX_WORDS = 1_000  # members of one parenthesized list
MAX_PATTERN = 1_000  # characters of a LIST pattern
MAX_WILDCARDS = 30  # in one of them

_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')  # ASTRING-CHAR has "]" too
_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')
_LIST_MAILBOX = re.compile(rb'[^\x00-\x20\x7f(){"\\]+')  # list-char with both wildcards; 8-bit octets of lenient clients pass
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_FLAG = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')


def tag(scanner: Scanner) -> bytes:
    return scanner.take(_TAG, "a tag")


def atom(scanner: Scanner) -> bytes:
    return scanner.take(_ATOM, "an atom")


def word(scanner: Scanner) -> str:
    """An atom that names something, in upper case."""
    return atom(scanner).decode("ascii").upper()


def quoted(scanner: Scanner) -> bytes | None:
    found = scanner.match(_QUOTED)
    if found is None:
        return None
    return _QUOTED_PAIR.sub(rb"\1", found[1]) if b"\\" in found[1] else found[1]


def optional_string(scanner: Scanner) -> bytes | None:
    """A `string` if one begins here. NUL cannot stand in it (`CHAR8` excludes it)."""
    found = quoted(scanner)
    if found is None:
        found = scanner.literal()
        if found is not None and b"\0" in found:
            raise BadSyntax("NUL in a literal")
    return found


def string(scanner: Scanner) -> bytes:
    found = optional_string(scanner)
    if found is None:
        raise BadSyntax("expected a string")
    return found


def nstring(scanner: Scanner) -> bytes | None:
    """NIL is None."""
    found = optional_string(scanner)
    if found is None:
        scanner.expect(b"NIL")
    return found


def astring(scanner: Scanner) -> bytes:
    found = optional_string(scanner)
    return scanner.take(_ASTRING, "a string") if found is None else found


def text_of(octets: bytes) -> str:
    """Raises BadSyntax for what is not UTF-8."""
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise BadSyntax("not UTF-8") from error


def mailbox(scanner: Scanner) -> str:
    """A mailbox name, decoded; INBOX in any case becomes `INBOX` (RFC 9051 §5.1)."""
    return _name(astring(scanner), scanner.utf8)


def list_mailbox(scanner: Scanner) -> str:
    """A pattern of LIST or LSUB, decoded; wildcards stay as they are."""
    found = optional_string(scanner)
    pattern = _name(scanner.take(_LIST_MAILBOX, "a mailbox pattern") if found is None else found, scanner.utf8)
    if len(pattern) > MAX_PATTERN or pattern.count("*") + pattern.count("%") > MAX_WILDCARDS:
        raise BadSyntax("mailbox pattern too long")
    return pattern


def _name(octets: bytes, utf8: bool) -> str:
    try:
        name = octets.decode() if utf8 else decode_mailbox_name(octets)
    except ValueError as error:
        raise BadSyntax(f"mailbox name is not {'UTF-8' if utf8 else 'modified UTF-7'}") from error
    first, slash, rest = name.partition("/")
    return "INBOX" + slash + rest if first.upper() == "INBOX" else name


def flag(scanner: Scanner) -> str:
    return scanner.take(_FLAG, "a flag").decode("ascii")


def flag_list(scanner: Scanner) -> tuple[str, ...]:
    r"""`(\Seen $Label)`, or one flag or several without parentheses, which STORE allows."""
    if scanner.skips(b"("):
        return _until_parenthesis(scanner)
    flags = [flag(scanner)]
    while scanner.sees(b" \\") or (scanner.sees(b" ") and _FLAG.match(scanner.data, scanner.at + 1)):
        scanner.expect(b" ")
        flags.append(flag(scanner))
        _bound(flags)
    return tuple(flags)


def _until_parenthesis(scanner: Scanner) -> tuple[str, ...]:
    flags: list[str] = []
    while not scanner.skips(b")"):
        if flags:
            scanner.expect(b" ")
        flags.append(flag(scanner))
        _bound(flags)
    return tuple(flags)


def _bound(words: list[str]) -> None:
    if len(words) > MAX_WORDS:
        raise BadSyntax("too many words in a list")


def words(scanner: Scanner) -> tuple[str, ...]:
    """`(WORD WORD …)` in upper case; it may be empty."""
    scanner.expect(b"(")
    found: list[str] = []
    while not scanner.skips(b")"):
        if found:
            scanner.expect(b" ")
        found.append(word(scanner))
        _bound(found)
    return tuple(found)
