"""ImageStatus: CRI: an image that is not there is not an error, but an answer without image."""

import json
from typing import Any

from cri_server import info
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.image_messages import image_message
from cri_server.runtime import Runtime
from image_store.image import Image


async def image_status(runtime: Runtime, request: cri.ImageStatusRequest) -> cri.ImageStatusResponse:
    image = runtime.images.get(named_image(request.image))
    if image is None:
        return cri.ImageStatusResponse()
    details = {info.INFO: info.encoded(_info(image))} if request.verbose else {}
    return cri.ImageStatusResponse(image=image_message(image), info=details)


def named_image(spec: cri.ImageSpec) -> str:
    if not spec.image:
        raise InvalidRequest("the request names no image: give a reference or an id")
    return spec.image


def _info(image: Image) -> dict[str, Any]:
    return {"chainID": image.chain_id, "imageSpec": json.loads(image.raw_config or b"{}")}
