"""Mail addresses as values (RFC 5321 §4.1.2, RFC 6531 §3.3)."""

from dataclasses import dataclass

MAX_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1; what addresses of ours have
MAX_ROUTED_LOCAL_PART = 192  # octets of anybody's: forwarders and mailing lists write longer ones (§4.5.3.1)
MAX_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox `local_part@domain`. The domain is lower case A-labels or U-labels; the local part is as it was given."""

    local_part: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Split at the last `@`. Raises ValueError for what cannot be an address; quoting is the SMTP grammar's affair."""
        local_part, at, domain = text.rpartition("@")
        domain = domain.lower().rstrip(".")
        if not (at and local_part and domain):
            raise ValueError("an address is local-part@domain")
        if len(local_part.encode()) > MAX_ROUTED_LOCAL_PART or len(domain.encode()) > MAX_DOMAIN:
            raise ValueError("address too long")
        if any(c.isspace() or ord(c) < 32 or ord(c) == 127 for c in text):
            raise ValueError("address contains white space or control characters")
        return cls(local_part, domain)

    @property
    def key(self) -> str:
        """What our own directory compares: local parts of our domains are case-insensitive (RFC 5321 §2.4 leaves it to us)."""
        return f"{self.local_part.lower()}@{self.domain}"

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"
