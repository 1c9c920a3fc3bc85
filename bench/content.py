"""How fast message content is taken in after DATA and BDAT (`smtp_in.content.Collector`), on one core, without a socket.

.venv/bin/python bench/content.py
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from smtp_in.content import Budget, Collector, ContentLimits

SIZE = 100 * 1024 * 1024  # octets of the message
BLOCK = 256 * 1024  # octets, as much as one read of the socket may bring
LIMITS = ContentLimits(message=2 * SIZE)
LINES = {
    "text": b"A line of text as people write them, neither long nor short.\r\n",
    "base64": b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n",
    "dots": b"..each line begins with a dot that was doubled on its way\r\n",
}


Take = Callable[[list[bytes]], Iterator[None]]  # yields after each block


def data(blocks: list[bytes]) -> Iterator[None]:
    """As after DATA: dots removed, the end found."""
    collector = Collector(LIMITS, Budget(2 * SIZE))
    for block in blocks:
        collector.feed(block)
        yield
    assert collector.feed(b".\r\n") == b"" and collector.fault is None
    collector.take()


def chunks(blocks: list[bytes]) -> Iterator[None]:
    """As after BDAT."""
    collector = Collector(LIMITS, Budget(2 * SIZE), chunked=True)
    for block in blocks:
        collector.feed_chunk(block)
        yield
    collector.end_chunks()
    assert collector.fault is None
    collector.take()


def main() -> None:
    """Print the fastest of three for each kind of line, its longest hold of the event loop, and its memory."""
    table = Table("command", "lines", "MB/s", "longest block, ms", "memory / size")
    commands: dict[str, Take] = {"DATA": data, "BDAT": chunks}
    for command, take in commands.items():
        for kind, line in LINES.items():
            content = line * (SIZE // len(line))
            blocks = [content[at : at + BLOCK] for at in range(0, len(content), BLOCK)]
            seconds, longest = min(_timed(take, blocks) for _ in range(3))
            rate, peak = len(content) / seconds / 1e6, _peak(take, blocks) / len(content)
            table.add_row(command, kind, f"{rate:.0f}", f"{longest * 1_000:.1f}", f"{peak:.2f}")
    Console().print(table)


def _timed(take: Take, blocks: list[bytes]) -> tuple[float, float]:
    """Seconds in all, and of the longest block."""
    started = before = time.perf_counter()
    longest = 0.0
    for _ in take(blocks):
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    return time.perf_counter() - started, longest


def _peak(take: Take, blocks: list[bytes]) -> int:
    """Octets of memory at their highest; the blocks themselves not counted."""
    tracemalloc.start()
    for _ in take(blocks):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()
