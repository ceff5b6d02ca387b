"""Which of an index's manifests this machine runs.

First WebAssembly (``wasi`` or ``wasip1`` and the like on ``wasm``, then the older ``wasm32``, then ``linux/wasm``),
then this machine's own Linux, whose images may hold WebAssembly among their files, then the only one there is.
"""

import platform

from image_store.errors import UnsupportedImage
from image_store.manifest import Descriptor, Index, Platform

_ATTESTATION = "vnd.docker.reference.type"
_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm", "ppc64le": "ppc64le"}


def host_architecture() -> str:
    """As images name it."""
    machine = platform.machine()
    return _GO_NAMES.get(machine, machine)


def choose(name: str, index: Index, architecture: str) -> Descriptor:
    """``name``: of the image, for errors; ``architecture``: of this machine. Raises UnsupportedImage."""
    offered = [item for item in index.manifests if not _is_attestation(item)]
    ranked = [(rank, item) for item in offered if (rank := _rank(item.platform, architecture)) is not None]
    if ranked:
        return min(ranked, key=lambda pair: pair[0])[1]
    if len(offered) == 1:
        return offered[0]
    platforms = ", ".join(str(item.platform or Platform()) for item in offered) or "no platform"
    raise UnsupportedImage(f"image {name} is for {platforms}: build it for wasi/wasm")


def _rank(offered: Platform | None, architecture: str) -> int | None:
    """Smaller is better, None is unfit. Of equals the first is taken."""
    if offered is None:
        return None
    if offered.architecture.startswith("wasm"):
        return (0 if offered.os.startswith("wasi") else 2) + (offered.architecture != "wasm")
    if offered.os.startswith("wasi"):
        return 4
    return 5 if (offered.os, offered.architecture) == ("linux", architecture) else None


def _is_attestation(item: Descriptor) -> bool:
    """Builders put their signed statements beside the images."""
    return _ATTESTATION in item.annotations
