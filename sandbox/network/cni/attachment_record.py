"""Attachments on disk, so that a pod can be taken off its network by another server, and after the network's
description has changed.

    root/cni/<sandbox id>       stands from before the first plugin's ADD until after the last one's DEL
"""

import os
from pathlib import Path

from sandbox import records
from sandbox.network.cni.chain import CniAttachment
from sandbox.network.cni.invocation import Target
from sandbox.network.cni.network_config import NetworkConfig

_KIND = "cni"


class AttachmentRecords:
    """``root``: the server's lasting folder. Every call blocks."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / "cni"

    def open(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def save(self, attachment: CniAttachment) -> None:
        """Raises DiskFull."""
        fields = {
            "config": attachment.config._asdict(),
            "target": attachment.target._asdict(),
            "result": attachment.result,
        }
        records.write_record(str(self._folder / attachment.target.sandbox_id), _KIND, fields)

    def load(self, sandbox_id: str) -> CniAttachment | None:
        """None: not attached. Raises TornRecord."""
        path = str(self._folder / sandbox_id)
        try:
            fields = records.read_record(path, _KIND)
            return CniAttachment(NetworkConfig(**fields["config"]), Target(**fields["target"]), fields["result"])
        except FileNotFoundError:
            return None
        except (KeyError, TypeError) as error:
            raise records.TornRecord(f"{path} lacks what an attachment has: {error}") from error

    def remove(self, sandbox_id: str) -> None:
        (self._folder / sandbox_id).unlink(missing_ok=True)

    def set_aside(self, sandbox_id: str) -> str:
        """Where it is now."""
        return records.set_aside(str(self._folder / sandbox_id), str(self._root / "set-aside"))

    def all(self) -> set[str]:
        """The sandboxes that are attached, or half so."""
        names = os.listdir(self._folder) if self._folder.is_dir() else []
        return {name for name in names if not name.endswith(".new")}
