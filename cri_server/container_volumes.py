"""Images that a container mounts: found, held while it exists, and made into a folder.

CRI: an error that begins with ``ImageVolumeMountFailed`` is counted by the kubelet.
"""

import os
from typing import NamedTuple

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest, UnknownObject
from cri_server.runtime import Runtime
from image_store.image_files import ImageFiles, below

_FAILED = "ImageVolumeMountFailed"


class Volume(NamedTuple):
    """One image that is mounted."""

    subject: str
    """For errors."""
    image_id: str
    files: ImageFiles

    def source(self, sub_path: str, folder: str) -> str:
        """What is to be mounted. An artifact becomes a folder below ``folder`` with its file in it. Raises
        InvalidRequest."""
        if self.files.file_name:
            return self._of_artifact(sub_path, folder)
        found = below(self.files, sub_path)
        if found is None:
            raise self._without(sub_path)
        return str(found)

    def _of_artifact(self, sub_path: str, folder: str) -> str:
        name = self.files.file_name
        inside = os.path.normpath("/" + sub_path).lstrip("/")
        if inside not in ("", name):
            raise self._without(sub_path)
        place = os.path.join(folder, "volumes", self.files.resource.name)
        os.makedirs(place, 0o755, exist_ok=True)
        path = os.path.join(place, name)
        if not os.path.lexists(path):
            os.link(self.files.path, path)
            os.chmod(path, 0o444)
        return path if inside else place

    def _without(self, sub_path: str) -> InvalidRequest:
        return InvalidRequest(f"{_FAILED}: {self.subject} has no {sub_path!r}: name a path that is in the image")


def find(runtime: Runtime, config: cri.ContainerConfig) -> list[Volume]:
    """Those of ``config``, in its order; the mounts are told the ids of their images. Raises UnknownObject,
    InvalidReference."""
    return [_find(runtime, mount, config.metadata.name) for mount in config.mounts if mount.image.image]


def _find(runtime: Runtime, mount: cri.Mount, container: str) -> Volume:
    """CRI: the kubelet has pulled it; the image_ref of a mount that is shown is the image's id."""
    subject = f"image {mount.image.image} at {mount.container_path!r} of container {container}"
    image = runtime.images.get(mount.image.image)
    files = runtime.images.files(image) if image is not None else None
    if image is None or files is None:
        raise UnknownObject(f"{_FAILED}: {subject} is not on this node: pull it first")
    mount.image.image_ref = image.id
    return Volume(subject, image.id, files)


def hold(runtime: Runtime, volumes: list[Volume], container_id: str) -> None:
    """Raises UnknownObject for what was removed since it was found."""
    for volume in volumes:
        if runtime.images.get(volume.image_id) is None:
            raise UnknownObject(f"{_FAILED}: {volume.subject} was removed while the container was made")
        runtime.images.hold_files(container_id, volume.files.resource)
