"""An arrival as values, for tests without a server."""

from mailstead.model.address import Address
from mailstead.store.directory import Recipient
from mailstead.store.usage import Usage
from mailstead.wire.trace import Hop
from smtp_in.arrival import Arrival
from smtp_in.extensions import Sender
from smtp_in.session import Transaction
from smtp_in.targets import Copy, Target


def recipient(address: str) -> Recipient:
    return Recipient(1, 1, address, True, Usage(0, 0, 0, 0))


def arrival_for(*recipients: Recipient) -> Arrival:
    transaction = Transaction(Sender(Address.parse("who@elsewhere.test")))
    for each in recipients:
        transaction.targets.append(Target(each.address, (Copy(each),)))
    return Arrival("mx", Hop("c.test", "192.0.2.1", "mx.a.test", "ESMTP", "t"), transaction, b"", None)
