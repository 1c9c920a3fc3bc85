"""What the canary wants of the REST API: an account for one run, and somebody to tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex

import httpx

from canary.settings import CanarySettings
from canary.trip import Login, Run

ANSWER_SECONDS = 30.0


@contextmanager
def api_client(settings: CanarySettings) -> Iterator[httpx.Client | None]:
    """None where no API is given."""
    if settings.canary_api_url is None or settings.canary_api_key_file is None:
        yield None
        return
    headers = {"Authorization": f"Bearer {settings.canary_api_key_file.read_text().strip()}"}
    with httpx.Client(base_url=settings.canary_api_url, headers=headers, timeout=ANSWER_SECONDS, trust_env=False) as client:
        yield client


@contextmanager
def account_of(settings: CanarySettings, client: httpx.Client | None) -> Iterator[Login]:
    """The account that is given; else one in a domain of its own, both of which are gone when left. Raises httpx.HTTPError."""
    if settings.canary_user is not None and settings.canary_password_file is not None:
        yield Login(settings.canary_user, settings.canary_password_file.read_text().strip())
    elif client is not None:
        domain = f"canary-{token_hex(8)}.invalid"
        with _made(client, "/v1/domains", {"name": domain}, domain):
            login = Login(f"canary@{domain}", token_hex(24))
            with _made(client, "/v1/accounts", {"address": login.user, "password": login.password}):
                yield login


@contextmanager
def _made(client: httpx.Client, collection: str, what: dict[str, str], name: str | None = None) -> Iterator[None]:
    """Something that is deleted when left; under its `id`, unless it has a name."""
    answer = client.post(collection, json=what).raise_for_status()
    try:
        yield
    finally:
        client.delete(f"{collection}/{name or answer.json()['id']}").raise_for_status()


def report(client: httpx.Client, path: str, run: Run) -> None:
    """Raises httpx.HTTPError."""
    body = {"path": path, "outcome": run.outcome.value} | ({} if run.seconds is None else {"seconds": run.seconds})
    client.post("/v1/canary-runs", json=body).raise_for_status()
