"""Compiled code of the shim by which modules of WASI preview 1 use listening sockets. Made when it is first needed."""

from cri_server.runtime import Runtime
from sandbox.wasm import preview1_shim

_HOLDER = "socket shim"
"""As long as the server runs: the next one makes it anew where nothing was kept."""


async def socket_shim(runtime: Runtime, listeners: int) -> list[str]:
    """Paths of the front and the back for so many listening sockets; none for none. Raises what the store says."""
    if not listeners:
        return []
    texts = [preview1_shim.front(), preview1_shim.back(listeners)]
    paths = [await runtime.images.runtime_module(text.encode(), "the socket shim", _HOLDER) for text in texts]
    return [str(path) for path in paths]
