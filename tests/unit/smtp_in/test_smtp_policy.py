"""Who may be written to."""

import pytest

from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.directory import DomainRef, Recipient
from smtp_in import replies
from smtp_in.policy import Role, judge_elsewhere, judge_local


def recipient(*, active: bool = True, used: int = 0, quota: int = 0) -> Recipient:
    return Recipient(1, 1, "u@a.test", active, used, quota)


@pytest.mark.parametrize(
    ("who", "size", "code"),
    [
        (recipient(), 0, None),
        (recipient(), 10**12, None),
        (recipient(active=False), 0, "5.2.1"),
        (recipient(used=99, quota=100), 0, None),
        (recipient(used=100, quota=100), 0, "4.2.2"),
        (recipient(used=50, quota=100), 50, None),
        (recipient(used=50, quota=100), 51, "4.2.2"),
        (recipient(used=200, quota=100), 0, "4.2.2"),
    ],
)
def test_local_recipients(who: Recipient, size: int, code: str | None) -> None:
    reply = judge_local(who, size)
    assert (reply and reply.enhanced) == code


OURS = DomainRef(1, 1, "a.test", True)


@pytest.mark.parametrize(
    ("role", "address", "domain", "reply"),
    [
        (Role.MX, Address("u", "a.test"), OURS, replies.FAILURES[Failure.NO_SUCH_ACCOUNT]),
        (Role.SUBMISSION, Address("u", "a.test"), OURS, replies.FAILURES[Failure.NO_SUCH_ACCOUNT]),
        (Role.MX, Address("u", "b.test"), None, replies.RELAY_DENIED),
        (Role.SUBMISSION, Address("u", "b.test"), None, None),
        (Role.SUBMISSION, Address("u", "[127.0.0.1]"), None, replies.FAILURES[Failure.NO_SUCH_DOMAIN]),
        (Role.SUBMISSION, Address("u", "localhost"), None, replies.FAILURES[Failure.NO_SUCH_DOMAIN]),
    ],
)
def test_addresses_without_an_account(role: Role, address: Address, domain: DomainRef | None, reply: object) -> None:
    assert judge_elsewhere(role, address, domain) is reply
