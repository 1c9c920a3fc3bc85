"""What is changed in a message on its way in, and what is put before it (promise D4).

On submission (RFC 6409 §8): Date, Message-ID and From are added where they are missing, Bcc is removed. From everybody:
Authentication-Results that claim to be ours are removed (RFC 8601 §5), since ours will be believed. Nothing else is touched,
and a message that needs none of this is passed on as it is, without a copy.
"""

from dataclasses import dataclass

from mailstead.wire.headers import fields, split_header
from smtp_in import replies
from smtp_in.replies import Reply

MAX_RECEIVED = 100  # RFC 5321 §6.3


@dataclass(frozen=True, slots=True)
class Additions:
    """What a submitted message gets where it has none: values of Date, Message-ID (with brackets) and From."""

    date: str
    message_id: str
    sender: str


def rewrite(content: bytes | bytearray, hostname: str, additions: Additions | None) -> bytes | bytearray | Reply:
    """The message as it will be kept, or why it is refused. `additions` is for submission; a bytearray is changed in place."""
    size = split_header(content)
    header = bytes(content[:size])
    rewritten = rewrite_header(header, hostname, additions)
    if isinstance(rewritten, Reply) or rewritten is header:
        return rewritten if isinstance(rewritten, Reply) else content
    if isinstance(content, bytearray):
        content[:size] = rewritten  # no second copy of what is large
        return content
    return rewritten + content[size:]


def rewrite_header(header: bytes, hostname: str, additions: Additions | None) -> bytes | Reply:
    """A header section with its empty line; the very same where nothing is to be changed."""
    folded = header.lower()
    if folded.count(b"received:") > MAX_RECEIVED and _count(header, b"received") > MAX_RECEIVED:
        return replies.LOOP
    unwanted = set[bytes]()
    if b"authentication-results" in folded:
        unwanted.add(b"authentication-results")
    if additions is None:
        return _without(header, hostname, unwanted) if unwanted else header
    names = {field.name.lower() for field in fields(header)}
    unwanted |= names & {b"bcc", b"resent-bcc"}
    added = "".join(
        f"{name}: {value}\r\n"
        for name, value in (("From", additions.sender), ("Date", additions.date), ("Message-ID", additions.message_id))
        if value and name.lower().encode() not in names
    )
    kept = _without(header, hostname, unwanted) if unwanted else header
    if not added:
        return kept
    # A message without any header field begins with its body, unless its first line is empty.
    separator = b"" if names or kept.startswith(b"\r\n") else b"\r\n"
    return added.encode() + separator + kept


def _count(header: bytes, name: bytes) -> int:
    return sum(field.name.lower() == name for field in fields(header))


def _without(header: bytes, hostname: str, unwanted: set[bytes]) -> bytes:
    """Fields under the names in `unwanted` cut out; of Authentication-Results only those that bear our name."""
    pieces: list[bytes] = []
    at = 0
    for field in fields(header):
        name = field.name.lower()
        if name not in unwanted or (name == b"authentication-results" and not _bears(field.value, hostname)):
            continue
        pieces.append(header[at : field.start])
        at = field.end
    if not pieces:
        return header
    pieces.append(header[at:])
    return b"".join(pieces)


def _bears(value: bytes, hostname: str) -> bool:
    """Whether the authserv-id (RFC 8601 §2.2: the first token, comments and folding aside) is our host name."""
    text = _without_comments(value.replace(b"\r\n", b""))
    words = text.partition(b";")[0].split()
    return bool(words) and words[0].strip(b'"').lower() == hostname.lower().encode()


def _without_comments(value: bytes) -> bytes:
    """RFC 5322 §3.2.2 comments, nested ones too, replaced by a space."""
    if b"(" not in value:
        return value
    kept, depth, escaped = bytearray(), 0, False
    for octet in value:
        if escaped:
            escaped = False
        elif octet == 0x5C:  # backslash
            escaped = True
        elif octet == 0x28:
            depth += 1
            kept += b" "
            continue
        elif octet == 0x29 and depth:
            depth -= 1
            continue
        if not depth:
            kept.append(octet)
    return bytes(kept)
