"""`mailstead doctor`: what is wrong with an installation, and what to do about it."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import typer
from cryptography import x509

from mailstead.bus import open_bus
from mailstead.model.failure import Refused
from mailstead.store.engine import open_database
from mailstead.store.revision import NEEDED_REVISION, check_revision
from mailstead_cli.api_client import DEFAULT_URL, AsJson, Url
from mailstead_cli.database import DatabaseUrl, DataPath, url_of
from mailstead_cli.output import print_json

SECONDS = 3.0  # for each connection
SOON = timedelta(days=14)  # a certificate is to be renewed before that

NatsUrl = Annotated[str | None, typer.Option("--nats-url", envvar="MAILSTEAD_NATS_URL", help="NATS; left out: not looked at")]
Certificate = Annotated[
    Path | None,
    typer.Option("--certificate", envvar="MAILSTEAD_TLS_CERTIFICATE", help="File of the certificate; left out: not looked at"),
]
Ports = Annotated[list[str], typer.Option("--port", help="HOST:PORT that should answer, as mail.example.com:993; several times")]
ApiToken = Annotated[
    str | None,
    typer.Option("--token", envvar=["MAILSTEAD_API_TOKEN", "ADMIN_TOKEN"], help="An API key, to look at the DNS of domains"),
]


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice` is empty where all is well."""

    subject: str
    said: str
    advice: str = ""


def doctor(
    database_url: DatabaseUrl = None,
    data: DataPath = Path(".mailstead"),
    nats_url: NatsUrl = None,
    certificate: Certificate = None,
    port: Ports = [],  # noqa: B006 - typer never changes it
    token: ApiToken = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Look at the database, NATS, the API, certificates, ports and the DNS of each domain. Exit status 1 when one is ill."""
    findings = [asyncio.run(_database(url_of(database_url, data))), *_api(url, token)]
    if nats_url:
        findings.append(asyncio.run(_nats(nats_url)))
    if certificate:
        findings.append(_certificate(certificate))
    findings += [_port(each) for each in port]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark, colour = ("ill ", "red") if finding.advice else ("well", "green")
            typer.secho(f"{mark}  {finding.subject}: {finding.said}", fg=colour)
            if finding.advice:
                typer.echo(f"      {finding.advice}")
    raise typer.Exit(any(finding.advice for finding in findings))


async def _database(url: str) -> Finding:
    try:
        async with asyncio.timeout(SECONDS * 3), open_database(url, pool_size=1) as db:
            await check_revision(db)
    except (Refused, TimeoutError) as error:
        said = error.detail if isinstance(error, Refused) else "no answer in time"
        advice = "Start PostgreSQL, look whether its URL and password are right, run: python -m mailstead.store.prepare"
        return Finding("database", said, advice)
    return Finding("database", f"answers, its schema is {NEEDED_REVISION} or newer")


async def _nats(url: str) -> Finding:
    async with open_bus(url, name="doctor") as bus:
        if bus.connected:
            return Finding("NATS", "answers")
    return Finding(
        "NATS", "does not answer", "Start it, or mend its URL. Until then changes reach other replicas late; no mail is lost."
    )


def _api(url: str, token: str | None) -> Iterator[Finding]:
    try:
        with httpx.Client(base_url=url, timeout=SECONDS * 3, headers={"Authorization": f"Bearer {token}"}) as client:
            health = client.get("/v1/health")
            if health.is_error:
                yield Finding("API", f"answers {health.status_code}", "Look at its log under the trace id of the answer.")
                return
            yield Finding("API", f"answers, {health.json()['status']}")
            if token:
                yield from _domains(client)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        yield Finding("API", f"{type(error).__name__} at {url}", "Start it, or give its address with --url.")


def _domains(client: httpx.Client) -> Iterator[Finding]:
    listed = client.get("/v1/domains", params={"limit": 500, "fields": "name"})
    if listed.is_error:
        yield Finding("DNS", f"the API answers {listed.status_code}", "Give a key with the scope domains:read.")
        return
    for domain in listed.json()["items"]:
        answer = client.get(f"/v1/domains/{domain['name']}/dns")
        records = [] if answer.is_error else answer.json()["records"]
        wrong = [record for record in records if record["required"] and record["state"] != "ok"]
        subject = f"DNS of {domain['name']}"
        if answer.is_error:
            yield Finding(subject, f"the API answers {answer.status_code}", "Look at its log.")
        for record in wrong:
            said = f"{record['purpose']} is {record['state']}"
            yield Finding(subject, said, f"Publish: {record['name']}. {record['type']} {record['value']}")
        if not wrong and not answer.is_error:
            yield Finding(subject, "all that is required is there")


def _certificate(file: Path) -> Finding:
    subject = f"certificate {file}"
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        return Finding(subject, str(error), "Point MAILSTEAD_TLS_CERTIFICATE at a certificate in PEM.")
    left = found.not_valid_after_utc - datetime.now(UTC)
    said = f"good until {found.not_valid_after_utc:%Y-%m-%d}"
    if left < timedelta():
        return Finding(subject, f"expired {found.not_valid_after_utc:%Y-%m-%d}", "Renew it; services read it again.")
    return Finding(subject, said, "Renew it: it expires soon." if left < SOON else "")


def _port(place: str) -> Finding:
    host, _, number = place.rpartition(":")
    try:
        with socket.create_connection((host, int(number)), timeout=SECONDS):
            return Finding(f"port {place}", "answers")
    except (OSError, ValueError) as error:
        return Finding(f"port {place}", str(error), "Start the service, or open the way to it: service, load balancer, firewall.")
