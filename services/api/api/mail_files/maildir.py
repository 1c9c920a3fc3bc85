"""Names of files in a tree of Maildirs, one folder for each mailbox, as Dovecot calls `LAYOUT=fs`. Pure.

    Lists/python/cur/981173106.7.12,S=4711:2,FS

Flags are the letters behind `:2,`. What they cannot say, keywords, stands in the PAX header of the archive's member.
"""

import re

from mailstead.model.flags import Flags, SystemFlag

KEYWORDS = "MAILSTEAD.keywords"  # PAX: separated by spaces

_LETTERS = {
    "D": SystemFlag.DRAFT,
    "F": SystemFlag.FLAGGED,
    "R": SystemFlag.ANSWERED,
    "S": SystemFlag.SEEN,
    "T": SystemFlag.DELETED,
}
_OWN = frozenset({"cur", "new", "tmp"})
_ESCAPED = re.compile("%([0-9A-Fa-f]{2})")
_INFO = re.compile(r":2,([A-Za-z]*)$")


def path_of(mailbox: str, flags: Flags, uid: int, size: int, seconds: int) -> str:
    """Where a message that came at `seconds` since 1970 is; `size` in octets."""
    letters = "".join(letter for letter, flag in _LETTERS.items() if flags.system & flag)
    folder = "/".join(map(_escaped, mailbox.split("/")))
    return f"{folder}/cur/{seconds}.{uid}.mailstead,S={size}:2,{letters}"


def read_path(path: str) -> tuple[str, SystemFlag] | None:
    """(mailbox, flags) of a file; None for what is no message. Names of Maildir++ (`.Lists.python/cur/…`) are understood too.

    Without a folder above `cur` or `new`, and in the first folder of Maildir++, it is INBOX.
    """
    *folders, kind, name = [part for part in path.split("/") if part not in ("", ".")] if path.count("/") else ["", path]
    if kind not in ("cur", "new") or name.startswith("."):
        return None
    if folders and folders[-1].startswith(".") and folders[-1] != "..":
        folders = folders[-1][1:].split(".")
    elif folders and folders[0].lower() == "maildir":
        folders = folders[1:]
    info = _INFO.search(name)
    flags = SystemFlag(0)
    for letter in info[1] if info else "":
        flags |= _LETTERS.get(letter, SystemFlag(0))
    return "/".join(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), folder) for folder in folders) or "INBOX", flags


def _escaped(level: str) -> str:
    """One level of a mailbox's name: no path leads out of the tree, and none into a Maildir's own folders."""
    return f"%{ord(level[0]):02X}{level[1:]}" if level.startswith(".") or level in _OWN else level
