"""What the store is told by the configuration."""

from dataclasses import dataclass
from pathlib import Path

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class StoreSettings:
    max_layer_bytes: int = 2048 * _MEBIBYTE
    """Of a layer, as it is sent and as it is unpacked."""
    max_layer_entries: int = 500_000
    """Files, directories and links of a layer."""
    max_module_bytes: int = 256 * _MEBIBYTE
    plain_http: tuple[str, ...] = ()
    """Registries spoken to without TLS, as ``host`` or ``host:port``. Loopback addresses always are."""
    registry_config: Path | None = None
    """Folder that says where images of a registry are pulled from (``hosts_folder``)."""
    pull_progress_seconds: float = 300
    """A pull that receives nothing for so long is given up."""
    concurrent_pulls: int = 3
    """How many blobs of an image are downloaded at the same time."""
    registry_attempts: int = 5
    """How often a request is sent to a registry that is in trouble."""
    registry_backoff_seconds: float = 0.5
    """Before the second attempt; twice as long before each further one."""
    pinned: tuple[str, ...] = ()
    """References of images that the kubelet must not collect as garbage."""
    compile_seconds: float = 120
    """Of one compilation, on the wall clock."""
    compile_memory_bytes: int = 2048 * _MEBIBYTE
    """Of one compilation, beyond what the compile process takes for itself."""
    parallel_compilations: int = 1
    compiled_at_pull: int = 8
    """Programs of an image of files that are compiled when it is pulled; the others are when they are first used."""
    usage_seconds: float = 10
    """Between two measurements of what the images take."""
