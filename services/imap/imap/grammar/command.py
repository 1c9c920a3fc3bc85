"""One command line with its literals -> the value that says what is asked. The table is the list of all commands."""

from collections.abc import Callable

from imap.grammar import requests as ask
from imap.grammar.acl import delete_acl, list_rights, set_acl
from imap.grammar.fetch import fetch_items
from imap.grammar.lists import list_arguments, special_use, status_items
from imap.grammar.metadata import get_metadata, set_metadata
from imap.grammar.modifiers import fetch_modifiers, select_parameters
from imap.grammar.notify import notify
from imap.grammar.numbers import date_time, mod_sequence, nz_number, sees_sequence_set, sequence_set
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.searching import multi_search, search, sort, thread
from imap.grammar.strings import astring, atom, flag_list, list_mailbox, mailbox, nstring, string, tag, text_of, word
from mailstead.model.flags import FlagChange, Flags

MAX_ID_PAIRS = 30  # RFC 2971 §3.3


def parse(command: bytes, *, utf8: bool = False) -> tuple[bytes, ask.Request]:
    """(tag, request). `command` ends with its line end; literals stand in it as they came. Raises BadSyntax."""
    scanner = Scanner(command, utf8=utf8)
    name = tag(scanner)
    scanner.expect(b" ")
    request = arguments(scanner, word(scanner))
    scanner.end()
    return name, request


def tag_of(command: bytes) -> bytes | None:
    """The tag, where one can be made out, so that an answer to a broken command carries it."""
    try:
        return tag(Scanner(command))
    except BadSyntax:
        return None


def arguments(scanner: Scanner, verb: str) -> ask.Request:
    parser = _PARSERS.get(verb)
    if parser is None:
        raise BadSyntax("unknown command")
    return parser(scanner)


def append_head(command: bytes, *, utf8: bool = False) -> tuple[bytes, ask.Append | ask.Replace] | None:
    """(tag, request) when `command` is all of an APPEND or REPLACE that stands before its message; None for anything else.

    A literal that is the mailbox's name is an ordinary literal.
    """
    scanner = Scanner(command, utf8=utf8)
    try:
        name = tag(scanner)
        scanner.expect(b" ")
        verb = word(scanner)
        by_uid = verb == "UID"
        if by_uid:
            scanner.expect(b" ")
            verb = word(scanner)
        if verb not in ("APPEND", "REPLACE") or (by_uid and verb == "APPEND"):
            return None
        scanner.expect(b" ")
        number = nz_number(scanner) if verb == "REPLACE" else 0
        if verb == "REPLACE":
            scanner.expect(b" ")
        if scanner.at == len(command):
            return None
    except BadSyntax:
        return None
    head = _append(scanner)
    return name, ask.Replace(number, by_uid, head) if verb == "REPLACE" else head


def next_append(words: bytes, mailbox_name: str, *, utf8: bool) -> ask.Append:
    """What stands between one message of an APPEND and the next (RFC 3502 §6.3.11). Raises BadSyntax."""
    scanner = Scanner(words, utf8=utf8)
    scanner.expect(b" ")
    return _message_options(scanner, mailbox_name)


def _append(scanner: Scanner) -> ask.Append:
    """RFC 9051 §6.3.12, up to the message's literal. Raises BadSyntax."""
    target = mailbox(scanner)
    scanner.expect(b" ")
    return _message_options(scanner, target)


def _message_options(scanner: Scanner, target: str) -> ask.Append:
    flags, moment = Flags(), None
    if scanner.sees(b"("):
        flags = _flags(flag_list(scanner))
        scanner.expect(b" ")
    if scanner.sees(b'"'):
        moment = date_time(scanner)
        scanner.expect(b" ")
    # RFC 6855 §4, which RFC 9755 has dropped and Python's imaplib, among others, still sends.
    in_utf8 = scanner.utf8 and scanner.skips(b"UTF8 (")
    if scanner.at != len(scanner.data):
        raise BadSyntax("expected a literal")
    return ask.Append(target, flags, moment, in_utf8)


def _without_message(_scanner: Scanner) -> ask.Request:
    raise BadSyntax("the message must be a literal")


def _flags(names: tuple[str, ...]) -> Flags:
    r"""\Recent, which is not the client's to set, is passed over; other unknown system flags are refused."""
    try:
        return Flags.of(name for name in names if name.upper() != "\\RECENT")
    except ValueError as error:
        raise BadSyntax(str(error)) from error


def _bare(request: ask.Request) -> Callable[[Scanner], ask.Request]:
    return lambda _scanner: request


def _login(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    user = text_of(astring(scanner))
    scanner.expect(b" ")
    return ask.Login(user, text_of(astring(scanner)))


def _authenticate(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    mechanism = word(scanner)
    initial = atom(scanner) if scanner.skips(b" ") and not scanner.sees(b"\r") else None
    return ask.Authenticate(mechanism, initial)


def _id(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    if not scanner.skips(b"("):
        scanner.expect(b"NIL")
        return ask.Id(())
    pairs: list[tuple[str, str | None]] = []
    while not scanner.skips(b")"):
        if pairs:
            scanner.expect(b" ")
        name = string(scanner)
        scanner.expect(b" ")
        value = nstring(scanner)
        pairs.append((name.decode("utf-8", "replace").lower(), None if value is None else value.decode("utf-8", "replace")))
        if len(pairs) > MAX_ID_PAIRS:
            raise BadSyntax("too many ID fields")
    return ask.Id(tuple(pairs))


def _enable(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    names = [word(scanner)]
    while scanner.skips(b" ") and not scanner.sees(b"\r"):
        names.append(word(scanner))
    return ask.Enable(tuple(names))


def _lsub(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    reference = mailbox(scanner)
    scanner.expect(b" ")
    return ask.Lsub(reference, list_mailbox(scanner))


def _list(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    return list_arguments(scanner)


def _named(make: Callable[[str], ask.Request]) -> Callable[[Scanner], ask.Request]:
    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        return make(mailbox(scanner))

    return parser


def _compress(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    return ask.Compress(word(scanner))


def _quota_root(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    return ask.GetQuota(text_of(astring(scanner)))


def _create(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    name = mailbox(scanner)
    return ask.Create(name.removesuffix("/") or name, special_use(scanner))


def _rename(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    old = mailbox(scanner)
    scanner.expect(b" ")
    return ask.Rename(old, mailbox(scanner))


def _status(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    name = mailbox(scanner)
    scanner.expect(b" ")
    return ask.Status(name, status_items(scanner))


def _select(read_only: bool) -> Callable[[Scanner], ask.Request]:
    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        name = mailbox(scanner)
        return ask.Select(name, read_only, *select_parameters(scanner))

    return parser


def _fetch(by_uid: bool) -> Callable[[Scanner], ask.Request]:
    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        targets = sequence_set(scanner)
        scanner.expect(b" ")
        items = fetch_items(scanner)
        return ask.Fetch(targets, by_uid, items, *fetch_modifiers(scanner))

    return parser


def _store(by_uid: bool) -> Callable[[Scanner], ask.Request]:
    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        targets = sequence_set(scanner)
        scanner.expect(b" ")
        unchanged_since = None
        if scanner.skips(b"(UNCHANGEDSINCE "):
            unchanged_since = mod_sequence(scanner)
            scanner.expect(b")")
            scanner.expect(b" ")
        change = FlagChange.ADD if scanner.skips(b"+") else FlagChange.REMOVE if scanner.skips(b"-") else FlagChange.REPLACE
        scanner.expect(b"FLAGS")
        silent = scanner.skips(b".SILENT")
        scanner.expect(b" ")
        return ask.Store(targets, by_uid, change, _flags(flag_list(scanner)), silent, unchanged_since)

    return parser


def _transfer(make: type[ask.Copy] | type[ask.Move], by_uid: bool) -> Callable[[Scanner], ask.Request]:
    def parser(scanner: Scanner) -> ask.Request:
        scanner.expect(b" ")
        targets = sequence_set(scanner)
        scanner.expect(b" ")
        return make(targets, by_uid, mailbox(scanner))

    return parser


def _uid(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    verb = word(scanner)
    parser = _BY_UID.get(verb)
    if parser is None:
        raise BadSyntax("unknown UID command")
    return parser(scanner)


def _uid_expunge(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    if not sees_sequence_set(scanner):
        raise BadSyntax("expected a sequence set")
    return ask.Expunge(sequence_set(scanner))


_BY_UID: dict[str, Callable[[Scanner], ask.Request]] = {
    "COPY": _transfer(ask.Copy, True),
    "EXPUNGE": _uid_expunge,
    "FETCH": _fetch(True),
    "MOVE": _transfer(ask.Move, True),
    "REPLACE": _without_message,
    "SEARCH": search(True),
    "SORT": sort(True),
    "STORE": _store(True),
    "THREAD": thread(True),
}
_PARSERS: dict[str, Callable[[Scanner], ask.Request]] = {
    "APPEND": _without_message,
    "AUTHENTICATE": _authenticate,
    "CAPABILITY": _bare(ask.Capability()),
    "CHECK": _bare(ask.Check()),
    "CLOSE": _bare(ask.Close()),
    "COMPRESS": _compress,
    "COPY": _transfer(ask.Copy, False),
    "CREATE": _create,
    "DELETE": _named(ask.Delete),
    "DELETEACL": delete_acl,
    "ENABLE": _enable,
    "ESEARCH": multi_search,
    "EXAMINE": _select(True),
    "EXPUNGE": _bare(ask.Expunge(None)),
    "FETCH": _fetch(False),
    "GETACL": _named(ask.GetAcl),
    "GETMETADATA": get_metadata,
    "GETQUOTA": _quota_root,
    "GETQUOTAROOT": _named(ask.GetQuotaRoot),
    "ID": _id,
    "IDLE": _bare(ask.Idle()),
    "LIST": _list,
    "LISTRIGHTS": list_rights,
    "LOGIN": _login,
    "LOGOUT": _bare(ask.Logout()),
    "LSUB": _lsub,
    "MOVE": _transfer(ask.Move, False),
    "MYRIGHTS": _named(ask.MyRights),
    "NAMESPACE": _bare(ask.Namespace()),
    "NOOP": _bare(ask.Noop()),
    "NOTIFY": notify,
    "RENAME": _rename,
    "REPLACE": _without_message,
    "SEARCH": search(False),
    "SELECT": _select(False),
    "SORT": sort(False),
    "SETACL": set_acl,
    "SETMETADATA": set_metadata,
    "STARTTLS": _bare(ask.StartTls()),
    "STATUS": _status,
    "STORE": _store(False),
    "SUBSCRIBE": _named(ask.Subscribe),
    "THREAD": thread(False),
    "UID": _uid,
    "UNSELECT": _bare(ask.Unselect()),
    "UNSUBSCRIBE": _named(ask.Unsubscribe),
}
