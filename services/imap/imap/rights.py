"""Rights in a mailbox (RFC 4314 §2): their letters, what changes make of them, and which flags they let change. Pure."""

from mailstead.model.flags import FlagMask, SystemFlag

Rights = frozenset[str]
"""Letters of STANDARD."""

STANDARD = "lrswipkxte" + "a"  # in the order in which they are written
ALL: Rights = frozenset(STANDARD)
NONE: Rights = frozenset()
EXTRA = "kxte"  # those that RFC 2086 did not know: the capability RIGHTS= (§2.2)

# Older clients speak of `c` and `d` (§2.1.1). Here creating a mailbox and deleting it go together.
_VIRTUAL: dict[str, Rights] = {"c": frozenset("kx"), "d": frozenset("te")}
ANY_OF = frozenset("lrikxa")  # one of them lets a client ask which it has (§4, MYRIGHTS)
_WRITES = frozenset("iswte")  # one of them makes a mailbox READ-WRITE (§5.2): all flags are shared
_ANNOTATES = frozenset("rswip")  # one of them, beside `l`, lets annotations be read (RFC 5464 §3.3)
_OTHER_FLAGS = SystemFlag.ANSWERED | SystemFlag.FLAGGED | SystemFlag.DRAFT


class UnknownRight(ValueError):
    """The letter is no right (§3.1: the command is BAD)."""


def parse(letters: str) -> Rights:
    """Raises UnknownRight."""
    found: set[str] = set()
    for letter in letters:
        if letter in _VIRTUAL:
            found |= _VIRTUAL[letter]
        elif letter in ALL:
            found.add(letter)
        else:
            raise UnknownRight("rights are lower case" if letter.isupper() else f"there is no right {letter!a}")
    return frozenset(found)


def changed(before: Rights, modification: str) -> Rights:
    """What `+lr`, `-lr` or `lr` makes of them (§3.1). Raises UnknownRight."""
    match modification[:1]:
        case "+":
            return before | parse(modification[1:])
        case "-":
            return before - parse(modification[1:])
        case _:
            return parse(modification)


def stored(rights: Rights) -> str:
    """Each letter once, without those that stand for others."""
    return "".join(letter for letter in STANDARD if letter in rights)


def written(rights: Rights) -> str:
    """As clients read them: with `c` and `d` where any right that they stand for is there (§2.1.1)."""
    virtual = "".join(letter for letter, meant in _VIRTUAL.items() if rights & meant)
    letters = stored(rights)
    return letters.removesuffix("a") + virtual + ("a" if "a" in rights else "")


def grantable() -> str:
    """What LISTRIGHTS says of anybody but the owner: nothing is given always, and no right is tied to another (§3.7)."""
    return " ".join(['""', *STANDARD, *_VIRTUAL])


def flags(rights: Rights) -> FlagMask:
    """Which flags may be changed (§4)."""
    system = SystemFlag(0)
    for letter, meant in (("s", SystemFlag.SEEN), ("t", SystemFlag.DELETED), ("w", _OTHER_FLAGS)):
        if letter in rights:
            system |= meant
    return FlagMask(system, "w" in rights)


def writes(rights: Rights) -> bool:
    """Whether the mailbox is READ-WRITE (§5.2)."""
    return bool(rights & _WRITES)


def reads_annotations(rights: Rights) -> bool:
    return "l" in rights and bool(rights & _ANNOTATES)
