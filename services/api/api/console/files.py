"""The files of the console in memory, read once: what they are, and one name for all of them together."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PLACE = b"{assets}"  # in the page: where its files are
_MODULES = b"{modules}"  # and which of them it asks for at once, not one after the other as they name each other


@dataclass(frozen=True)
class Asset:
    """One file."""

    media_type: str
    octets: bytes

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.octets, mtime=0)

    @cached_property
    def etag(self) -> str:
        """A weak one: packed or not, it is the same."""
        return f'W/"{hashlib.sha256(self.octets).hexdigest()[:32]}"'

    def naming(self, place: str, names: Iterable[str]) -> "Asset":
        """The same, with `place` wherever it says where files are, and a link for each module among `names`."""
        links = [f'<link rel="modulepreload" href="{place}/{name}">' for name in sorted(names) if name.endswith(".js")]
        octets = self.octets.replace(_PLACE, place.encode()).replace(_MODULES, "\n    ".join(links).encode())
        return Asset(self.media_type, octets)


def read_assets() -> dict[str, Asset]:
    """By name, as `pages/queue.js`."""
    return dict(_read(files("api.console") / "assets", ""))


def version_of(assets: Mapping[str, Asset]) -> str:
    """Another one when any file is another."""
    digest = hashlib.sha256()
    for name, asset in sorted(assets.items()):
        digest.update(f"{name}\0{len(asset.octets)}\0".encode() + asset.octets)
    return digest.hexdigest()[:16]


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, Asset]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        elif (media_type := MEDIA_TYPES.get(entry.name.rpartition(".")[2])) is not None:
            yield prefix + entry.name, Asset(media_type, entry.read_bytes())
