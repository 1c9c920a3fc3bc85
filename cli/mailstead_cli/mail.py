"""`mailstead mail`: all mail of an account as a file, and mail from files into an account."""

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeElapsedColumn, TransferSpeedColumn

from mailstead_cli.accounts import Address, found_account
from mailstead_cli.api_client import DEFAULT_URL, PIECE, Api, ApiFailure, AsJson, Token, Url
from mailstead_cli.output import print_json

app = typer.Typer(no_args_is_help=True, help="Mail as files: tar archives of Maildirs, and mbox.")

TAR, MBOX = "application/x-tar", "application/mbox"


@app.command("export")
def export_mail(
    address: Address,
    file: Annotated[Path, typer.Argument(help="The file to write", dir_okay=False)],
    token: Token,
    mailbox: Annotated[str | None, typer.Option(help="This mailbox only, as mbox")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """All mail of an account, byte for byte, as a tar archive of Maildirs; or one mailbox as mbox."""
    api = Api(url, token)
    account = found_account(api, address)
    path, total = f"/v1/accounts/{account['id']}/export", account["used_bytes"]
    if mailbox is not None:
        boxes = api.every(f"/v1/accounts/{account['id']}/mailboxes")
        found = next((box for box in boxes if box["name"] == mailbox), None)
        if found is None:
            raise ApiFailure(f"{address} has no mailbox {mailbox}")
        path, total = f"/v1/accounts/{account['id']}/mailboxes/{found['id']}/export", found["used_bytes"]
    part = file.with_name(f"{file.name}.part")  # what has the name of `file` is whole
    try:
        with part.open("wb") as out, _progress(total) as advance:
            for piece in api.fetch(path):
                out.write(piece)
                advance(len(piece))
        part.replace(file)
    except OSError as error:
        raise ApiFailure(f"cannot write {file}: {error.strerror}") from error
    typer.echo(f"{file} is written: {file.stat().st_size} octets")


@app.command("import")
def import_mail(
    address: Address,
    source: Annotated[Path, typer.Argument(help="A tar archive of Maildirs, a Maildir, or an mbox", exists=True)],
    token: Token,
    into: Annotated[str | None, typer.Option(help="The mailbox of an mbox, or above those of Maildirs")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """File mail into an account; what is there already is passed over. What is refused is listed; then the exit status is 1."""
    api = Api(url, token)
    query = f"?{urlencode({'into': into})}" if into else ""
    path = f"/v1/accounts/{found_account(api, address)['id']}/mail-imports{query}"
    is_tar = source.is_dir() or tarfile.is_tarfile(source)
    pieces, total = (_of_folder(source), _size_of(source)) if source.is_dir() else (_of_file(source), source.stat().st_size)
    with _progress(total) as advance:
        done = api.send(path, _counted(pieces, advance), TAR if is_tar else MBOX)
    if as_json:
        print_json(done)
    else:
        for item in done["refused"]:
            typer.secho(f"{item['name']}: {item['detail']}", fg="red", err=True)
        for name in done["made_mailboxes"]:
            typer.echo(f"made {name}")
        typer.echo(f"{done['filed_count']} messages filed, {done['present_count']} were there, {done['refused_count']} refused")
    raise typer.Exit(bool(done["refused_count"]))


def _of_file(file: Path) -> Iterator[bytes]:
    with file.open("rb") as octets:
        while piece := octets.read(PIECE):
            yield piece


def _of_folder(folder: Path) -> Iterator[bytes]:
    """A Maildir and those below it, packed while they are sent."""
    for file in _messages_in(folder):
        octets = file.read_bytes()
        info = tarfile.TarInfo(str(file.relative_to(folder)))
        info.size, info.mtime = len(octets), int(file.stat().st_mtime)
        yield info.tobuf(tarfile.PAX_FORMAT)
        yield octets
        yield b"\0" * (-len(octets) % tarfile.BLOCKSIZE)
    yield b"\0" * 2 * tarfile.BLOCKSIZE


def _messages_in(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.parent.name in ("cur", "new") and file.is_file())


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in _messages_in(folder))


def _counted(pieces: Iterator[bytes], advance: Callable[[int], None]) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        advance(len(piece))


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, of `total` octets more or less; yields what is told of each step."""
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda octets: progress.update(task, advance=octets)
