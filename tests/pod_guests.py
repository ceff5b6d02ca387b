"""The processes below a pod process, as the host sees them."""

from contextlib import suppress
from pathlib import Path


def guests_of(pod: int) -> list[int]:
    """Those of its containers and of what is executed in them, in the order in which they were made."""
    return _children_named(pod, "wasmlet-guest")


def spares_of(pod: int) -> list[int]:
    """Those that wait for what is executed next."""
    return _children_named(pod, "wasmlet-spare")


def _children_named(pod: int, name: str) -> list[int]:
    children = Path(f"/proc/{pod}/task/{pod}/children").read_text().split()
    return [int(child) for child in children if _name(child) == name]


def _name(pid: str) -> str:
    """Empty of one that has gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
