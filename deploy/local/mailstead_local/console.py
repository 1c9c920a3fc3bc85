"""What the person at the keyboard sees: each step as it is done and how long it took, then where everything listens."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from mailstead_local.demo import Demo
from mailstead_local.ports import HOST, Ports
from mailstead_local.system import System

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, then that it is done."""
    started = time.monotonic()
    with out.status(f"{what} …"):
        yield
    out.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - started:.1f} s[/dim]")


def show(system: System, demo: Demo) -> None:
    """Where what listens, and what to enter in a mail client."""
    out.print()
    out.print(_listeners(system.ports))
    out.print(_client(system.ports, demo))
    console = f"http://localhost:{system.ports.api}/"
    out.print(f"\nWeb console: [bold]{console}[/bold]   sign in as {demo.alice.user} (operator) or {demo.bob.user}")
    out.print(f"Data, logs and secrets: [bold]{system.folder.path}[/bold] (demo.env: the secrets above, for a shell)")
    out.print("[bold]Ctrl-C[/bold] drains and stops everything; the next start finds the same mail.")


def _listeners(ports: Ports) -> Table:
    table = Table(title="What listens where", title_justify="left", title_style="bold")
    table.add_column("Service")
    table.add_column("Address", no_wrap=True)
    table.add_column("Security")
    table.add_column("Probes, /metrics", style="dim", no_wrap=True)

    def row(service: str, port: int, security: str, observe: int) -> None:
        table.add_row(service, f"{HOST}:{port}", security, f"{HOST}:{observe}")

    row("SMTP from other hosts", ports.smtp, "STARTTLS", ports.observe_smtp_in)
    row("Submission", ports.submission, "STARTTLS, log-in", ports.observe_smtp_in)
    row("Submission", ports.submission_tls, "TLS, log-in", ports.observe_smtp_in)
    row("Sieve scripts (ManageSieve)", ports.managesieve, "STARTTLS, log-in", ports.observe_smtp_in)
    row("IMAP", ports.imap, "STARTTLS", ports.observe_imap)
    row("IMAP", ports.imap_tls, "TLS", ports.observe_imap)
    row("POP3", ports.pop3, "STARTTLS", ports.observe_pop3)
    row("POP3", ports.pop3_tls, "TLS", ports.observe_pop3)
    row("REST API", ports.api, "HTTP, bearer token", ports.observe_api)
    table.add_row("Delivery", "[dim]sends only[/dim]", "", f"{HOST}:{ports.observe_delivery}")
    table.add_row("Background jobs", "[dim]none[/dim]", "", f"{HOST}:{ports.observe_jobs}")
    return table


def _client(ports: Ports, demo: Demo) -> Table:
    table = Table(title="\nPoint a mail client at it", title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="dim")
    table.add_column()
    table.add_row("Incoming", f"IMAP, server localhost, port {ports.imap_tls}, TLS   (or POP3, port {ports.pop3_tls}, TLS)")
    table.add_row("Outgoing", f"SMTP, server localhost, port {ports.submission_tls}, TLS, log-in with the same name")
    for person in (demo.alice, demo.bob):
        table.add_row("User and password", f"{person.user}   {person.password}")
    table.add_row("Authority to trust", demo.ca_file)
    table.add_row("API token", demo.admin_token)
    return table
