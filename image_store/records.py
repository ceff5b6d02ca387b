"""What the catalog keeps of an image."""

from collections.abc import Mapping
from typing import NamedTuple


class Layer(NamedTuple):
    digest: str
    """As the registry has it."""
    diff_id: str
    """Of the unpacked archive."""


class ProgramRecord(NamedTuple):
    digest: str
    used_at: int
    """When a container last took it, in nanoseconds since the epoch; 0: never."""


class ImageRecord(NamedTuple):
    id: str
    size: int
    raw_config: bytes
    annotations: Mapping[str, str]
    blobs: Mapping[str, int]
    """Digest and size of each."""
    layers: tuple[Layer, ...]
    """Lowest first; none for an artifact."""
    chain_id: str
    wasm: str
    """Digest of an artifact's WebAssembly, empty for an image of files."""
    program_name: str
    """Of an artifact's program."""
    references: frozenset[str]
    programs: Mapping[str, ProgramRecord]
    """By their path in the tree of layers; an artifact's is empty."""
