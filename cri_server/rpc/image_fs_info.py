"""ImageFsInfo: how much the images and the writable layers take. Both are measured in the background; this never
waits."""

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
    return cri.ImageFsInfoResponse(image_filesystems=[filesystem], container_filesystems=[_layers(runtime)])


def _layers(runtime: Runtime) -> cri.FilesystemUsage:
    layers = runtime.usage_sampler.layers()
    return cri.FilesystemUsage(
        timestamp=runtime.clock.now(),
        fs_id=cri.FilesystemIdentifier(mountpoint=runtime.paths.pods),
        used_bytes=cri.UInt64Value(value=sum(layer.used_bytes for layer in layers)),
        inodes_used=cri.UInt64Value(value=sum(layer.inodes_used for layer in layers)),
    )
