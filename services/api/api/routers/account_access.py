"""`/v1/accounts/{account_id}/…`: who may sign in for an account, and how: its role, its password, one-time passwords."""

import secrets
import time
from base64 import b32encode
from http import HTTPStatus

from fastapi import APIRouter, Request

from api.deps import UseBackend, UseCaller, requires
from api.errors import RefusedFor, blame
from api.openapi import problems
from api.password_policy import require_strong
from api.routers.accounts import AccountId
from api.routes import Route
from api.schemas.problem import FieldFault
from api.schemas.sign_ins import CodeIn, PasswordIn, RecoveryCodesOut, RoleIn, RoleOut, TotpOut, TotpSecretOut
from api.scopes import Scope
from api.sparse import sparse
from mailstead.events import AccountChanged
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Peer
from mailstead.store.totp import new_recovery_codes, recovery_code_hash
from mailstead.wire.otp import SECRET_OCTETS, step_of, uri_of

ISSUER = "Mailstead"

router = APIRouter(route_class=Route, prefix="/v1/accounts/{account_id}", tags=["access"])

_WRONG = {Failure.BAD_CREDENTIALS: "This is not the password."}
_TOTP = {Failure.CONFLICT: "One-time passwords are on. Switch them off first.", Failure.NO_SUCH_KEY: "They are not on."}


@router.get(
    "/role",
    dependencies=[requires(Scope.KEYS_READ), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def get_role(account_id: AccountId, backend: UseBackend) -> RoleOut:
    """What who signs in for it may do."""
    role = await backend.sign_ins.role(account_id)
    if role is None:
        raise Refused(Failure.NO_SUCH_ACCOUNT, f"no account {account_id}")
    return RoleOut(role=role)


@router.put("/role", dependencies=[requires(Scope.KEYS_WRITE)], responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True))
async def give_role(account_id: AccountId, asked: RoleIn, backend: UseBackend, caller: UseCaller) -> RoleOut:
    """403 for a role that may do more, or reaches further, than who gives it."""
    beyond = asked.role != "owner" and Scope.ADMIN not in caller.scopes
    if beyond or (asked.role == "operator" and caller.tenant_id is not None):
        fault = FieldFault(where="body", field="role", detail="You cannot give what you have not.")
        raise RefusedFor(Refused(Failure.NOT_PERMITTED, f"{caller.name} gives role {asked.role}"), fault)
    await backend.sign_ins.give_role(account_id, asked.role)
    return RoleOut(role=asked.role)


@router.put(
    "/password",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(
        Failure.NO_SUCH_ACCOUNT, Failure.EASILY_GUESSED, Failure.LOCKED_OUT, Failure.ACCOUNT_DISABLED, with_input=True
    ),
)
async def change_password(account_id: AccountId, asked: PasswordIn, request: Request, backend: UseBackend) -> None:
    """By who knows the present one. Whoever is signed in for it, here or in a mail program, has to do so again."""
    row = await backend.provisioning.account(account_id)
    peer = Peer(request.client.host if request.client else "127.0.0.1", None, "api")
    with blame("current_password", _WRONG):
        await backend.authenticator.log_in(row.address, asked.current_password, peer)
    with blame("password", {Failure.EASILY_GUESSED: "This password is too easily guessed."}):
        await require_strong(asked.password, row.address, backend.password_strength)
    stored, scram = await backend.passwords.hash(asked.password), await backend.passwords.scram_keys(asked.password)
    row = await backend.provisioning.update_account(account_id, password_hash=stored, scram=scram)
    backend.bus.publish([AccountChanged(row.account_id, row.address, row.active)])


@router.get(
    "/totp",
    dependencies=[requires(Scope.ACCOUNTS_READ, owner=True), sparse()],
    responses=problems(Failure.NO_SUCH_ACCOUNT, with_input=True),
)
async def get_totp(account_id: AccountId, backend: UseBackend) -> TotpOut:
    """Whether a one-time password is asked for when somebody signs in. Programs log in with app passwords, without."""
    await backend.provisioning.account(account_id)
    found = await backend.totp.secret(account_id)
    left = await backend.totp.recovery_codes_left(account_id)
    return TotpOut(enabled=found is not None and found[1], recovery_codes_left=left)


@router.put(
    "/totp",
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.CONFLICT, with_input=True),
)
async def make_totp(account_id: AccountId, backend: UseBackend) -> TotpSecretOut:
    """A new secret, which is asked for once a code of it was given back. 409 where one is asked for already."""
    row = await backend.provisioning.account(account_id)
    secret = secrets.token_bytes(SECRET_OCTETS)
    with blame("account_id", _TOTP, where="path"):
        await backend.totp.put(account_id, secret)
    return TotpSecretOut(secret=b32encode(secret).decode(), uri=uri_of(secret, row.address, ISSUER))


@router.put(
    "/totp/confirmation",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.NO_SUCH_KEY, with_input=True),
)
async def confirm_totp(account_id: AccountId, asked: CodeIn, backend: UseBackend) -> None:
    """The program has the secret: from now on codes are asked for. 401 for a wrong one, 404 before a secret was made."""
    await backend.provisioning.account(account_id)
    found = await backend.totp.secret(account_id)
    if found is None:
        raise Refused(Failure.NO_SUCH_KEY, f"account {account_id} has no TOTP")
    step = step_of(found[0], asked.code, time.time())
    if step is None or not await backend.totp.use(account_id, step):
        fault = FieldFault(where="body", field="code", detail="This code is wrong, or was used before.")
        raise RefusedFor(Refused(Failure.BAD_CREDENTIALS, "wrong code"), fault)


@router.put(
    "/totp/recovery-codes",
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.NO_SUCH_KEY, with_input=True),
)
async def make_recovery_codes(account_id: AccountId, backend: UseBackend) -> RecoveryCodesOut:
    """Ten new ones; those before are good no more. 404 while one-time passwords are off."""
    await backend.provisioning.account(account_id)
    key, codes = await backend.app_passwords.key(), new_recovery_codes()
    hashes = [recovery_code_hash(key, account_id, code) for code in codes]
    with blame("account_id", _TOTP, where="path"):
        await backend.totp.put_recovery_codes(account_id, [hashed for hashed in hashes if hashed is not None])
    return RecoveryCodesOut(codes=codes)


@router.delete(
    "/totp",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.ACCOUNTS_WRITE, owner=True)],
    responses=problems(Failure.NO_SUCH_ACCOUNT, Failure.NO_SUCH_KEY, with_input=True),
)
async def delete_totp(account_id: AccountId, backend: UseBackend) -> None:
    """Codes are not asked for any more."""
    await backend.provisioning.account(account_id)
    with blame("account_id", _TOTP, where="path"):
        await backend.totp.delete(account_id)
