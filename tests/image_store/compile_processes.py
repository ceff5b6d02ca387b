"""The compile processes of this test session."""

from pathlib import Path


def compile_processes() -> list[int]:
    """Process ids of those that are children of this process."""
    return [int(pid) for pid in _children() if b"image_store.compile_process" in _command(pid)]


def _children() -> list[str]:
    found: list[str] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += (task / "children").read_text().split()
        except FileNotFoundError:
            continue
    return found


def _command(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
