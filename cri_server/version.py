"""Versions that clients ask for."""

from importlib.metadata import PackageNotFoundError, version

RUNTIME_NAME = "wasmlet"
KUBELET_API_VERSION = "0.1.0"
"""CRI: the kubelet accepts this and nothing else."""
RUNTIME_API_VERSION = "v1"


def wasmlet_version() -> str:
    """A semantic version: the kubelet parses it."""
    return _version_of("wasmlet") or "0.0.0"


def engine_version() -> str:
    return _version_of("wasmtime")


def _version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
