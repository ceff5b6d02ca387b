"""What is damaged or foreign is moved out of the way, where someone can look at it. It never stops the start."""

import secrets
from pathlib import Path

import structlog

from image_store.disk import disk_errors

log = structlog.get_logger()


def set_aside(path: Path, root: Path, reason: str) -> None:
    """Move a file or folder of the store into ``root/set-aside``. One that is gone is no matter."""
    folder = root / "set-aside"
    target = folder / f"{path.name}.{secrets.token_hex(4)}"
    with disk_errors(f"{path.name}, which is to be set aside"):
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            path.rename(target)
        except FileNotFoundError:
            return
    log.warning("set aside what cannot be used", path=str(path), now=str(target), reason=reason)
