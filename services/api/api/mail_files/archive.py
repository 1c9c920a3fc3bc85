"""tar archives (POSIX.1-2001) as streams: written member by member, and read in a thread while their octets still come in."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mailstead.model.failure import Failure, Refused

END = b"\0" * (2 * tarfile.BLOCKSIZE)  # of an archive
MAX_HEAD = 1024 * 1024  # octets of what stands before a file, and of what is read ahead


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive. `octets` is None for one that is larger than asked for."""

    path: str
    size: int
    seconds: float  # since 1970
    pax: dict[str, str]
    octets: bytes | None


def head_of(path: str, size: int, seconds: int, pax: dict[str, str]) -> bytes:
    """What stands before the octets of a file."""
    info = tarfile.TarInfo(path)
    info.size, info.mtime, info.mode, info.pax_headers = size, seconds, 0o600, pax
    return info.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


def padding_of(size: int) -> bytes:
    """What stands behind them."""
    return b"\0" * (-size % tarfile.BLOCKSIZE)


async def members(octets: AsyncIterator[bytes], most: int) -> AsyncIterator[Member]:
    """Each file, those of more than `most` octets without what is in them. Raises Refused(CONFLICT) for what is no archive."""
    reader = _Reader(_Body(octets, asyncio.get_running_loop()), most)
    try:
        while (member := await asyncio.to_thread(reader.next)) is not None:
            yield member
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise Refused(Failure.CONFLICT, f"no tar archive: {type(error).__name__}") from error


class _Body(io.RawIOBase):
    """A request's body, as tarfile reads it: in a thread, which waits for the loop to bring more."""

    def __init__(self, octets: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._octets = octets
        self._loop = loop
        self._rest = b""
        self.left = 0  # octets that may still be read

    def read(self, size: int = -1, /) -> bytes:
        while len(self._rest) < size:
            piece = asyncio.run_coroutine_threadsafe(self._more(), self._loop).result()
            if piece is None:
                break
            self._rest += piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        self.left -= len(taken)
        if self.left < 0:
            raise tarfile.ReadError("a header is too long")
        return taken

    async def _more(self) -> bytes | None:
        return await anext(self._octets, None)


class _Reader:
    """Whatever an archive says of itself, no more of it is in memory than one member."""

    def __init__(self, body: _Body, most: int) -> None:
        self._body = body
        self._most = most
        self._archive: tarfile.TarFile | None = None
        self._skipped = 0  # octets of the last member that were not read

    def next(self) -> Member | None:
        """Raises tarfile's errors, ValueError and OverflowError."""
        while (info := self._head()) is not None:
            if not info.isreg():
                self._skipped = info.size
                continue
            return Member(info.name, info.size, float(info.mtime), dict(info.pax_headers), self._content(info))
        return None

    def _head(self) -> tarfile.TarInfo | None:
        self._body.left = self._skipped + MAX_HEAD
        if self._archive is None:
            # Nothing of it needs to be closed: the body is the request's.
            self._archive = tarfile.open(fileobj=self._body, mode="r|", bufsize=tarfile.RECORDSIZE)  # noqa: SIM115
        info = self._archive.next()
        vars(self._archive)["members"].clear()  # or it would remember all of them
        return info

    def _content(self, info: tarfile.TarInfo) -> bytes | None:
        if info.size > self._most:
            self._skipped = info.size
            return None
        self._skipped = 0
        self._body.left = info.size + MAX_HEAD
        assert self._archive is not None
        file = self._archive.extractfile(info)
        return file.read() if file is not None else b""
