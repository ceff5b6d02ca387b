"""ImageFsInfo: how much the images take. The store measures in the background; this never waits."""

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
    return cri.ImageFsInfoResponse(image_filesystems=[filesystem])
