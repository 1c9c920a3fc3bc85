"""LIST and UIDL of a whole maildrop, in pieces that are ready to send."""

from collections.abc import Iterable, Iterator

from pop3.maildrop import MaildropView
from pop3.protocol import END, Reply

PIECE = 1000  # lines that are sent at once


def list_all(drop: MaildropView) -> Iterator[bytes]:
    yield Reply(True, f"{drop.count} messages ({drop.octets} octets)").render()
    yield from _pieces(b"%d %d\r\n" % entry for entry in drop.sizes())
    yield END


def uidl_all(drop: MaildropView) -> Iterator[bytes]:
    yield Reply(True, "unique ids follow").render()
    yield from _pieces(f"{number} {unique_id}\r\n".encode() for number, unique_id in drop.unique_ids())
    yield END


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    piece: list[bytes] = []
    for line in lines:
        piece.append(line)
        if len(piece) == PIECE:
            yield b"".join(piece)
            piece.clear()
    yield b"".join(piece)
