"""Compiled components of wasmlet's own by which handlers of HTTP requests get bodies and make calls. Made when they are
first needed."""

from cri_server.runtime import Runtime
from sandbox.wasm import http_client_text, http_streams

_HOLDER = "components of HTTP"
"""As long as the server runs, as of a socket shim."""


async def http_components(runtime: Runtime) -> list[str]:
    """Their paths. Raises what the store says."""
    texts = [http_streams.OUTPUT_TEXT, http_streams.TEXT, http_client_text.text()]
    paths = [await runtime.images.runtime_module(text.encode(), "a component of HTTP", _HOLDER) for text in texts]
    return [str(path) for path in paths]
