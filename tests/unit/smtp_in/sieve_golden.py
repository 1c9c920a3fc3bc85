"""Scripts as text, what they are given, and what is expected of them: `tests/golden/sieve`.

A file is messages and cases:

    --- message NAME      for all cases of the file, or within a case for that case
    === title             a case; its script follows
    --- given             lines `name: value`: sender, recipient, mailboxes, redirected, seen (all)
    --- plan of NAME      what becomes of that message, a line for each thing
    --- error             instead: why the script is none
    --- remarks           what there is to remark

Lines become CRLF. A `#` before the first block or case begins a comment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mailstead.wire.message import parse_message
from mailstead.wire.sieve import Script
from smtp_in.sieve.message import Content
from smtp_in.sieve.plan import Bounds, Occasion, Plan
from smtp_in.sieve.planner import make_plan

FOLDER = Path(__file__).parents[2] / "golden" / "sieve"
NOW = datetime(2007, 7, 7, 18, 30, 0, tzinfo=UTC)


class Everything(frozenset[bytes]):
    """Whatever is asked for is in it."""

    def __contains__(self, key: object) -> bool:
        return True


@dataclass
class Case:
    title: str
    script: str = ""
    messages: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    plans: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    remarks: str = ""

    def occasion(self) -> Occasion:
        return Occasion(
            now=NOW,
            sender=self.given.get("sender", "coyote@desert.example.org"),
            recipient=self.given.get("recipient", "roadrunner@acme.example.com"),
            addresses=("roadrunner@acme.example.com",),
            mailboxes=frozenset(name.strip() for name in self.given.get("mailboxes", "INBOX").split(",")),
            seen=Everything() if self.given.get("seen") == "all" else frozenset(),
            environment={"name": "Mailstead", "remote-ip": "192.0.2.7"},
            redirected="redirected" in self.given,
        )

    def plan(self, script: Script, name: str) -> str:
        content = Content(parse_message(self.messages[name].replace("\n", "\r\n").encode()))
        return render(make_plan(script, content, self.occasion(), Bounds()))


def cases() -> Iterator[Case]:
    """All cases of all files, each titled with its file."""
    for path in sorted(FOLDER.glob("*.txt")):
        yield from _cases(path)


def _cases(path: Path) -> Iterator[Case]:
    shared: dict[str, str] = {}
    case: Case | None = None
    for title, body in _blocks(path.read_text()):
        kind, _, rest = title.partition(" ")
        if kind == "===":
            if case is not None:
                yield case
            case = Case(f"{path.stem}: {rest}", body, dict(shared))
            continue
        match rest.split(" "):
            case ["message", name]:
                (shared if case is None else case.messages)[name] = body
            case ["given"] if case is not None:
                case.given = {
                    name.strip(): value.strip() for name, _, value in (line.partition(":") for line in body.splitlines())
                }
            case ["plan", "of", name] if case is not None:
                case.plans[name] = body.strip("\n")
            case ["error"] if case is not None:
                case.error = body.strip("\n")
            case ["remarks"] if case is not None:
                case.remarks = body.strip("\n")
            case _:
                raise ValueError(f"{path.name}: what is {title!r}?")
    if case is not None:
        yield case


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    title, lines = "", list[str]()
    for line in text.splitlines():
        if line.startswith(("=== ", "--- ")):
            if title:
                yield title, _body(title, lines)
            title, lines = line, []
        else:
            lines.append(line)
    yield title, _body(title, lines)


def _body(title: str, lines: list[str]) -> str:
    while lines and not lines[-1] and not title.startswith("--- message"):
        lines.pop()
    return "".join(f"{line}\n" for line in lines)


def render(plan: Plan) -> str:
    """A plan as the files have it."""
    lines = []
    for filing in plan.filings:
        where = "keep by itself" if filing.mailbox is None else f'file into "{filing.mailbox}"'
        flags = f" with {' '.join(filing.flags)}" if filing.flags else ""
        lines.append(where + flags + (" (made if missing)" if filing.create else ""))
    lines += [f"redirect to {address}" for address in plan.redirects]
    if plan.refusal is not None:
        lines.append(f"{'ereject' if plan.refusal.protocol else 'reject'}: {_one_line(plan.refusal.reason)}")
    if plan.answer is not None:
        answer = plan.answer
        reason = _one_line(answer.reason.decode())
        lines.append(f'answer {answer.recipient} as {answer.sender}, "{answer.subject}": {reason}')
    if not lines:
        lines.append("nothing")
    lines += [f"remember{' again' if mark.renew else ''} for {mark.seconds} s" for mark in plan.marks]
    if plan.error is not None:
        lines.append(f"failed: {plan.error}")
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return text.replace("\r\n", "⏎")
