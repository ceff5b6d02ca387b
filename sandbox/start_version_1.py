"""A container's spec as pod processes of version 1 understand it, who make its root by themselves."""

from typing import Any

from sandbox.errors import StartFailure
from sandbox.records import read_record, write_record

_OF_MOUNTS = ("source", "target", "readonly", "propagate")
_NEEDED = ("masked_paths", "readonly_paths")


def rewrite(spec_path: str) -> None:
    """Devices are left out, for no container of theirs had any. Blocking. Raises StartFailure for what they cannot
    give, DiskFull."""
    fields = read_record(spec_path, "guest")
    mounts = [mount for mount in fields["mounts"] if not mount.get("device")]
    if any(fields.get(name) for name in _NEEDED) or any(mount.get("recursive") for mount in mounts):
        raise StartFailure(
            f"container {fields['container_id']} asks for more than the pod process of an earlier wasmlet can give: "
            "make its pod anew"
        )
    write_record(spec_path, "guest", {**fields, "mounts": [_known(mount) for mount in mounts]})


def _known(mount: dict[str, Any]) -> dict[str, Any]:
    return {name: mount[name] for name in _OF_MOUNTS}
