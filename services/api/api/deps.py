"""What routes depend on: the backend they share, and who is asking.

A route says who may use it by `dependencies=[requires(Scope.X)]`, or that anybody may by `[public()]`; a test holds that each
route says exactly one of these.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from api.auditing import READS, begin
from api.callers import Caller, caller_signed_in, require_reach
from api.dns_records import Hosts
from api.event_feed import EventFeed
from api.metrics import CanaryMetrics
from api.overviews import Overviews
from api.rate_limit import RateLimit
from api.schemas.common import MAX_ID
from api.schemas.server import LimitsOut
from api.scopes import OF_OPERATORS, Scope, grants
from api.sign_in_cookie import SignInCookie
from mailstead.bus import Bus
from mailstead.model.api_key import MAX_KEY, TOKEN_PREFIX, fingerprint
from mailstead.model.failure import Failure, Refused
from mailstead.ops.authentication import Authenticator
from mailstead.ops.dns import Resolver
from mailstead.ops.logging import get_logger
from mailstead.ops.tls import TlsFiles
from mailstead.store.account_import import AccountImport
from mailstead.store.account_view import AccountView
from mailstead.store.aliases import Aliases
from mailstead.store.api_keys import ApiKeys
from mailstead.store.app_passwords import AppPasswords
from mailstead.store.audit import Audit
from mailstead.store.deletion import Deletion
from mailstead.store.delivery_rules import DeliveryRules
from mailstead.store.engine import Database
from mailstead.store.event_log import EventLog
from mailstead.store.idempotency import IdempotencyKeys
from mailstead.store.ingest import Ingest
from mailstead.store.mailboxes import Mailboxes
from mailstead.store.message_view import MessageView
from mailstead.store.messages import Messages
from mailstead.store.passwords import Passwords
from mailstead.store.provisioning import Provisioning
from mailstead.store.queue_control import QueueControl
from mailstead.store.queue_pauses import QueuePauses
from mailstead.store.queue_view import QueueView
from mailstead.store.reach import Reach
from mailstead.store.search import Effort, Search
from mailstead.store.sieve_scripts import SieveScripts
from mailstead.store.sign_ins import SignIns
from mailstead.store.signing_keys import SigningKeys
from mailstead.store.suppressions import Suppressions
from mailstead.store.tenants import Tenants
from mailstead.store.totp import TotpSecrets
from mailstead.store.undelete import Undelete
from mailstead.store.webhook_deliveries import WebhookDeliveries
from mailstead.store.webhooks import Webhooks
from mailstead.wire.sieve import Limits

MAX_NAME = 100  # characters of a parameter's name that a problem repeats

log = get_logger()


@dataclass(frozen=True, slots=True)
class Backend:
    """What all requests of a replica share."""

    db: Database
    bus: Bus
    reach: Reach
    rate_limit: RateLimit
    idempotency: IdempotencyKeys
    audit: Audit
    api_keys: ApiKeys
    tenants: Tenants
    authenticator: Authenticator
    sign_ins: SignIns
    sign_in_life: timedelta
    sign_in_cookie: SignInCookie
    totp: TotpSecrets
    provisioning: Provisioning
    deletion: Deletion
    deleted_for: timedelta  # until what is deleted is erased
    account_import: AccountImport
    account_view: AccountView
    max_import_rows: int
    aliases: Aliases
    signing_keys: SigningKeys
    hosts: Hosts
    tls: TlsFiles | None  # of the mail host
    verify_domains: bool
    resolver: Resolver
    queue: QueueView
    delivery_rules: DeliveryRules
    mailboxes: Mailboxes
    messages: Messages
    ingest: Ingest
    uploads: asyncio.Semaphore  # messages that are in memory at once
    max_message: int
    message_view: MessageView
    search: Search
    search_effort: Effort
    undelete: Undelete
    queue_control: QueueControl
    queue_pauses: QueuePauses
    max_queue_action: int
    suppressions: Suppressions
    event_log: EventLog
    event_feed: EventFeed
    webhooks: Webhooks
    webhook_deliveries: WebhookDeliveries
    private_webhooks: bool
    passwords: Passwords
    app_passwords: AppPasswords
    password_strength: int  # of 4, see `password_policy.py`
    scripts: SieveScripts
    script_limits: Limits
    canary: CanaryMetrics
    overviews: Overviews
    server_limits: LimitsOut


def backend(request: Request) -> Backend:
    found: Backend = request.app.state.backend
    return found


UseBackend = Annotated[Backend, Depends(backend)]


def caller(request: Request) -> Caller:
    """Who asks; of a route that `requires` a scope."""
    found: Caller = request.state.caller
    return found


UseCaller = Annotated[Caller, Depends(caller)]

_bearer = HTTPBearer(scheme_name="ApiKey", description="An API key, as `Authorization: Bearer ms_…`", auto_error=False)


def _require_known_query(request: Request) -> None:
    """A filter that is not known must not list everything. Raises RequestValidationError naming each such parameter."""
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        fault = {"type": "extra_forbidden", "msg": "There is no such parameter."}
        raise RequestValidationError([fault | {"loc": ("query", name[:MAX_NAME])} for name in unknown])


async def _authorize(
    request: Request,
    needed: SecurityScopes,
    backend: UseBackend,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Raises Refused: BAD_CREDENTIALS without a key that is good, NOT_PERMITTED when its scopes do not reach, TOO_MANY.

    For what a path names beyond the caller's tenant it raises what is raised where it is not there.
    """
    caller = await _caller_of(request, backend, credentials)
    request.state.allowance = await backend.rate_limit.spend(caller.name)
    await _let_in(request, backend, caller, needed)


async def _authorize_owner(
    request: Request,
    needed: SecurityScopes,
    backend: UseBackend,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """As `_authorize`, and lets in the owner of the account that the path names too."""
    caller = await _caller_of(request, backend, credentials)
    request.state.allowance = await backend.rate_limit.spend(caller.name)
    if caller.account_id is not None and request.path_params.get("account_id") == str(caller.account_id):
        await _begin(request, backend, caller)
    else:
        await _let_in(request, backend, caller, needed)


async def _let_in(request: Request, backend: Backend, caller: Caller, needed: SecurityScopes) -> None:
    for scope in map(Scope, needed.scopes):
        if not grants(caller.scopes, scope) or (caller.tenant_id is not None and scope in OF_OPERATORS):
            raise Refused(Failure.NOT_PERMITTED, f"{caller.name} lacks {scope}")
    await require_reach(backend.reach, caller, request.path_params)
    if request.method not in READS:
        await _require_rank(backend, caller, request.path_params.get("account_id", ""))
    await _begin(request, backend, caller)


async def _require_rank(backend: Backend, caller: Caller, account_id: str) -> None:
    """Whoever may change an account could sign in for it, so they must be able to do all that it can. Raises NOT_PERMITTED."""
    role = await backend.sign_ins.role(int(account_id)) if account_id.isdecimal() and int(account_id) <= MAX_ID else None
    if role in (None, "owner"):
        return
    if Scope.ADMIN not in caller.scopes or (role == "operator" and caller.tenant_id is not None):
        raise Refused(Failure.NOT_PERMITTED, f"{caller.name} may not change an account of role {role}")


async def _begin(request: Request, backend: Backend, caller: Caller) -> None:
    _require_known_query(request)
    request.state.caller = caller
    await begin(request, backend.audit, backend.reach, caller, request.state.trace_id)


async def _caller_of(request: Request, backend: Backend, credentials: HTTPAuthorizationCredentials | None) -> Caller:
    given = backend.sign_in_cookie.token(request) if credentials is None else credentials.credentials
    if not given or len(given) > MAX_KEY:
        raise Refused(Failure.BAD_CREDENTIALS, "no key")
    if given.startswith(TOKEN_PREFIX):
        signed_in = await backend.sign_ins.find(fingerprint(given))
        if signed_in is None:
            raise Refused(Failure.BAD_CREDENTIALS, "not signed in, or no more")
        return caller_signed_in(signed_in)
    key = await backend.api_keys.find(fingerprint(given))
    if key is None:
        raise Refused(Failure.BAD_CREDENTIALS, "unknown or expired key")
    return Caller(f"key {key.name}", frozenset(key.scopes), key.tenant_id)


def _anybody(request: Request) -> None:
    """The mark of a public route."""
    _require_known_query(request)


def requires(scope: Scope, *, owner: bool = False) -> Any:
    """For `dependencies=` of a route: only callers with this scope; with `owner` the owner of the account in its path too."""
    return Security(_authorize_owner if owner else _authorize, scopes=[scope.value])


def public() -> Any:
    """For `dependencies=` of a route that needs no key."""
    return Depends(_anybody)
