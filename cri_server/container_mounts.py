"""The mounts of a container: those it asks for, and the pod's files below /etc where none of them covers these."""

import os
from collections.abc import Iterable

from cri_server import etc_files
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from sandbox.specs import MountSpec


def resolved(config: cri.ContainerConfig) -> list[MountSpec]:
    """The mounts asked for, symlinks of the host followed, missing host paths made. Raises InvalidRequest."""
    return [_resolved(mount, config.metadata.name) for mount in config.mounts]


def _resolved(mount: cri.Mount, container: str) -> MountSpec:
    return MountSpec(
        source=_source(mount, container),
        target=_normal(mount.container_path),
        readonly=mount.readonly,
        propagate=mount.propagation != cri.PROPAGATION_PRIVATE,
    )


def _normal(path: str) -> str:
    return "/" + os.path.normpath(path).lstrip("/")


def _source(mount: cri.Mount, container: str) -> str:
    """CRI says that a missing host path is an error, but users rely on what the other runtimes do: make a directory."""
    path = os.path.realpath(mount.host_path)
    try:
        if not os.path.exists(path):
            os.makedirs(path, 0o755, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(
            f"host path {mount.host_path} of container {container} does not exist and cannot be made: "
            f"{error.strerror}; make it"
        ) from error
    return path


def etc_mounts(folder: str, mounts: Iterable[MountSpec], readonly: bool) -> list[MountSpec]:
    """``folder``: where the pod's files are. A mount at the file or above it is left alone: it may be a directory of
    the host."""
    covered = {mount.target for mount in mounts}
    return [
        MountSpec(os.path.join(folder, name), f"/etc/{name}", readonly, propagate=False)
        for name in etc_files.ALL
        if not covered & {f"/etc/{name}", "/etc"}
    ]
