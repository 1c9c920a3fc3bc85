"""Who may be written to."""

import pytest

from mailstead.model.address import Address
from mailstead.model.failure import Failure
from mailstead.store.directory import Recipient
from mailstead.store.usage import Usage
from smtp_in import replies
from smtp_in.policy import MailboxRules, Role, judge_elsewhere, judge_local


def recipient(*, active: bool = True, used: int = 0, quota: int = 0) -> Recipient:
    return Recipient(1, 1, "u@a.test", active, Usage(used, quota, 0, 0))


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
    reply = judge_local(who, size, MailboxRules())
    assert (reply and reply.enhanced) == code


NO_ACCOUNT, NO_DOMAIN = replies.FAILURES[Failure.NO_SUCH_ACCOUNT], replies.FAILURES[Failure.NO_SUCH_DOMAIN]


@pytest.mark.parametrize(
    ("role", "address", "is_ours", "is_forward", "reply"),
    [
        (Role.MX, Address("u", "a.test"), True, False, NO_ACCOUNT),
        (Role.SUBMISSION, Address("u", "a.test"), True, False, NO_ACCOUNT),
        (Role.MX, Address("u", "a.test"), True, True, NO_ACCOUNT),
        (Role.MX, Address("u", "b.test"), False, False, replies.RELAY_DENIED),
        (Role.MX, Address("u", "b.test"), False, True, None),
        (Role.SUBMISSION, Address("u", "b.test"), False, False, None),
        (Role.SUBMISSION, Address("u", "[127.0.0.1]"), False, False, NO_DOMAIN),
        (Role.SUBMISSION, Address("u", "localhost"), False, False, NO_DOMAIN),
        (Role.MX, Address("u", "[127.0.0.1]"), False, True, NO_DOMAIN),
    ],
)
def test_addresses_without_an_account(role: Role, address: Address, is_ours: bool, is_forward: bool, reply: object) -> None:
    assert judge_elsewhere(role, address, is_ours=is_ours, is_forward=is_forward) is reply


def test_a_full_mailbox_that_keeps_no_copy_takes_mail() -> None:
    who = Recipient(1, 1, "u@a.test", True, Usage(200, 100, 0, 0), ("u@b.test",), False)
    assert judge_local(who, 10**6, MailboxRules()) is None
