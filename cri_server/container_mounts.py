"""The mounts of a container: those it asks for, the devices that every program expects, and the pod's files below /etc
where none of them covers these."""

import os
from collections.abc import Iterable, Sequence

from cri_server import etc_files, process_status
from cri_server.container_volumes import Volume
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from image_store.contained_path import resolve
from sandbox.specs import MountSpec

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_NETWORK = "/proc/net"


def resolved(config: cri.ContainerConfig, volumes: Sequence[Volume], folder: str) -> list[MountSpec]:
    """The mounts asked for, symlinks of the host followed, missing host paths made.

    ``volumes``: the images among them, in their order. ``folder``: of the container, for what has to be made.
    Raises InvalidRequest.
    """
    images = iter(volumes)
    return [
        _of_image(mount, next(images), folder) if mount.image.image else _of_host(mount, config.metadata.name)
        for mount in config.mounts
    ]


def _of_host(mount: cri.Mount, container: str) -> MountSpec:
    return MountSpec(
        source=_source(mount, container),
        target=_normal(mount.container_path),
        readonly=mount.readonly,
        propagate=mount.propagation != cri.PROPAGATION_PRIVATE,
        recursive=mount.recursive_read_only,
    )


def _of_image(mount: cri.Mount, volume: Volume, folder: str) -> MountSpec:
    return MountSpec(
        source=volume.source(mount.image_sub_path, folder),
        target=_normal(mount.container_path),
        readonly=True,
        propagate=False,
        recursive=mount.recursive_read_only,
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


def etc_mounts(folder: str, mounts: Iterable[MountSpec]) -> list[MountSpec]:
    """``folder``: where the pod's files are. Read-only: all containers of the pod have the same, and they lie in the
    node's memory, which none may fill. A mount at the file or above it is left alone: it may be a directory of the
    host."""
    files = {f"/etc/{name}": os.path.join(folder, name) for name in etc_files.ALL}
    uncovered = _uncovered(files, mounts, "/etc")
    return [MountSpec(files[target], target, readonly=True, propagate=False) for target in uncovered]


def device_mounts(mounts: Iterable[MountSpec]) -> list[MountSpec]:
    """The host's nodes that are no way to anything. A mount of the container's own at one of them or at /dev wins."""
    return [
        MountSpec(path, path, readonly=True, propagate=False, device=True)
        for path in _uncovered(_DEVICES, mounts, "/dev")
    ]


def status_mounts(folder: str, mounts: Iterable[MountSpec]) -> list[MountSpec]:
    """``folder``: of the container. A mount of the container's own at the file or above it wins."""
    target = process_status.TARGET
    covering = {target, "/proc/self", "/proc"}
    covered = any(mount.target in covering for mount in mounts)
    return [] if covered else [MountSpec(process_status.source(folder), target, readonly=True, propagate=False)]


def socket_mounts(pod: int, mounts: Iterable[MountSpec]) -> list[MountSpec]:
    """The kernel's tables of the network that process ``pod`` is in. A mount of the container's own at their folder or
    above it wins."""
    covered = any(mount.target in (_NETWORK, "/proc") for mount in mounts)
    return [] if covered else [MountSpec(f"/proc/{pod}/net", _NETWORK, readonly=True, propagate=False)]


def _uncovered(paths: Iterable[str], mounts: Iterable[MountSpec], folder: str) -> list[str]:
    covered = {mount.target for mount in mounts}
    return [path for path in paths if path not in covered] if folder not in covered else []


def present(paths: Iterable[str], rootfs: str, made: Iterable[str]) -> list[str]:
    """Those that the container may have when it starts: the image has something there, or what is ``made`` for it is
    there, above or below. What the kubelet masks for every container, below /proc and /sys, costs its start nothing."""
    known = [*made]
    return [path for path in map(_normal, paths) if _is_near(path, known) or (rootfs and _has(rootfs, path))]


def _is_near(path: str, others: Iterable[str]) -> bool:
    return any(path == other or _is_below(path, other) or _is_below(other, path) for other in others)


def _is_below(path: str, other: str) -> bool:
    return path.startswith(other.rstrip("/") + "/") and other != "/"


def _has(rootfs: str, path: str) -> bool:
    """A link may lead to what is made."""
    try:
        found = resolve(rootfs, path)
    except OSError:
        return True
    return found != rootfs + path or os.path.lexists(found)
