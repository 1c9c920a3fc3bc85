"""How a host is spoken to, where that is not plain SMTP of a stranger: by LMTP, logged in, from an address of ours, by a name."""

from base64 import b64encode
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a smart host knows us by. It is never shown."""

    username: str
    password: str = field(repr=False)

    @property
    def plain(self) -> str:
        """The message of PLAIN (RFC 4616 §2), in base64."""
        return _base64(f"\0{self.username}\0{self.password}")

    @property
    def login(self) -> tuple[str, str]:
        """What LOGIN asks for, in its order, in base64."""
        return _base64(self.username), _base64(self.password)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """`source` is the address of ours that connects, `hello` its name; None is what the system and the service say."""

    lmtp: bool = False  # RFC 2033: one reply for each recipient after the final dot
    credentials: Credentials | None = None
    source: str | None = None
    hello: str | None = None


ORDINARY = Dialogue()
"""SMTP as any host speaks it to any other."""


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
