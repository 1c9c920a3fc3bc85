"""`/v1/sign-ins`: people, with the password of an account and, where it is asked for, a one-time password."""

import time
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from api.deps import Backend, UseBackend, public
from api.errors import RefusedFor
from api.openapi import problems
from api.routes import Route
from api.schemas.problem import FieldFault
from api.schemas.sign_ins import SignedInOut, SignInIn, SignInOut
from api.sign_in_cookie import require_our_page
from mailstead.model.api_key import MAX_KEY, TOKEN_PREFIX, fingerprint, new_token
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Peer
from mailstead.ops.logging import get_logger
from mailstead.store.sign_ins import SignedIn
from mailstead.store.totp import recovery_code_hash
from mailstead.wire.otp import step_of

router = APIRouter(route_class=Route, prefix="/v1/sign-ins", tags=["access"])

log = get_logger()


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[public()],
    responses=problems(Failure.LOCKED_OUT, Failure.ACCOUNT_DISABLED, with_input=True),
)
async def sign_in(asked: SignInIn, request: Request, response: Response, backend: UseBackend) -> SignInOut:
    """401 for a wrong password, and where a code is wanted or wrong, which `errors` names; 429 after too many of them.

    App passwords are for programs and let nobody in here. The token ends after some hours, with a new password, and with
    the sessions of the account. With a cookie, changes need the header `X-Mailstead-Console` too, as this request does.
    """
    if asked.cookie:
        require_our_page(request)
    peer = Peer(request.client.host if request.client else "127.0.0.1", None, "api")
    account = await backend.authenticator.log_in(asked.address, asked.password, peer)
    await _require_code(backend, account.account_id, asked, peer)
    token = new_token()
    await backend.sign_ins.create(account, fingerprint(token), backend.sign_in_life)
    signed_in = await backend.sign_ins.find(fingerprint(token))
    if signed_in is None:
        raise Refused(Failure.BAD_CREDENTIALS, "changed meanwhile")
    log.info("signed in", account=signed_in.address, role=signed_in.role, peer=peer.host)
    if asked.cookie:
        backend.sign_in_cookie.give(response, token, backend.sign_in_life)
    return SignInOut(**_shown(signed_in).model_dump(), token=None if asked.cookie else token)


@router.get("/current", dependencies=[public()], responses=problems())
async def get_sign_in(backend: UseBackend, request: Request) -> SignedInOut:
    """Who the token, given as a key is given, is of; 401 once it is good no more."""
    return _shown(await _current(backend, request))


@router.delete("/current", status_code=HTTPStatus.NO_CONTENT, dependencies=[public()], responses=problems())
async def sign_out(backend: UseBackend, request: Request, response: Response) -> None:
    """The token is refused from now on."""
    await _current(backend, request)
    await backend.sign_ins.end(fingerprint(_token(backend, request)))
    backend.sign_in_cookie.take_back(response)


def _token(backend: Backend, request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = token if scheme.lower() == "bearer" else backend.sign_in_cookie.token(request)
    return given if given.startswith(TOKEN_PREFIX) and len(given) <= MAX_KEY else ""


async def _current(backend: Backend, request: Request) -> SignedIn:
    token = _token(backend, request)
    found = await backend.sign_ins.find(fingerprint(token)) if token else None
    if found is None:
        raise Refused(Failure.BAD_CREDENTIALS, "not signed in, or no more")
    return found


async def _require_code(backend: Backend, account_id: int, asked: SignInIn, peer: Peer) -> None:
    """Only who knows the password learns that a code is wanted. A code is taken once. Raises Refused(BAD_CREDENTIALS)."""
    found = await backend.totp.secret(account_id)
    if found is None or not found[1]:
        return
    if asked.recovery_code:
        hashed = recovery_code_hash(await backend.app_passwords.key(), account_id, asked.recovery_code)
        if hashed is not None and await backend.totp.recover(account_id, hashed):
            log.info("recovery code taken", account=asked.address, peer=peer.host)
            return
        await backend.authenticator.guessed(asked.address, peer)
        fault = FieldFault(where="body", field="recovery_code", detail="This code is wrong, or was used before.")
        raise RefusedFor(Refused(Failure.BAD_CREDENTIALS, "recovery code"), fault)
    step = step_of(found[0], asked.code, time.time()) if asked.code else None
    if step is not None and await backend.totp.use(account_id, step):
        return
    if asked.code:
        await backend.authenticator.guessed(asked.address, peer)
    detail = "This code is wrong, or was used before." if asked.code else "A code is wanted."
    raise RefusedFor(Refused(Failure.BAD_CREDENTIALS, "code"), FieldFault(where="body", field="code", detail=detail))


def _shown(person: SignedIn) -> SignedInOut:
    return SignedInOut(
        account_id=person.account_id,
        tenant_id=person.tenant_id,
        address=person.address,
        role=person.role,
        expires_at=person.expires_at,
    )
