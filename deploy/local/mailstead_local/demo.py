"""A demo domain with two people, one an operator, and a key for the API: made the first time and found again ever after."""

import asyncio
import shlex
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from mailstead.model.api_key import PREFIX
from mailstead.model.failure import Failure, Refused
from mailstead.ops.own_certificate import write_private
from mailstead.store.prepare import create_first_key
from mailstead_local.failure import LocalFailure
from mailstead_local.ports import HOST
from mailstead_local.system import System

DOMAIN = "demo.test"  # reserved (RFC 6761 §6.2)
KEY_NAME = "mailstead up"
QUOTA_BYTES = 10 * 1024**3


@dataclass(frozen=True, slots=True)
class Person:
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What a person needs to try the system."""

    admin_token: str
    alice: Person
    bob: Person
    ca_file: str

    def as_env(self) -> str:
        """Lines for a shell's `source`."""
        values = {
            "ADMIN_TOKEN": self.admin_token,
            "ALICE_USER": self.alice.user,
            "ALICE_PASSWORD": self.alice.password,
            "BOB_USER": self.bob.user,
            "BOB_PASSWORD": self.bob.password,
            "CA_FILE": self.ca_file,
        }
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def create_demo(system: System) -> Demo:
    """Write `demo.env`, bootstrap the API key through the database, and the rest through the API. Raises LocalFailure."""
    secret = system.folder.secret
    demo = Demo(
        admin_token=PREFIX + secret("admin token"),
        alice=Person(f"alice@{DOMAIN}", secret("alice")),
        bob=Person(f"bob@{DOMAIN}", secret("bob")),
        ca_file=str(system.certificates.authority),
    )
    write_private(system.folder.demo_env, demo.as_env())
    asyncio.run(_provision(demo, system.owner_url(), f"http://{HOST}:{system.ports.api}"))
    return demo


async def _provision(demo: Demo, owner_url: str, api_url: str) -> None:
    await _create_key(owner_url, demo.admin_token)
    async with httpx.AsyncClient(
        base_url=api_url, headers={"Authorization": f"Bearer {demo.admin_token}"}, timeout=30, trust_env=False
    ) as api:
        await _create(api, "/v1/domains", {"name": DOMAIN})
        for person in (demo.alice, demo.bob):
            account = {"address": person.user, "password": person.password, "quota_bytes": QUOTA_BYTES}
            await _create(api, "/v1/accounts", account)
        await _make_operator(api, demo.alice)


async def _create_key(owner_url: str, token: str) -> None:
    try:
        await create_first_key(owner_url, KEY_NAME, token)
    except Refused as refused:
        if refused.failure is Failure.CONFLICT:
            raise LocalFailure(
                f"the database knows another API key {KEY_NAME!r} than secrets.json: they are not of one run"
            ) from refused
        raise LocalFailure(f"cannot make the API key: {refused}") from refused


async def _make_operator(api: httpx.AsyncClient, person: Person) -> None:
    try:
        found = (await api.get("/v1/accounts", params={"address": person.user, "limit": 1})).raise_for_status().json()
        path = f"/v1/accounts/{found['items'][0]['id']}/role"
        (await api.put(path, json={"role": "operator"})).raise_for_status()
    except httpx.HTTPError as error:
        raise LocalFailure(f"the API does not make {person.user} an operator: {type(error).__name__} {error}") from error


async def _create(api: httpx.AsyncClient, path: str, body: dict[str, object]) -> None:
    """Make it, or find that it is there."""
    try:
        answer = await api.post(path, json=body)
    except httpx.HTTPError as error:
        raise LocalFailure(f"the API does not answer to POST {path}: {type(error).__name__} {error}") from error
    if answer.status_code not in (HTTPStatus.CREATED, HTTPStatus.CONFLICT):
        raise LocalFailure(f"POST {path} was answered {answer.status_code}: {' '.join(answer.text.split())}")
