"""What may stand behind SELECT and FETCH in parentheses (RFC 4466 §2.1, §2.2)."""

from imap.grammar.numbers import mod_sequence, nz_number, partial_range, sees_sequence_set, sequence_set
from imap.grammar.ranges import PartialRange
from imap.grammar.requests import KnownState
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.strings import word


def select_parameters(scanner: Scanner) -> tuple[bool, KnownState | None]:
    """(CONDSTORE is there, what QRESYNC tells); nothing when no parenthesis follows."""
    condstore, known = False, None
    if not scanner.skips(b" ("):
        return condstore, known
    while True:
        match word(scanner):
            case "CONDSTORE":
                condstore = True
            case "QRESYNC":
                known = _known_state(scanner)
            case _:
                raise BadSyntax("unknown SELECT parameter")
        if scanner.skips(b")"):
            return condstore, known
        scanner.expect(b" ")


def _known_state(scanner: Scanner) -> KnownState:
    """RFC 7162 §3.2.5. Which number had which UID is read and not needed: tombstones or the known UIDs tell enough."""
    scanner.expect(b" ")
    scanner.expect(b"(")
    uidvalidity = nz_number(scanner)
    scanner.expect(b" ")
    modseq = mod_sequence(scanner)
    if modseq == 0:
        raise BadSyntax("a modseq that was told is not 0")
    uids = None
    if scanner.skips(b" "):
        if sees_sequence_set(scanner):
            uids = sequence_set(scanner)
        if uids is None or scanner.skips(b" "):
            scanner.expect(b"(")
            sequence_set(scanner)
            scanner.expect(b" ")
            sequence_set(scanner)
            scanner.expect(b")")
    scanner.expect(b")")
    return KnownState(uidvalidity, modseq, uids)


def fetch_modifiers(scanner: Scanner) -> tuple[int | None, bool, PartialRange | None]:
    """(CHANGEDSINCE, VANISHED, PARTIAL), RFC 7162 §3.1.4.1, §3.2.6, RFC 9394 §3.2."""
    changed_since: int | None = None
    vanished, partial = False, None
    if not scanner.skips(b" ("):
        return changed_since, vanished, partial
    while True:
        match word(scanner):
            case "CHANGEDSINCE":
                scanner.expect(b" ")
                changed_since = mod_sequence(scanner)
            case "VANISHED":
                vanished = True
            case "PARTIAL":
                scanner.expect(b" ")
                partial = partial_range(scanner)
            case _:
                raise BadSyntax("unknown FETCH modifier")
        if scanner.skips(b")"):
            break
        scanner.expect(b" ")
    if vanished and changed_since is None:
        raise BadSyntax("VANISHED needs CHANGEDSINCE")
    return changed_since, vanished, partial
