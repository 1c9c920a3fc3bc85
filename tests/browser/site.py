"""A mail host with people in it, for the console to be looked at: PostgreSQL, NATS, the API, SMTP, POP3, and DNS by a table.

What is in it is made over the API and over SMTP, as anybody would.
"""

import asyncio
import poplib
import smtplib
from collections.abc import Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path

import httpx
from dnslib import RR, DNSRecord
from dnslib.server import DNSHandler, DNSServer
from playwright.async_api import StorageState

from kit.ports import free_port
from kit.stack import Stack
from mailstead_local.ports import HOST

OPERATOR = "olive@fernhill.example"
OWNER = "hanna@fernhill.example"
PASSWORD = "wander-otter-lantern-42"
MAIL_HOST = "mail.fernhill.example"
GIB = 1024**3
SERVICES = ("api", "smtp-in", "pop3")

ACCOUNTS = {  # address -> quota in GiB
    OPERATOR: 10,
    OWNER: 10,
    "ines@fernhill.example": 5,
    "jonas@fernhill.example": 5,
    "office@fernhill.example": 20,
    "orders@brightwater.example": 20,
    "marit@brightwater.example": 5,
    "tomas@brightwater.example": 5,
    "press@harbour-books.example": 2,
    "shop@harbour-books.example": 10,
}
DOMAINS = ("fernhill.example", "brightwater.example", "harbour-books.example")


class Zone:
    """Answers what a table says; of all else it knows that there is nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self._lines: list[RR] = []
        self._server = DNSServer(self, address=HOST, port=self.port, handler=DNSHandler, logger=_Silence())

    def publish(self, lines: str) -> None:
        self._lines += RR.fromZone(lines)

    def resolve(self, request: DNSRecord, _handler: DNSHandler) -> DNSRecord:
        """dnslib's hook."""
        question = request.q
        reply: DNSRecord = request.reply()
        reply.add_answer(*(line for line in self._lines if line.rname == question.qname and line.rtype == question.qtype))
        return reply

    def __enter__(self) -> "Zone":
        self._server.start_thread()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._server.server.server_close()


class Site:
    """Running and full. `url` is where the console is."""

    def __init__(self, stack: Stack, zone: Zone) -> None:
        self.stack = stack
        self.zone = zone
        self.url = f"http://localhost:{stack.ports.api}"
        self.api = httpx.Client(
            base_url=f"{self.url}/v1",
            headers={"Authorization": f"Bearer {stack.demo.admin_token}"},
            timeout=30,
            trust_env=False,
        )
        self.ids: dict[str, int] = {}
        self.profile: StorageState | None = None  # of the operator's browser, once they have signed in
        self.queued = ""  # the id of a message that waits to leave
        self.webhook = ""  # the id of one of many events

    def furnish(self) -> None:
        """Domains with their DNS, accounts, mail."""
        for domain in DOMAINS:
            self._post("/domains", {"name": domain})
        for address, quota in ACCOUNTS.items():
            body = {"address": address, "password": PASSWORD, "quota_bytes": quota * GIB}
            self.ids[address] = self._post("/accounts", body)["id"]
        self.api.put(f"/accounts/{self.ids[OPERATOR]}/role", json={"role": "operator"}).raise_for_status()
        self._post("/domains/fernhill.example/signing-keys", {"selector": "s2026", "algorithm": "ed25519-sha256"})
        self.api.patch("/domains/fernhill.example/signing-keys/s2026", json={"state": "active"}).raise_for_status()
        self._publish("fernhill.example", {"_smtp._tls", "autodiscover", "_pop3s._tcp"})
        hook: dict[str, object] = {"url": "https://hooks.fernhill.example/mail", "description": "The billing system"}
        self.webhook = str(self._post("/webhooks", hook)["id"])
        self.submit(OWNER, PASSWORD, "secretary@orchard.example")
        self.queued = self.api.get("/queue").raise_for_status().json()["items"][0]["id"]
        self.send(OWNER, "Minutes of the spring meeting", "Dear all,\n\nhere is what we agreed on.\n")

    def send(self, recipient: str, subject: str, text: str) -> None:
        """As another host would."""
        message = EmailMessage()
        message["From"] = "Secretary <secretary@orchard.example>"
        message["To"] = recipient
        message["Subject"] = subject
        message.set_content(text)
        with smtplib.SMTP(HOST, self.stack.ports.smtp) as smtp:
            smtp.send_message(message)

    def submit(self, sender: str, password: str, *recipients: str) -> None:
        """As a mail program would. Raises smtplib.SMTPAuthenticationError."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, ", ".join(recipients), "Our offer for the new shelves"
        message.set_content("Please find our offer below.\n")
        with smtplib.SMTP(HOST, self.stack.ports.submission) as smtp:
            smtp.starttls(context=self.stack.client_context())
            smtp.login(sender, password)
            smtp.send_message(message)

    def empty_inbox(self, owner: str) -> None:
        """As a program does that leaves nothing on the server."""
        pop3 = poplib.POP3_SSL(HOST, self.stack.ports.pop3_tls, context=self.stack.client_context())
        pop3.user(owner)
        pop3.pass_(PASSWORD)
        for number in range(1, pop3.stat()[0] + 1):
            pop3.dele(number)
        pop3.quit()

    def _publish(self, domain: str, without: set[str]) -> None:
        """The records that the API asks for, but for those of some names."""
        for record in self.api.get(f"/domains/{domain}/dns", params={"check": False}).raise_for_status().json()["records"]:
            if record["name"].removesuffix(f".{domain}") not in without:
                value = f'"{record["value"]}"' if record["type"] == "TXT" else record["value"]
                self.zone.publish(f"{record['name']}. 60 IN {record['type']} {value}")

    def _post(self, path: str, body: dict[str, object]) -> dict[str, int]:
        made: dict[str, int] = self.api.post(path, json=body).raise_for_status().json()
        return made


def open_site(folder: Path, *, sound: bool = True) -> Iterator[Site]:
    """When it is left, its services have met nothing unforeseen, and with `sound` its store is proved to be so."""
    with ExitStack() as ending:
        zone = ending.enter_context(Zone())
        settings = {
            "MAILSTEAD_DRAIN_SECONDS": "2",
            "MAILSTEAD_DNS_SERVERS": HOST,
            "MAILSTEAD_DNS_PORT": str(zone.port),
            "MAILSTEAD_API_MAIL_HOST": MAIL_HOST,
            "MAILSTEAD_API_WEB_HOST": MAIL_HOST,
        }
        stack = Stack(folder, settings)
        ending.callback(stack.stop_all)
        stack.start_all(SERVICES)
        site = Site(stack, zone)
        ending.callback(site.api.close)
        site.furnish()
        yield site
        assert stack.surprises() == []
        assert not sound or asyncio.run(stack.violations()) == []


class _Silence:
    """dnslib's logger, which says nothing."""

    def __getattr__(self, _name: str) -> object:
        return lambda *_: None
