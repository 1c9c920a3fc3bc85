"""The document tells the truth: schemathesis asks each operation of a running service for what it allows, and what it forbids."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from kit.nats import NatsServer
from unit.api.serving import Start

EXAMPLES = 10  # of each operation, each way
BOUNDED = settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Bodies that cannot be wrong as a whole: of rows each is judged by itself, and any octets are a message.
NO_JSON = {
    "/v1/account-imports",
    "/v1/accounts/{account_id}/mailboxes/{mailbox_id}/messages",
    "/v1/accounts/{account_id}/mail-imports",
}
# What a schema cannot say, as that a password is easily guessed, is a 422 all the same.
EXCLUDED = [schemathesis.checks.positive_data_acceptance]


@schemathesis.serializer("message/rfc822", "application/x-tar", "application/mbox")
def octets(_context: Any, value: Any) -> bytes:
    """Any value at all is a message."""
    return getattr(value, "data", str(value).encode(errors="replace"))


def lighter(document: dict[str, Any]) -> dict[str, Any]:
    """The same but for what makes generating slow: long lists, and character classes of all Unicode."""

    def lighten(found: dict[str, Any]) -> dict[str, Any]:
        return {name: min(value, 4) if name == "maxItems" else value for name, value in found.items()}

    text = json.dumps(document).replace("\\\\u0080-\\\\U0010ffff", "\\\\u00c0-\\\\u00ff")
    lightened: dict[str, Any] = json.loads(text, object_hook=lighten)
    return lightened


class Explorer:
    """Asks one service with one key. `known` are path parameters of what is there."""

    def __init__(self, url: str, key: str, document: dict[str, Any], known: dict[str, Any]) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._known = known
        self._schema = schemathesis.openapi.from_dict(lighter(document))
        self.statuses: set[int] = set()

    def explore(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            for found in self._schema.get_all_operations():
                assert isinstance(found, Ok)
                operation = found.ok()
                self._ask(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), session, operation.method != "delete")
                if operation.path in NO_JSON:
                    continue
                try:
                    self._ask(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), session, False)
                except Unsatisfiable:
                    continue  # it takes nothing that could be wrong

    def _ask(self, cases: st.SearchStrategy[Case[Any]], session: requests.Session, about_known: bool) -> None:
        @BOUNDED
        @given(case=cases, there=st.booleans())
        def ask(case: Case[Any], there: bool) -> None:
            if there and about_known:
                case.path_parameters |= {name: self._known[name] for name in case.path_parameters if name in self._known}
            response = case.call(base_url=self._url, session=session, headers=self._headers, timeout=30)
            self.statuses.add(response.status_code)
            case.validate_response(response, excluded_checks=EXCLUDED)

        ask()


async def made(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.timeout(180)
async def test_every_operation_answers_as_the_document_says(served: Start, key: str, nats: NatsServer) -> None:
    dns = {"dns_servers": "127.0.0.1", "dns_port": 9, "dns_seconds": 0.2}
    async with served(api_rate_per_second=0, api_stream_seconds=0.05, nats_url=nats.url, **dns) as port:
        url, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(trust_env=False, base_url=url, headers=headers) as client:
            document = (await client.get("/v1/openapi.json")).json()
            await made(client, "/v1/domains", {"name": "a.test"})
            account = await made(client, "/v1/accounts", {"address": "x@a.test", "password": "correct horse"})
            await made(client, "/v1/aliases", {"address": "y@a.test", "targets": ["x@a.test"]})
        known = {"domain": "a.test", "account_id": account["id"], "address": "y@a.test"}
        explorer = Explorer(url, key, document, known)
        await asyncio.to_thread(explorer.explore)
        assert {200, 201, 204, 401, 404, 422} <= explorer.statuses
        assert max(explorer.statuses) < 500
