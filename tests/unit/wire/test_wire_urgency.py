"""How urgent a message is, by its header and reverse-path."""

import pytest

from mailstead.model.urgency import Urgency
from mailstead.wire.urgency import urgency_of


@pytest.mark.parametrize(
    ("header", "sender", "urgency"),
    [
        (b"Subject: lunch\r\n", "a@x.test", Urgency.PROMPT),
        (b"Subject: undelivered\r\n", "", Urgency.AUTOMATIC),
        (b"Auto-Submitted: auto-replied (vacation); owner=x\r\n", "a@x.test", Urgency.AUTOMATIC),
        (b"Auto-Submitted: auto-generated\r\n", "a@x.test", Urgency.AUTOMATIC),
        (b"Auto-Submitted: No\r\n", "a@x.test", Urgency.PROMPT),
        (b"Precedence: bulk\r\n", "a@x.test", Urgency.BULK),
        (b"PRECEDENCE:  List \r\n", "a@x.test", Urgency.BULK),
        (b"Precedence: first-class\r\n", "a@x.test", Urgency.PROMPT),
        (b"List-Unsubscribe: <https://x.test/u>\r\n", "a@x.test", Urgency.BULK),
        (b"List-Id: <team.x.test>\r\nAuto-Submitted: auto-generated\r\n", "", Urgency.BULK),
        (b"Subject: what does precedence mean\r\n", "a@x.test", Urgency.PROMPT),
    ],
)
def test_who_wrote_it_to_whom(header: bytes, sender: str, urgency: Urgency) -> None:
    assert urgency_of(header, sender) is urgency
