"""The folder of log files: the kubelet makes it, other clients do not."""

import os

from sandbox.records import storage_error


def make(path: str) -> None:
    """Nothing happens without a path: then there is no log. Raises DiskFull, SandboxError."""
    try:
        if path:
            os.makedirs(path, 0o755, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error
