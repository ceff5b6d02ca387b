"""What a process has in its memory."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


def contents(pid: int) -> Iterator[bytes]:
    """Of each part that can be read, but for those that it has never touched and those that it gives back meanwhile."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in _touched(pid):
            with contextlib.suppress(OSError):
                memory.seek(start)
                yield memory.read(end - start)


def _touched(pid: int) -> Iterator[tuple[int, int]]:
    """What is kept for instances to come has gigabytes of addresses and no page."""
    span, pages = "", 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if name in ("Rss:", "Swap:"):
            pages += int(rest.split()[0])
        elif name == "VmFlags:" and pages and "rd" in rest.split():
            start, end = (int(address, 16) for address in span.split("-"))
            yield start, end
        elif not name.endswith(":"):
            span, pages = name, 0
