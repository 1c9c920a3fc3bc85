"""How a client has asked to be spoken to: what it has enabled (RFC 5161), and what each extension changes in our words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from mailstead.wire.imap_strings import astring, encode_mailbox_name, utf8_string


class Extension(Enum):
    """What ENABLE takes; the value is its name in capitals."""

    CONDSTORE = "CONDSTORE"  # RFC 7162 §3.1
    QRESYNC = "QRESYNC"  # RFC 7162 §3.2
    UTF8_ACCEPT = "UTF8=ACCEPT"  # RFC 9755 §3
    UIDONLY = "UIDONLY"  # RFC 9586 §3
    IMAP4REV2 = "IMAP4REV2"  # RFC 9051 §6.3.1


_NAMES = {extension.value: extension for extension in Extension}
_SPELLED = {Extension.IMAP4REV2: "IMAP4rev2"}


@dataclass(slots=True)
class Dialect:
    """Nothing is ever disabled again."""

    enabled: set[Extension] = field(default_factory=set)

    def enable(self, names: Iterable[str]) -> list[str]:
        """What is newly enabled, as ENABLED names it; what is unknown is passed over."""
        new = [extension for name in dict.fromkeys(names) if (extension := _NAMES.get(name)) and extension not in self.enabled]
        self.enabled.update(new)
        if Extension.QRESYNC in new:
            self.enabled.add(Extension.CONDSTORE)  # RFC 7162 §3.2.3
        return [_SPELLED.get(extension, extension.value) for extension in new]

    def hear_of_modseqs(self) -> None:
        """A command that speaks of modseqs enables CONDSTORE (RFC 7162 §3.1)."""
        self.enabled.add(Extension.CONDSTORE)

    @property
    def condstore(self) -> bool:
        """Flags are told with their modseq."""
        return Extension.CONDSTORE in self.enabled

    @property
    def qresync(self) -> bool:
        """VANISHED instead of EXPUNGE, and a UID beside all flags."""
        return Extension.QRESYNC in self.enabled

    @property
    def uid_only(self) -> bool:
        """No sequence numbers, in either direction."""
        return Extension.UIDONLY in self.enabled

    @property
    def revision2(self) -> bool:
        return Extension.IMAP4REV2 in self.enabled

    @property
    def utf8(self) -> bool:
        """Mailbox names and quoted strings are UTF-8."""
        return bool(self.enabled & {Extension.UTF8_ACCEPT, Extension.IMAP4REV2})

    def mailbox(self, name: str) -> bytes:
        """A mailbox name as this client reads it."""
        return utf8_string(name) if self.utf8 else astring(encode_mailbox_name(name))
