"""TLS-Required (RFC 8689 §5): its one value, wherever it stands in the header section."""

import pytest

from mailstead.wire.tls_required import is_tls_optional


@pytest.mark.parametrize(
    ("header", "optional"),
    [
        (b"Subject: x\r\nTLS-Required: No\r\n\r\n", True),
        (b"tls-required:no\r\n\r\n", True),
        (b"TLS-Required:\r\n No\r\n\r\n", True),
        (b"TLS-Required: Yes\r\n\r\n", False),
        (b"TLS-Required: Yes\r\nTLS-Required: No\r\n\r\n", False),
        (b"Subject: TLS-Required: No\r\n\r\n", False),
        (b"X-TLS-Required: No\r\n\r\n", False),
        (b"Subject: x\r\n\r\n", False),
        (b"", False),
    ],
)
def test_what_it_says(header: bytes, optional: bool) -> None:
    assert is_tls_optional(header) is optional
