"""What the server tells a compile process. Apart from that process's code, which loads wasmtime."""

from typing import NamedTuple


class Request(NamedTuple):
    source: str
    digest: str
    """Of the source."""
    is_text: bool
    """The source is WebAssembly's text form."""
    code_path: str
    facts_path: str
    memory_bytes: int
    """Of address space, beyond what the process has before it compiles."""
    cpu_seconds: int
    server: int
    """Process that waits for the answer."""
