"""A file system of its own, so small that it can be filled."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.prerequisites import require_root, require_tool


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mounted at ``folder``, which is made; ``size`` in bytes. Skips the test where it cannot be."""
    require_root()
    mount, unmount = require_tool("mount"), require_tool("umount")
    folder.mkdir()
    subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "wasmlet-test", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run([unmount, folder], check=True)
