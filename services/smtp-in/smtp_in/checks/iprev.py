"""Whether an address has a name that leads back to it (RFC 8601 §2.7.3), and whether the host says a name of its own in HELO."""

import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address

from mailstead.model.dns import Asking, Kind, Question, Records, Trouble

MAX_NAMES = 5  # of one address that are looked up

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)


class Outcome(Enum):
    """RFC 8601 §2.7.3."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class IprevResult:
    """`name` is the one that leads back, of a pass; `hello_fits`: HELO gave a name that leads here too."""

    outcome: Outcome
    name: str = ""
    hello_fits: bool = False


def check_iprev(client: str, hello: str) -> Asking[IprevResult]:
    """`client` is an IP address, `hello` what the host called itself."""
    address = ip_address(client)
    kind = Kind.AAAA if address.version == 6 else Kind.A
    hello_fits = False
    if _NAME.fullmatch(hello):
        answer = yield Question(hello, kind)
        hello_fits = isinstance(answer, Records) and str(address) in answer.values
    answer = yield Question(str(address), Kind.PTR)
    if isinstance(answer, Trouble):
        return IprevResult(Outcome.TEMPERROR, hello_fits=hello_fits)
    if not isinstance(answer, Records):
        return IprevResult(Outcome.PERMERROR, hello_fits=hello_fits)
    is_open = False
    for name in answer.values[:MAX_NAMES]:
        back = yield Question(name, kind)
        if isinstance(back, Records) and str(address) in back.values:
            return IprevResult(Outcome.PASS, name, hello_fits)
        is_open |= isinstance(back, Trouble)
    return IprevResult(Outcome.TEMPERROR if is_open else Outcome.FAIL, hello_fits=hello_fits)
