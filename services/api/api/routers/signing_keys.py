"""`/v1/domains/{domain}/signing-keys`: the DKIM keys of a domain, from publishing to retiring."""

import asyncio
from http import HTTPStatus
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from fastapi import APIRouter, Path, Response

from api.cursor import DEFAULT_LIMIT, Cursor, Limit, page_of_all
from api.deps import UseBackend, requires
from api.errors import blame
from api.idempotency import idempotent
from api.openapi import problems
from api.routes import Route
from api.schemas.common import DomainName, Page
from api.schemas.signing_keys import Selector, SigningKeyIn, SigningKeyOut, SigningKeyPatch
from api.scopes import Scope
from api.sparse import sparse
from mailstead.model.failure import Failure
from mailstead.store.signing_keys import KeyState, SigningKeyRow
from mailstead.wire.dkim import Algorithm, key_record

RSA_BITS = 2048  # what fits a DNS answer, and what every verifier takes (RFC 8301 §3.2)

router = APIRouter(route_class=Route, prefix="/v1/domains/{domain}/signing-keys", tags=["domains"])

Name = Annotated[DomainName, Path()]
NamedSelector = Annotated[Selector, Path()]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    dependencies=[requires(Scope.DOMAINS_WRITE), idempotent()],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.CONFLICT, Failure.TOO_MANY, with_input=True),
)
async def create_signing_key(domain: Name, key: SigningKeyIn, backend: UseBackend, response: Response) -> SigningKeyOut:
    """A new key that does not sign yet: publish its record first."""
    algorithm = Algorithm(key.algorithm)
    private, record = await asyncio.to_thread(_new_key, algorithm)
    with blame("selector", {Failure.CONFLICT: "The domain has a key of this name.", Failure.TOO_MANY: "Delete old keys first."}):
        row = await backend.signing_keys.create(domain, key.selector, algorithm, private, record)
    response.headers["Location"] = f"/v1/domains/{domain}/signing-keys/{row.selector}"
    return _key(domain, row)


@router.get(
    "", dependencies=[requires(Scope.DOMAINS_READ), sparse()], responses=problems(Failure.NO_SUCH_DOMAIN, with_input=True)
)
async def list_signing_keys(
    domain: Name, backend: UseBackend, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> Page[SigningKeyOut]:
    """Oldest first; there are at most twenty."""
    found = [_key(domain, row) for row in await backend.signing_keys.list(domain)]
    return page_of_all(found, limit, cursor, lambda key: key.selector)


@router.patch(
    "/{selector}",
    dependencies=[requires(Scope.DOMAINS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.NO_SUCH_KEY, with_input=True),
)
async def update_signing_key(domain: Name, selector: NamedSelector, patch: SigningKeyPatch, backend: UseBackend) -> SigningKeyOut:
    """Let it sign, or let it rest. Delivery notices within a minute."""
    return _key(domain, await backend.signing_keys.change_state(domain, selector, KeyState(patch.state)))


@router.delete(
    "/{selector}",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[requires(Scope.DOMAINS_WRITE)],
    responses=problems(Failure.NO_SUCH_DOMAIN, Failure.NO_SUCH_KEY, Failure.CONFLICT, with_input=True),
)
async def delete_signing_key(domain: Name, selector: NamedSelector, backend: UseBackend) -> None:
    """409 while it signs."""
    with blame("selector", {Failure.CONFLICT: "The key is active. Retire it first."}, where="path"):
        await backend.signing_keys.delete(domain, selector)


def _new_key(algorithm: Algorithm) -> tuple[bytes, str]:
    """(private key in PKCS #8, the record to publish)."""
    if algorithm is Algorithm.RSA_SHA256:
        rsa = generate_private_key(65537, RSA_BITS)
        public = rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        private = rsa.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    else:
        ed25519 = Ed25519PrivateKey.generate()
        public = ed25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        private = ed25519.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return private, key_record(algorithm, public)


def _key(domain: str, row: SigningKeyRow) -> SigningKeyOut:
    return SigningKeyOut(
        selector=row.selector,
        algorithm=row.algorithm.value,
        state=row.state.value,
        record_name=f"{row.selector}._domainkey.{domain}",
        record=row.record,
        created_at=row.created_at,
        activated_at=row.activated_at,
        retired_at=row.retired_at,
    )
