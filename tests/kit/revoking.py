"""Ways in which a log-in becomes good no more, as the API does them in the store."""

from collections.abc import Awaitable, Callable

from mailstead.store.app_passwords import AppPasswords, app_password_hash, new_app_password
from mailstead.store.deletion import Deletion
from mailstead.store.engine import Database
from mailstead.store.provisioning import Provisioning
from mailstead.store.tenants import Tenants


async def new_password(owner: Database, account_id: int) -> None:
    await Provisioning(owner).update_account(account_id, password_hash="$argon2id$another")


async def disable(owner: Database, account_id: int) -> None:
    await Provisioning(owner).update_account(account_id, active=False)


async def suspend_domain(owner: Database, _account_id: int) -> None:
    await Provisioning(owner).update_domain("a.test", active=False)


async def suspend_tenant(owner: Database, account_id: int) -> None:
    account = await Provisioning(owner).account(account_id)
    await Tenants(owner).update(account.tenant_id, active=False)


async def delete(owner: Database, account_id: int) -> None:
    await Deletion(owner).erase_account(account_id)


async def revoke_app_passwords(owner: Database, account_id: int) -> None:
    app_passwords = AppPasswords(owner)
    for row in await app_passwords.list(account_id):
        await app_passwords.revoke(account_id, row.app_password_id)


async def add_app_password(owner: Database, account_id: int, *scopes: str) -> str:
    """Its secret."""
    app_passwords, secret = AppPasswords(owner), new_app_password()
    hashed = app_password_hash(await app_passwords.key(), secret)
    assert hashed is not None
    await app_passwords.create(account_id, "phone", scopes, hashed, None)
    return secret


Revoke = Callable[[Database, int], Awaitable[None]]
WAYS: tuple[Revoke, ...] = (new_password, disable, suspend_domain, suspend_tenant)
