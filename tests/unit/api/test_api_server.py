"""The API as a service: over TCP, in TLS, and asked by the command line."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import httpx

from kit.certificates import TestAuthority
from kit.ports import free_port
from kit.postgres import DatabaseUrls
from unit.api.serving import Start


async def test_over_tcp(served: Start) -> None:
    async with served() as port, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/v1/health")
        assert answer.status_code == 200
        assert "server" not in answer.headers
        document = (await client.get(f"http://127.0.0.1:{port}/v1/openapi.json")).json()
        assert document["openapi"].startswith("3.1")


async def test_the_limits_are_those_of_the_settings(served: Start, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    async with served(api_max_body=4096, sieve_max_scripts=3) as port, httpx.AsyncClient(trust_env=False) as client:
        limits = (await client.get(f"http://127.0.0.1:{port}/v1/limits", headers=headers)).json()
        assert (limits["body_bytes"], limits["sieve_scripts"], limits["webhooks_of_tenant"]) == (4096, 3, 50)
        some = await client.get(f"http://127.0.0.1:{port}/v1/limits?fields=message_bytes", headers=headers)
        assert some.json() == {"message_bytes": limits["message_bytes"]}


async def test_in_tls(served: Start, authority: TestAuthority) -> None:
    files = {"tls_certificate": authority.certificate, "tls_key": authority.key}
    client = httpx.AsyncClient(trust_env=False, verify=authority.client_context())
    async with served(api_tls=True, **files) as port, client:
        for host in ("127.0.0.1", "localhost"):  # without SNI, and with it
            assert (await client.get(f"https://{host}:{port}/v1/health")).status_code == 200


async def run(port: int, key: str, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """`mailstead …` against this API."""
    environment = {
        "MAILSTEAD_API_URL": f"http://127.0.0.1:{port}",
        "MAILSTEAD_API_TOKEN": key,
        "PATH": "/usr/bin",
        "COLUMNS": "200",
    }
    command = [str(Path(sys.executable).with_name("mailstead")), *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, input=stdin, capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


async def test_the_command_line(served: Start, key: str, database_urls: DatabaseUrls) -> None:
    async with served() as port:
        assert (await run(port, key, "domains", "create", "a.test"))[0] == 0
        status, _, said = await run(port, key, "domains", "create", "a.test")
        assert (status, said.strip()) == (1, "mailstead: name: This domain exists.")

        create = ("accounts", "create", "alice@a.test", "--quota", "1G", "--password-stdin", "--json")
        status, out, _ = await run(port, key, *create, stdin="correct horse\n")
        assert status == 0
        assert json.loads(out)["quota_bytes"] == 2**30
        status, _, said = await run(port, key, "accounts", "create", "bob@a.test", "--password-stdin", stdin="short\n")
        assert status == 1
        assert said.startswith("mailstead: password:")

        status, out, _ = await run(port, key, "accounts", "list")
        assert "alice@a.test" in out
        assert "1 GiB" in out
        status, out, _ = await run(port, key, "domains", "list", "--json")
        assert [domain["name"] for domain in json.loads(out)] == ["a.test"]
        status, _, said = await run(port, "ms_wrong", "domains", "list")
        assert (status, said.strip()) == (1, "mailstead: The API key is missing, unknown or expired.")

        status, out, said = await run(port, key, "check", "--database-url", database_urls.owner)
        assert status == 0, said

        assert (await run(port, key, "accounts", "delete", "alice@a.test", "--yes"))[0] == 0
        assert (await run(port, key, "domains", "delete", "a.test", "--yes"))[0] == 0


async def test_an_api_that_is_not_there_is_one_clear_line(key: str) -> None:
    status, _, said = await run(free_port(), key, "domains", "list")
    assert status == 1
    assert said.count("\n") == 1


async def test_commands_of_the_other_resources(served: Start, key: str, database_urls: DatabaseUrls, tmp_path: Path) -> None:
    async with served(dns_servers="127.0.0.1", dns_port=9, dns_seconds=0.2) as port:
        status, out, _ = await run(port, key, "tenants", "create", "one", "--json")
        tenant = json.loads(out)["id"]
        assert "one" in (await run(port, key, "tenants", "list"))[1]
        status, made, _ = await run(port, key, "keys", "create", "reader", "--scope", "domains:read", "--tenant", str(tenant))
        assert made.startswith("ms_")
        assert "domains:read" in (await run(port, key, "keys", "list"))[1]
        assert (await run(port, made.strip(), "domains", "list", "--json"))[1].strip() == "[]"
        assert (await run(port, key, "domains", "create", "a.test"))[0] == 0
        status, out, _ = await run(port, key, "domains", "dns", "a.test")
        assert status == 1
        assert "v=spf1 mx -all" in out

        rows = tmp_path / "rows.csv"
        crypted = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
        rows.write_text(f"address,password_hash\nalice@a.test,{crypted}\n\nbob@nowhere.test,{crypted}\n")
        status, out, said = await run(port, key, "accounts", "import", str(rows))
        assert (status, out.strip()) == (1, "1 accounts made, 1 refused")
        assert said.startswith("row 2 bob@nowhere.test: address:")
        assert (await run(port, key, "accounts", "sessions", "alice@a.test", "--end"))[0] == 0
        assert "import_accounts" in (await run(port, key, "audit"))[1]

        status, out, _ = await run(port, key, "doctor", "--database-url", database_urls.owner, "--port", "127.0.0.1:1")
        assert status == 1
        for line in ("well  database", "well  API", "ill   DNS of a.test: MX is unknown", "ill   port 127.0.0.1:1"):
            assert line in out


async def test_a_doctor_of_what_is_not_there(key: str, tmp_path: Path, authority: TestAuthority) -> None:
    nowhere = ("--database-url", "postgresql://nobody@127.0.0.1:1/x", "--nats-url", f"nats://127.0.0.1:{free_port()}")
    status, out, _ = await run(free_port(), key, "doctor", *nowhere, "--certificate", str(tmp_path / "none.pem"), "--json")
    assert status == 1
    assert [bool(finding["advice"]) for finding in json.loads(out)] == [True] * 4
    _, out, _ = await run(free_port(), key, "doctor", *nowhere, "--certificate", str(authority.certificate), "--json")
    assert "20" in json.loads(out)[-1]["said"]
