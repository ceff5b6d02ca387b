"""ImageFsInfo: how much the images and the writable layers take. Both are measured in the background; this never
waits."""

import os

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.runtime import Runtime


async def image_fs_info(runtime: Runtime, request: cri.ImageFsInfoRequest) -> cri.ImageFsInfoResponse:
    usage = runtime.images.usage()
    filesystem = cri.FilesystemUsage(
        timestamp=usage.timestamp_ns,
        fs_id=cri.FilesystemIdentifier(mountpoint=str(usage.mountpoint)),
        used_bytes=cri.UInt64Value(value=usage.used_bytes),
        inodes_used=cri.UInt64Value(value=usage.inodes_used),
    )
    return cri.ImageFsInfoResponse(image_filesystems=[filesystem], container_filesystems=[_layers(runtime, filesystem)])


def _layers(runtime: Runtime, images: cri.FilesystemUsage) -> cri.FilesystemUsage:
    """The kubelet takes two names for two disks, and then frees each of them in its own way."""
    layers, images_folder = runtime.usage_sampler.layers(), images.fs_id.mountpoint
    is_shared = os.stat(images_folder).st_dev == os.stat(runtime.paths.pods).st_dev
    return cri.FilesystemUsage(
        timestamp=runtime.clock.now(),
        fs_id=cri.FilesystemIdentifier(mountpoint=images_folder if is_shared else runtime.paths.pods),
        used_bytes=cri.UInt64Value(value=sum(layer.used_bytes for layer in layers)),
        inodes_used=cri.UInt64Value(value=sum(layer.inodes_used for layer in layers)),
    )
