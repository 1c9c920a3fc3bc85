"""Keys of a domain over the API: made here, published there, active, retired."""

from base64 import b64decode

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kit.postgres import DatabaseUrls
from mailstead.store.engine import open_database
from mailstead.store.provisioning import DEFAULT_TENANT
from mailstead.store.signing_keys import active_keys

Client = httpx.AsyncClient
KEYS = "/v1/domains/a.test/signing-keys"


@pytest.fixture
async def domain(client: Client) -> None:
    assert (await client.post("/v1/domains", json={"name": "a.test"})).status_code == 201


async def made(client: Client, selector: str, algorithm: str) -> dict[str, str]:
    answer = await client.post(KEYS, json={"selector": selector, "algorithm": algorithm})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{KEYS}/{selector}"
    found: dict[str, str] = answer.json()
    return found


@pytest.mark.usefixtures("domain")
async def test_a_key_is_made_with_its_record(client: Client) -> None:
    key = await made(client, "s1", "rsa-sha256")
    assert (key["state"], key["record_name"]) == ("published", "s1._domainkey.a.test")
    assert "private" not in str(key)
    public = load_der_public_key(b64decode(key["record"].removeprefix("v=DKIM1; k=rsa; p=")))
    assert isinstance(public, RSAPublicKey) and public.key_size == 2048
    key = await made(client, "s2", "ed25519-sha256")
    Ed25519PublicKey.from_public_bytes(b64decode(key["record"].removeprefix("v=DKIM1; k=ed25519; p=")))
    assert (await client.post(KEYS, json={"selector": "S1"})).status_code == 409
    assert (await client.post(KEYS, json={"selector": "a.b"})).status_code == 422
    assert (await client.post("/v1/domains/b.test/signing-keys", json={"selector": "s1"})).status_code == 404
    assert [key["selector"] for key in (await client.get(KEYS)).json()["items"]] == ["s1", "s2"]
    assert (await client.get("/v1/domains/b.test/signing-keys")).status_code == 404


@pytest.mark.usefixtures("domain")
async def test_keys_rotate(client: Client, database_urls: DatabaseUrls) -> None:
    for selector in ("old", "new"):
        await made(client, selector, "ed25519-sha256")
    await made(client, "rsa", "rsa-sha256")
    for selector in ("old", "rsa", "new"):
        answer = await client.patch(f"{KEYS}/{selector}", json={"state": "active"})
        assert (answer.status_code, answer.json()["state"]) == (200, "active")
        assert answer.json()["activated_at"] is not None
    states = {key["selector"]: key["state"] for key in (await client.get(KEYS)).json()["items"]}
    assert states == {"old": "retired", "new": "active", "rsa": "active"}
    async with open_database(database_urls.delivery) as db:
        row = await db.fetchrow("look", "SELECT tenant_id FROM domains WHERE name = 'a.test'")
        assert row is not None
        assert [key.selector for key in await active_keys(db, row["tenant_id"], "a.test")] == ["new", "rsa"]
        assert await active_keys(db, row["tenant_id"] + 1, "a.test") == [], f"a tenant other than {DEFAULT_TENANT}"
    assert (await client.delete(f"{KEYS}/new")).status_code == 409
    assert (await client.delete(f"{KEYS}/old")).status_code == 204
    assert (await client.delete(f"{KEYS}/old")).status_code == 404
    assert (await client.patch(f"{KEYS}/old", json={"state": "active"})).status_code == 404


@pytest.mark.usefixtures("domain")
async def test_the_api_cannot_read_secrets(client: Client, database_urls: DatabaseUrls) -> None:
    await made(client, "s1", "ed25519-sha256")
    connection = await asyncpg.connect(database_urls.api)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("SELECT private_key FROM signing_keys")
    await connection.close()
