"""Compiled code of the shim by which modules of WASI preview 1 use listening sockets, and learn of read-only file
systems. Made when it is first needed.
"""

from functools import lru_cache

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime
from image_store.image import Program
from sandbox import control
from sandbox.wasm import preview1_shim

_HOLDER = "socket shim"
"""As long as the server runs: the next one makes it anew where nothing was kept."""
_DIFFERENT = 8
"""Shims in use: containers have the same few numbers of listening sockets."""
_NEVER_THERE = ("/proc/", "/sys/")
"""What the kubelet makes read-only for every container is below, where a guest has nothing."""


def needs_shim(program: Program, listeners: int, context: cri.LinuxContainerSecurityContext) -> bool:
    """It costs a guest some 0.1 MB: modules that could listen are large, and get it in any case. A start section cannot
    call WASI by it."""
    if program.kind != "module":
        return False
    is_partly_readonly = any(not path.startswith(_NEVER_THERE) for path in context.readonly_paths)
    is_readonly = context.readonly_rootfs or is_partly_readonly
    return bool(listeners) or (not program.begins_early and (program.accepts or program.asks_host or is_readonly))


async def socket_shim(runtime: Runtime, listeners: int, asks_host: bool, version: int = control.VERSION) -> list[str]:
    """Paths of the front and the back for so many listening sockets. ``version``: of the pod process. Raises what the
    store says."""
    texts = _texts(listeners, asks_host, asks_host and version >= control.MAKES_LINKS)
    return [str(await runtime.images.runtime_module(text, "the socket shim", _HOLDER)) for text in texts]


@lru_cache(_DIFFERENT)
def _texts(listeners: int, asks_host: bool, makes_links: bool) -> tuple[bytes, bytes]:
    return preview1_shim.front().encode(), preview1_shim.back(listeners, asks_host, makes_links).encode()
