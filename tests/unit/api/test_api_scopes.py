"""Every route declares who may use it, the document says the same, and the server does as it says."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus

import httpx

from api.app import create_app
from api.deps import Backend
from api.errors import STATUS
from api.scopes import Scope, grants
from mailstead.model.api_key import fingerprint, new_key
from mailstead.model.failure import Failure

Client = httpx.AsyncClient
ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

ROUTES: dict[tuple[str, str], Scope | None] = {
    ("GET", "/v1/tenants"): Scope.TENANTS_READ,
    ("POST", "/v1/tenants"): Scope.TENANTS_WRITE,
    ("GET", "/v1/tenants/{tenant_id}"): Scope.TENANTS_READ,
    ("PATCH", "/v1/tenants/{tenant_id}"): Scope.TENANTS_WRITE,
    ("DELETE", "/v1/tenants/{tenant_id}"): Scope.TENANTS_WRITE,
    ("GET", "/v1/api-keys"): Scope.KEYS_READ,
    ("POST", "/v1/api-keys"): Scope.KEYS_WRITE,
    ("GET", "/v1/api-keys/{api_key_id}"): Scope.KEYS_READ,
    ("DELETE", "/v1/api-keys/{api_key_id}"): Scope.KEYS_WRITE,
    ("POST", "/v1/canary-runs"): Scope.CANARY_WRITE,
    ("GET", "/v1/domains"): Scope.DOMAINS_READ,
    ("POST", "/v1/domains"): Scope.DOMAINS_WRITE,
    ("GET", "/v1/domains/{domain}"): Scope.DOMAINS_READ,
    ("PATCH", "/v1/domains/{domain}"): Scope.DOMAINS_WRITE,
    ("DELETE", "/v1/domains/{domain}"): Scope.DOMAINS_WRITE,
    ("POST", "/v1/domains/{domain}/restore"): Scope.DOMAINS_WRITE,
    ("GET", "/v1/domains/{domain}/signing-keys"): Scope.DOMAINS_READ,
    ("POST", "/v1/domains/{domain}/signing-keys"): Scope.DOMAINS_WRITE,
    ("PATCH", "/v1/domains/{domain}/signing-keys/{selector}"): Scope.DOMAINS_WRITE,
    ("DELETE", "/v1/domains/{domain}/signing-keys/{selector}"): Scope.DOMAINS_WRITE,
    ("GET", "/v1/accounts"): Scope.ACCOUNTS_READ,
    ("POST", "/v1/accounts"): Scope.ACCOUNTS_WRITE,
    ("POST", "/v1/account-imports"): Scope.ACCOUNTS_WRITE,
    ("GET", "/v1/accounts/{account_id}"): Scope.ACCOUNTS_READ,
    ("PATCH", "/v1/accounts/{account_id}"): Scope.ACCOUNTS_WRITE,
    ("DELETE", "/v1/accounts/{account_id}"): Scope.ACCOUNTS_WRITE,
    ("POST", "/v1/accounts/{account_id}/restore"): Scope.ACCOUNTS_WRITE,
    ("GET", "/v1/accounts/{account_id}/usage"): Scope.ACCOUNTS_READ,
    ("GET", "/v1/accounts/{account_id}/usage/mailboxes"): Scope.ACCOUNTS_READ,
    ("GET", "/v1/accounts/{account_id}/sessions"): Scope.ACCOUNTS_READ,
    ("DELETE", "/v1/accounts/{account_id}/sessions"): Scope.ACCOUNTS_WRITE,
    ("GET", "/v1/accounts/{account_id}/last-logins"): Scope.ACCOUNTS_READ,
    ("GET", "/v1/accounts/{account_id}/identities"): Scope.ACCOUNTS_READ,
    ("GET", "/v1/accounts/{account_id}/vacation"): Scope.ACCOUNTS_READ,
    ("PUT", "/v1/accounts/{account_id}/vacation"): Scope.ACCOUNTS_WRITE,
    ("DELETE", "/v1/accounts/{account_id}/vacation"): Scope.ACCOUNTS_WRITE,
    ("GET", "/v1/accounts/{account_id}/app-passwords"): Scope.ACCOUNTS_READ,
    ("POST", "/v1/accounts/{account_id}/app-passwords"): Scope.ACCOUNTS_WRITE,
    ("DELETE", "/v1/accounts/{account_id}/app-passwords/{app_password_id}"): Scope.ACCOUNTS_WRITE,
    ("GET", "/v1/accounts/{account_id}/sieve-scripts"): Scope.ACCOUNTS_READ,
    ("GET", "/v1/accounts/{account_id}/sieve-scripts/{name}"): Scope.ACCOUNTS_READ,
    ("PUT", "/v1/accounts/{account_id}/sieve-scripts/{name}"): Scope.ACCOUNTS_WRITE,
    ("DELETE", "/v1/accounts/{account_id}/sieve-scripts/{name}"): Scope.ACCOUNTS_WRITE,
    ("GET", "/v1/accounts/{account_id}/role"): Scope.KEYS_READ,
    ("PUT", "/v1/accounts/{account_id}/role"): Scope.KEYS_WRITE,
    ("PUT", "/v1/accounts/{account_id}/password"): Scope.ACCOUNTS_WRITE,
    ("GET", "/v1/accounts/{account_id}/totp"): Scope.ACCOUNTS_READ,
    ("PUT", "/v1/accounts/{account_id}/totp"): Scope.ACCOUNTS_WRITE,
    ("PUT", "/v1/accounts/{account_id}/totp/confirmation"): Scope.ACCOUNTS_WRITE,
    ("PUT", "/v1/accounts/{account_id}/totp/recovery-codes"): Scope.ACCOUNTS_WRITE,
    ("DELETE", "/v1/accounts/{account_id}/totp"): Scope.ACCOUNTS_WRITE,
    ("POST", "/v1/sign-ins"): None,
    ("GET", "/v1/sign-ins/current"): None,
    ("DELETE", "/v1/sign-ins/current"): None,
    ("PUT", "/v1/domains/{domain}/dns/verification"): Scope.DOMAINS_WRITE,
    ("GET", "/v1/domains/{domain}/dns"): Scope.DOMAINS_READ,
    ("GET", "/v1/accounts/{account_id}/mobileconfig"): Scope.ACCOUNTS_READ,
    ("GET", "/v1/audit-log"): Scope.AUDIT_READ,
    ("GET", "/v1/aliases"): Scope.ALIASES_READ,
    ("POST", "/v1/aliases"): Scope.ALIASES_WRITE,
    ("GET", "/v1/aliases/{address}"): Scope.ALIASES_READ,
    ("PATCH", "/v1/aliases/{address}"): Scope.ALIASES_WRITE,
    ("DELETE", "/v1/aliases/{address}"): Scope.ALIASES_WRITE,
    ("GET", "/v1/queue"): Scope.QUEUE_READ,
    ("GET", "/v1/queue/{queue_id}"): Scope.QUEUE_READ,
    ("GET", "/v1/delivery-rules"): Scope.DELIVERY_RULES_READ,
    ("POST", "/v1/delivery-rules"): Scope.DELIVERY_RULES_WRITE,
    ("GET", "/v1/delivery-rules/{rule_id}"): Scope.DELIVERY_RULES_READ,
    ("PUT", "/v1/delivery-rules/{rule_id}"): Scope.DELIVERY_RULES_WRITE,
    ("DELETE", "/v1/delivery-rules/{rule_id}"): Scope.DELIVERY_RULES_WRITE,
    ("POST", "/v1/queue/{queue_id}/actions"): Scope.QUEUE_WRITE,
    ("POST", "/v1/queue-actions"): Scope.QUEUE_WRITE,
    ("GET", "/v1/messages/{trace_id}/journey"): Scope.QUEUE_READ,
    ("GET", "/v1/suppressions"): Scope.QUEUE_READ,
    ("POST", "/v1/suppressions"): Scope.QUEUE_WRITE,
    ("GET", "/v1/suppressions/{suppression_id}"): Scope.QUEUE_READ,
    ("DELETE", "/v1/suppressions/{suppression_id}"): Scope.QUEUE_WRITE,
    ("GET", "/v1/queue-pauses"): Scope.QUEUE_READ,
    ("POST", "/v1/queue-pauses"): Scope.QUEUE_WRITE,
    ("GET", "/v1/queue-pauses/{pause_id}"): Scope.QUEUE_READ,
    ("DELETE", "/v1/queue-pauses/{pause_id}"): Scope.QUEUE_WRITE,
    ("GET", "/v1/events"): Scope.EVENTS_READ,
    ("GET", "/v1/events/stream"): Scope.EVENTS_READ,
    ("GET", "/v1/webhooks"): Scope.WEBHOOKS_READ,
    ("POST", "/v1/webhooks"): Scope.WEBHOOKS_WRITE,
    ("GET", "/v1/webhooks/{webhook_id}"): Scope.WEBHOOKS_READ,
    ("PATCH", "/v1/webhooks/{webhook_id}"): Scope.WEBHOOKS_WRITE,
    ("DELETE", "/v1/webhooks/{webhook_id}"): Scope.WEBHOOKS_WRITE,
    ("POST", "/v1/webhooks/{webhook_id}/secret"): Scope.WEBHOOKS_WRITE,
    ("POST", "/v1/webhooks/{webhook_id}/test"): Scope.WEBHOOKS_WRITE,
    ("GET", "/v1/webhooks/{webhook_id}/deliveries"): Scope.WEBHOOKS_READ,
    ("GET", "/v1/webhooks/{webhook_id}/deliveries/{event_id}"): Scope.WEBHOOKS_READ,
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/recovery"): Scope.WEBHOOKS_WRITE,
    ("POST", "/v1/webhooks/{webhook_id}/deliveries/{event_id}/redelivery"): Scope.WEBHOOKS_WRITE,
    ("GET", "/v1/overview"): Scope.SERVER_READ,
    ("GET", "/v1/accounts/{account_id}/mailboxes"): Scope.MESSAGES_READ,
    ("GET", "/v1/accounts/{account_id}/export"): Scope.MESSAGES_READ,
    ("GET", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/export"): Scope.MESSAGES_READ,
    ("POST", "/v1/accounts/{account_id}/mail-imports"): Scope.MESSAGES_WRITE,
    ("POST", "/v1/accounts/{account_id}/mailboxes"): Scope.MESSAGES_WRITE,
    ("GET", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}"): Scope.MESSAGES_READ,
    ("PATCH", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}"): Scope.MESSAGES_WRITE,
    ("DELETE", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}"): Scope.MESSAGES_WRITE,
    ("POST", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/message-actions"): Scope.MESSAGES_WRITE,
    ("POST", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages"): Scope.MESSAGES_WRITE,
    ("PATCH", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages/{uid}"): Scope.MESSAGES_WRITE,
    ("DELETE", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages/{uid}"): Scope.MESSAGES_WRITE,
    ("GET", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages"): Scope.MESSAGES_READ,
    ("GET", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages/{uid}"): Scope.MESSAGES_READ,
    ("GET", "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages/{uid}/content"): Scope.MESSAGES_READ,
    ("GET", "/v1/accounts/{account_id}/deleted-messages"): Scope.MESSAGES_READ,
    ("POST", "/v1/accounts/{account_id}/restorations"): Scope.MESSAGES_WRITE,
    ("GET", "/v1/health"): None,
    ("GET", "/v1/version"): Scope.SERVER_READ,
    ("GET", "/v1/limits"): Scope.SERVER_READ,
}
GUARDED = [(method, path, scope) for (method, path), scope in ROUTES.items() if scope is not None]


def concrete(path: str) -> str:
    return path.format(
        domain="a.test",
        name="a",
        selector="s1",
        address="x@a.test",
        account_id=1,
        app_password_id=1,
        queue_id=ID,
        webhook_id=4711,
        event_id=ID,
        rule_id=ID,
        mailbox_id=1,
        uid=1,
        pause_id=4711,
        suppression_id=4711,
        trace_id="0" * 32,
        tenant_id=4711,
        api_key_id=4711,
    )


async def test_the_document_declares_the_scope_of_each_route(backend: Backend) -> None:
    document = create_app(backend).openapi()
    declared = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            security = operation.get("security")
            declared[method.upper(), path] = None if security is None else Scope(security[0]["ApiKey"][0])
            assert security is None or (len(security) == 1 and len(security[0]["ApiKey"]) == 1)
    assert declared == ROUTES


async def test_no_key_a_wrong_key_and_a_wrong_scope_are_refused(
    anonymous: Client, with_scopes: Callable[..., Awaitable[Client]]
) -> None:
    for method, path, _ in GUARDED:
        for header in (None, "Bearer", f"Bearer {new_key()}", "Basic YTpi", "Bearer " + "x" * 5000):
            headers = {} if header is None else {"Authorization": header}
            response = await anonymous.request(method, concrete(path), headers=headers)
            assert response.status_code == 401, (method, path, header)
            assert response.headers["www-authenticate"] == "Bearer"
            assert response.headers["content-type"] == "application/problem+json"

    for method, path, scope in GUARDED:
        others = await with_scopes(*(set(Scope) - {scope, Scope.ADMIN}))
        assert (await others.request(method, concrete(path))).status_code == 403, (method, path)
        for enough in (scope, Scope.ADMIN):
            allowed = await with_scopes(enough)
            assert (await allowed.request(method, concrete(path))).status_code not in (401, 403), (method, path)


async def test_an_expired_key_is_refused(backend: Backend, anonymous: Client) -> None:
    key = new_key()
    await backend.api_keys.create("old", [Scope.ADMIN], fingerprint(key), datetime(2020, 1, 1, tzinfo=UTC))
    assert (await anonymous.get("/v1/domains", headers={"Authorization": f"Bearer {key}"})).status_code == 401


async def test_health_needs_no_key(anonymous: Client) -> None:
    assert (await anonymous.get("/v1/health")).status_code == 200


async def test_every_answer_of_every_route_is_in_the_document(backend: Backend) -> None:
    document = create_app(backend).openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]


def test_every_failure_has_its_status() -> None:
    assert set(STATUS) == set(Failure)
    assert all(status >= 400 for status, _ in STATUS.values())
    assert STATUS[Failure.UNAVAILABLE][0] is HTTPStatus.SERVICE_UNAVAILABLE


def test_admin_grants_all() -> None:
    assert all(grants(frozenset({"admin"}), scope) for scope in Scope)
    assert not any(grants(frozenset(), scope) for scope in Scope)


def test_keys_are_random_and_only_their_hash_is_kept() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith("ms_") and len(key) > 40 for key in keys)
    assert len(fingerprint(keys.pop())) == 32
