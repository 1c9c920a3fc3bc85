"""Named leases with fencing numbers (promise D3): who may run a job or hold a maildrop, until when."""

from dataclasses import dataclass

from mailstead.model.failure import Failure, Refused
from mailstead.store.engine import Connection, Database

_ACQUIRE = """
INSERT INTO leases (name, holder, fence, expires_at) VALUES ($1, $2, 1, now() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET holder = $2, fence = leases.fence + 1, expires_at = now() + make_interval(secs => $3)
WHERE leases.expires_at < now() RETURNING fence
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """Held until it expires; `fence` grows each time the name changes hands."""

    name: str
    holder: str
    fence: int


async def hold_fence(connection: Connection, lease: Lease) -> None:
    """Within a transaction: nobody else takes `lease` before its end. Raises Refused(CONFLICT) when somebody has.

    One that has run out and was not taken since is still good: what the transaction does, it does alone.
    """
    row = await connection.fetchrow(
        "SELECT FROM leases WHERE name = $1 AND holder = $2 AND fence = $3 FOR UPDATE", lease.name, lease.holder, lease.fence
    )
    if row is None:
        raise Refused(Failure.CONFLICT, f"{lease.name} is not ours any more")


class Leases:
    """A row stays after release, expired, so that the fence never goes back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acquire(self, name: str, holder: str, seconds: float) -> Lease | None:
        """The lease, or None while somebody holds it."""
        row = await self._database.fetchrow("acquire lease", _ACQUIRE, name, holder, seconds)
        return Lease(name, holder, row["fence"]) if row else None

    async def renew(self, lease: Lease, seconds: float) -> bool:
        """Whether it is still ours, and then for `seconds` more."""
        return bool(
            await self._database.execute(
                "renew lease",
                """UPDATE leases SET expires_at = now() + make_interval(secs => $4)
                   WHERE name = $1 AND holder = $2 AND fence = $3 AND expires_at > now()""",
                lease.name,
                lease.holder,
                lease.fence,
                seconds,
            )
        )

    async def release(self, lease: Lease) -> None:
        """Let it go at once; nothing happens when it is no longer ours."""
        await self._database.execute(
            "release lease",
            "UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND holder = $2 AND fence = $3",
            lease.name,
            lease.holder,
            lease.fence,
        )
