"""SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §7)."""

from imap.grammar import requests as ask
from imap.grammar.scanner import BadSyntax, Scanner
from imap.grammar.strings import astring, mailbox, text_of
from mailstead.wire.sasl.saslprep import saslprep

MAX_RIGHTS = 100  # characters


def set_acl(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    name = mailbox(scanner)
    scanner.expect(b" ")
    identifier = _identifier(scanner)
    scanner.expect(b" ")
    rights = text_of(astring(scanner))
    if len(rights) > MAX_RIGHTS:
        raise BadSyntax("too many rights")
    return ask.SetAcl(name, identifier, rights)


def delete_acl(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    name = mailbox(scanner)
    scanner.expect(b" ")
    return ask.DeleteAcl(name, _identifier(scanner))


def list_rights(scanner: Scanner) -> ask.Request:
    scanner.expect(b" ")
    name = mailbox(scanner)
    scanner.expect(b" ")
    return ask.ListRights(name, _identifier(scanner))


def _identifier(scanner: Scanner) -> str:
    """Prepared (RFC 4314 §3)."""
    try:
        identifier = saslprep(text_of(astring(scanner)))
    except ValueError as error:
        raise BadSyntax("that can be nobody's name") from error
    if not identifier:
        raise BadSyntax("a name is missing")
    return identifier
