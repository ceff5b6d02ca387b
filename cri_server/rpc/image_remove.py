"""RemoveImage: the image with all its tags. Idempotent; containers that use it go on."""

import structlog

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.rpc.image_status import named_image
from cri_server.runtime import Runtime

log = structlog.get_logger()


async def remove_image(runtime: Runtime, request: cri.RemoveImageRequest) -> cri.RemoveImageResponse:
    reference = named_image(request.image)
    await runtime.images.remove(reference)
    log.info("image is removed", image=reference)
    return cri.RemoveImageResponse()
