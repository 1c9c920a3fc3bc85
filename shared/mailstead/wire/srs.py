"""Senders rewritten by who forwards (SRS), so that SPF holds at the next hop and reports find their way back.

`SRS0=HASH=DAY=domain=local@forwarder` stands for `local@domain`; a sender that another forwarder has rewritten becomes
`SRS1=HASH=first==HASH=DAY=domain=local@forwarder`, which leads back to that first forwarder and no further. The hash is an HMAC,
so that nobody can make us relay to an address of his choice; the day bounds how long that works. All of it survives a host that
changes the case of letters. Described in "The Sender Rewriting Scheme" (M. Weber, S. Conti, 2004); no RFC has it.
"""

import hmac
import re
from base64 import b32encode
from collections.abc import Sequence

from mailstead.model.address import MAX_ROUTED_LOCAL_PART, Address

MAX_AGE = 21  # days; queues live for 5, and reports may be slow
_DAYS = 1024  # the count of days begins anew after so many
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_HASH_LENGTH = 8  # of 5 bits

_FIRST = re.compile(r"srs0[=+-]([a-z2-7]{8})=([a-z2-7]{2})=([^=]+)=(.+)", re.IGNORECASE | re.ASCII)
_LATER = re.compile(r"srs1[=+-]([a-z2-7]{8})=([^=]+)=([=+-].+)", re.IGNORECASE | re.ASCII)
_OF_OTHERS = re.compile(r"srs0([=+-].+)", re.IGNORECASE | re.ASCII)
_OF_OTHERS_LATER = re.compile(r"srs1[=+-][^=]+=([^=]+)=([=+-].+)", re.IGNORECASE | re.ASCII)


def is_rewritten(local_part: str) -> bool:
    """Whether it looks like the work of a forwarder, ours or another."""
    return local_part[:4].lower() in ("srs0", "srs1") and local_part[4:5] in ("=", "+", "-")


def rewritten(sender: Address, forwarder: str, secret: bytes, day: int) -> Address | None:
    """`sender` as an address at `forwarder`, a domain of ours; None where it would be too long. `day` counts from 1970."""
    if sender.local_part.startswith('"') or sender.domain.startswith("["):
        return None  # what has to be quoted cannot stand within another local part
    if other := _OF_OTHERS.fullmatch(sender.local_part):
        way = f"{sender.domain}={other[1]}"
        local_part = f"SRS1={_hash(secret, way)}={way}"
    elif other := _OF_OTHERS_LATER.fullmatch(sender.local_part):
        way = f"{other[1]}={other[2]}"
        local_part = f"SRS1={_hash(secret, way)}={way}"
    else:
        way = f"{_stamp(day)}={sender.domain}={sender.local_part}"
        local_part = f"SRS0={_hash(secret, way)}={way}"
    return Address(local_part, forwarder) if len(local_part.encode()) <= MAX_ROUTED_LOCAL_PART else None


def restored(local_part: str, secrets: Sequence[bytes], day: int) -> Address | None:
    """The address that one of ours stands for; None where none of `secrets` made it, or it is too old."""
    if first := _FIRST.fullmatch(local_part):
        digest, stamp, domain, sender = first.groups()
        way, found = f"{stamp}={domain}={sender}", Address(sender, domain.lower())
        if not 0 <= (day - _day_of(stamp)) % _DAYS <= MAX_AGE:
            return None
    elif later := _LATER.fullmatch(local_part):
        digest, domain, rest = later.groups()
        way, found = f"{domain}={rest}", Address(f"SRS0{rest}", domain.lower())
    else:
        return None
    right = [hmac.compare_digest(_hash(secret, way), digest.lower()) for secret in secrets]
    return found if any(right) else None


def _hash(secret: bytes, way: str) -> str:
    digest = hmac.digest(secret, way.lower().encode(), "sha256")
    return b32encode(digest)[:_HASH_LENGTH].decode("ascii").lower()


def _stamp(day: int) -> str:
    return _DIGITS[day % _DAYS >> 5] + _DIGITS[day & 31]


def _day_of(stamp: str) -> int:
    return _DIGITS.index(stamp[0].lower()) << 5 | _DIGITS.index(stamp[1].lower())
