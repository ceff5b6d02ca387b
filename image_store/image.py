"""Images and their programs, as the store hands them out: values that never change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["module", "component"]


@dataclass(frozen=True)
class ImageConfig:
    """What an image says of the containers made of it. An artifact says nothing."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    """``NAME=value`` items."""
    working_dir: str = ""
    user: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Image:
    id: str
    """``sha256:…`` of the config blob, or of the manifest where the config does not determine the content."""
    repo_tags: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size: int
    """Bytes of its blobs, as the registry has them."""
    config: ImageConfig
    raw_config: bytes
    annotations: Mapping[str, str]
    """Of the manifest."""
    rootfs: Path | None
    """The merged, read-only tree of its layers; None for an artifact, which has no files."""
    pinned: bool
    """The kubelet must not collect it as garbage."""
    chain_id: str
    """Names the stack of layers; empty for an artifact."""


@dataclass(frozen=True)
class Program:
    """WebAssembly of an image with its compiled code."""

    kind: Kind
    digest: str
    """``sha256:…`` of the WebAssembly."""
    source: Path
    compiled: Path
    name: str
    """What the program is called where the command does not say."""
    entry: str
    """Name of the exported function that runs: ``_start``, or what follows ``#`` in the command."""
    unmet_imports: tuple[str, ...]
    """Imports that nothing here provides, as a user would write them."""
    has_command_entry: bool
    """``entry`` is there (a component: it exports ``wasi:cli/run``)."""
    accepts: bool = False
    """A module of WASI preview 1 that uses listening sockets."""
    asks_host: bool = False
    """A module that imports functions of wasmlet's own."""
    opens_sockets: bool = False
    """A component that uses ``wasi:sockets``."""
    calls_http: bool = False
    """A component that makes HTTP calls by ``wasi:http``."""
    begins_early: bool = False
    """A module with a start section, which runs before its entry."""
    handles_http: bool = False
    """A component that answers HTTP requests, and is no command."""
