"""What DNS is asked and what it answers, as values: cores ask and are fed, `ops/dns.py` carries."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar


class Kind(Enum):
    """Types of records that mail asks for."""

    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    TXT = "TXT"
    PTR = "PTR"
    CNAME = "CNAME"
    SRV = "SRV"
    TLSA = "TLSA"


@dataclass(frozen=True, slots=True)
class Question:
    """A name without its final dot, and a type. PTR takes an IP address as its name."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Records:
    """At least one record, each as text: an address, a name without its final dot, or the strings of a TXT record joined.

    MX records are names in the order of their preference. Octets of TXT are Latin-1, so that nothing is lost.
    """

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoRecords:
    """The name exists, without records of the type asked for."""


@dataclass(frozen=True, slots=True)
class NoSuchName:
    """The name does not exist (NXDOMAIN), or cannot."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """No answer worth the name: SERVFAIL, a timeout, nonsense. Temporary."""

    detail: str


Answer = Records | NoRecords | NoSuchName | Trouble

T = TypeVar("T")
Asking = Generator[Question, Answer, T]
"""A computation that yields questions, is sent the answer to each, and returns a T in the end. It does no I/O."""
