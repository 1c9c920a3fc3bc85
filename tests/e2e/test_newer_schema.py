"""A newer release's migration runs first: the replicas that are there must go on with its schema until they are replaced."""

from kit.stack import Stack
from kit.traffic import Traffic
from kit.waiting import eventually
from mailstead.store.engine import Database, open_database
from mailstead.store.schema import metadata
from mailstead_local.ports import HOST

EXPANSION = [f'ALTER TABLE "{table}" ADD COLUMN of_a_later_release text' for table in metadata.tables]
CONTRACTION = [f'ALTER TABLE "{table}" DROP COLUMN of_a_later_release' for table in metadata.tables]
PROTOCOLS = ("smtp", "submissions", "imaps", "pop3s", "http")


async def migrate(database: Database, statements: list[str], revision: str) -> None:
    """A table at a time, as a migration that matters to running services would."""
    for statement in statements:
        await database.execute("migrate", statement)
    await database.execute("migrate", "UPDATE alembic_version SET version_num = $1", revision)


async def test_running_services_go_on_with_a_schema_that_was_expanded(stack: Stack) -> None:
    """Every table gets a column while statements are prepared, transactions run and mail flows."""
    person, other = await stack.new_account(), await stack.new_account()
    ports = stack.ports
    numbers = (ports.smtp, ports.submission_tls, ports.imap_tls, ports.pop3_tls, ports.api)
    places = {name: (HOST, number) for name, number in zip(PROTOCOLS, numbers, strict=True)}
    traffic = Traffic(places, stack.client_context(), person.user, person.password, other.user)

    async def more_turns() -> None:
        before = {name: traffic.done.get(name, 0) for name in PROTOCOLS}
        await eventually(lambda: all(traffic.done.get(name, 0) >= before[name] + 3 for name in PROTOCOLS), 60)

    async with open_database(stack.system.owner_url(), pool_size=1) as database:
        row = await database.fetchrow("look", "SELECT version_num FROM alembic_version")
        assert row is not None
        async with traffic.flowing():
            await more_turns()
            await migrate(database, EXPANSION, "9999")
            try:
                await more_turns()
                for service in ("smtp-in", "imap", "pop3", "api", "delivery", "jobs"):
                    stack.wait_ready(service)
            finally:
                await migrate(database, CONTRACTION, row["version_num"])
            await more_turns()
    assert traffic.unkind == []
    assert traffic.polite == 0
