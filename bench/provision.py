"""Accounts made per second, in bulk and one by one, and how long `GET /v1/accounts/{id}` takes, at rest and while mail flows.

    MAILSTEAD_API_RATE_PER_SECOND=0 make run                     # in one terminal: no limit of requests
    .venv/bin/python bench/provision.py .mailstead               # in another

Accounts are made in a domain that is new in each run. Those with passwords cost an argon2id each, those with hashes from
elsewhere do not. Mail flows from `accept.py`, which takes what CPU it can get; this script takes its part too.
"""

import asyncio
import json
import os
import shlex
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from mailstead.store.passwords import Passwords

HOST = "127.0.0.1"
IMPORT = "/v1/account-imports"
NDJSON = {"Content-Type": "application/x-ndjson"}
SETTLE = 3  # seconds until mail flows


def main(
    data: Annotated[Path, typer.Argument(help="The data folder of `make run`")],
    accounts: Annotated[int, typer.Option(help="How many are made of hashes in bulk")] = 10_000,
    seconds: Annotated[float, typer.Option(help="How long each other row is measured")] = 5,
    clients: Annotated[int, typer.Option(help="Connections of the rows with several")] = 8,
    port_shift: Annotated[int, typer.Option(envvar="MAILSTEAD_PORT_SHIFT")] = 0,
) -> None:
    """Print two tables."""
    token = dict(line.split("=", 1) for line in shlex.split((data / "demo.env").read_text()))["ADMIN_TOKEN"]
    uvloop.run(_measure(data, token, 8080 + port_shift, accounts, seconds, clients))


async def _measure(data: Path, token: str, port: int, accounts: int, seconds: float, clients: int) -> None:
    domain = f"{os.urandom(4).hex()}.bench.test"
    made, read = Table("accounts made", "per second"), Table("GET /v1/accounts/{id}", "per second", "p50 ms", "p99 ms")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", headers=headers, timeout=120, trust_env=False) as api:
        (await api.post("/v1/domains", json={"name": domain})).raise_for_status()
        passwords = Passwords()
        stored = await passwords.hash("correct horse")
        passwords.close()
        ids, rate = await _in_bulk(api, [f"h{n}@{domain}" for n in range(accounts)], {"password_hash": stored})
        made.add_row(f"{accounts} in bulk, with hashes", f"{rate:.0f}")
        few = accounts // 50
        _, rate = await _in_bulk(api, [f"p{n}@{domain}" for n in range(few)], {"password": "correct horse battery"})
        made.add_row(f"{few} in bulk, with passwords", f"{rate:.0f}")
        for several in (1, clients):

            async def create(number: int, several: int = several) -> None:
                body = {"address": f"s{several}-{number}@{domain}", "password": "correct horse battery", "quota_bytes": 0}
                (await api.post("/v1/accounts", json=body)).raise_for_status()

            waits = await _repeat(create, several, seconds)
            made.add_row(f"one by one, {several} at once", f"{len(waits) / seconds:.0f}")

        async def get(number: int) -> None:
            (await api.get(f"/v1/accounts/{ids[number * 7919 % len(ids)]}")).raise_for_status()

        async def row(name: str, several: int) -> None:
            waits = sorted(await _repeat(get, several, seconds))
            p50, p99 = (waits[int(len(waits) * part)] * 1000 for part in (0.5, 0.99))
            read.add_row(f"{name}, {several} at once", f"{len(waits) / seconds:.0f}", f"{p50:.1f}", f"{p99:.1f}")

        for several in (1, clients):
            await row("at rest", several)
        script = str(Path(__file__).with_name("accept.py"))
        mail = await asyncio.create_subprocess_exec(
            sys.executable, script, str(data), "--seconds", "60", stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await asyncio.sleep(SETTLE)
            for several in (1, clients):
                await row("while mail flows", several)
            assert mail.returncode is None, "no mail flowed"
        finally:
            mail.terminate()
            await mail.wait()
    Console().print(made)
    Console().print(read)


async def _in_bulk(api: httpx.AsyncClient, addresses: list[str], proof: dict[str, str]) -> tuple[list[int], float]:
    """The ids, and accounts per second."""
    body = "".join(json.dumps({"address": address, **proof}) + "\n" for address in addresses)
    begin = time.perf_counter()
    answer = (await api.post(IMPORT, content=body.encode(), headers=NDJSON)).raise_for_status().json()
    elapsed = time.perf_counter() - begin
    assert answer["refused"] == 0, next(row for row in answer["rows"] if row["id"] is None)
    return [row["id"] for row in answer["rows"]], len(addresses) / elapsed


async def _repeat(work: Callable[[int], Awaitable[None]], several: int, seconds: float) -> list[float]:
    """Each of `several` does it on and on; how long each time took."""
    waits: list[float] = []
    end, numbers = time.perf_counter() + seconds, iter(range(10**9))

    async def one() -> None:
        while (begin := time.perf_counter()) < end:
            await work(next(numbers))
            waits.append(time.perf_counter() - begin)

    await asyncio.gather(*(one() for _ in range(several)))
    return waits


if __name__ == "__main__":
    typer.run(main)
