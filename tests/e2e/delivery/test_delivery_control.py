"""What an operator asks for is what a running worker does: reports of what is taken out, wishes about what is under way."""

from kit.delivering import House
from kit.smtp_host import smtp_host
from kit.waiting import eventually
from mailstead.store.queue_control import Action, QueueControl
from mailstead.store.queue_filter import QueueFilter
from mailstead.store.queue_pauses import QueuePauses

MANY = 1000


async def test_what_is_returned_is_reported_and_what_is_cancelled_is_not(house: House) -> None:
    """Neither is sent: there is no host to send it to."""
    control = QueueControl(house.database)
    queue_id = await house.send("quiet@dest.test", "told@dest.test", "waits@dest.test")
    await control.act(Action.HOLD, QueueFilter(queue_id=queue_id), MANY)
    await control.act(Action.CANCEL, QueueFilter(queue_id=queue_id, numbers=[0]), MANY)
    await control.act(Action.RETURN, QueueFilter(queue_id=queue_id, numbers=[1]), MANY)
    async with house.delivering():
        await eventually(house.inbox, what="the report is filed")
    states = await house.states(queue_id)
    assert {address: state.state for address, state in states.items()} == {
        "quiet@dest.test": "cancelled",
        "told@dest.test": "cancelled",
        "waits@dest.test": "held",
    }
    report = (await house.report()).as_string()
    assert "Final-Recipient: rfc822; told@dest.test\nAction: failed\nStatus: 5.7.1\n" in report
    assert "quiet@dest.test" not in report
    assert await house.attempts(queue_id) == []


async def test_what_is_under_way_ends_first(house: House) -> None:
    """The host has the message before it says so: what was asked for meanwhile finds it delivered."""
    house.dns.records("dest MX 10 mx.dest", "mx.dest A 127.0.0.3")
    control = QueueControl(house.database)
    async with smtp_host("127.0.0.3", house.mail_port) as host:
        host.hold.add("dot")
        async with house.delivering():
            queue_id = await house.send("bob@dest.test")
            await eventually(lambda: any(c == "DATA" for c in host.commands), what="the message is on its way")
            assert (await control.act(Action.CANCEL, QueueFilter(queue_id=queue_id), MANY)).under_way == 1
            host.let_go.set()
            assert (await house.settled(queue_id))["bob@dest.test"].state == "delivered"
            host.say["RCPT"] = ["450 4.2.1 not now"]
            host.let_go.clear()
            host.hold = {"RCPT"}
            later = await house.send("bob@dest.test")
            await eventually(lambda: sum(c.startswith("RCPT") for c in host.commands) == 2, what="it is asked again")
            assert (await control.act(Action.CANCEL, QueueFilter(queue_id=later), MANY)).under_way == 1
            host.let_go.set()
            assert (await house.settled(later))["bob@dest.test"].state == "cancelled"
    assert len(host.taken) == 1
    assert await house.inbox() == []


async def test_who_does_not_exist_is_tried_once(house: House) -> None:
    """The second message is not sent, and its sender is told why."""
    house.dns.records("dest MX 10 mx.dest", "mx.dest A 127.0.0.3")
    async with smtp_host("127.0.0.3", house.mail_port) as host, house.delivering():
        host.say["RCPT"] = ["550 5.1.1 no such user here"]
        first = await house.settled(await house.send("bob@dest.test"))
        assert first["bob@dest.test"].status == "5.1.1"
        queue_id = await house.send("bob@dest.test")
        second = await house.settled(queue_id)
        assert (second["bob@dest.test"].state, second["bob@dest.test"].status) == ("failed", "5.7.1")
    assert host.connections == 1
    assert await house.attempts(queue_id) == []
    reports = [report.decode() for report in await house.inbox()]
    assert len(reports) == 2
    assert "on the suppression list: bounce: 550 5.1.1 no such user here" in " ".join(reports[1].split())


async def test_a_paused_domain_is_left_alone(house: House) -> None:
    house.dns.records("dest MX 10 mx.dest", "mx.dest A 127.0.0.3", "other MX 10 mx.other", "mx.other A 127.0.0.5")
    pauses = QueuePauses(house.database)
    pause = await pauses.create(None, "dest.test", "", MANY)
    async with (
        smtp_host("127.0.0.3", house.mail_port) as host,
        smtp_host("127.0.0.5", house.mail_port),
        house.delivering(delivery_poll_seconds=0.2),
    ):
        held = await house.send("bob@dest.test", "bob@other.test")

        async def put_aside() -> bool:
            states = {address: state.state for address, state in (await house.states(held)).items()}
            return states == {"bob@dest.test": "held", "bob@other.test": "delivered"}

        await eventually(put_aside, what="the other domain is served")
        assert host.connections == 0
        await pauses.end(pause.pause_id, MANY)
        assert (await house.settled(held))["bob@dest.test"].state == "delivered"
