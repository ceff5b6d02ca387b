"""ListImages: one entry per image id, tagged or not."""

from cri_server import wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.image_messages import image_message
from cri_server.runtime import Runtime


async def list_images(runtime: Runtime, request: cri.ListImagesRequest) -> bytes:
    return wire.joined(listed(runtime, request.filter))


def listed(runtime: Runtime, wanted: cri.ImageFilter) -> list[bytes]:
    """CRI: a filter without an image is no filter; an unknown image matches nothing."""
    if not wanted.image.image:
        return runtime.image_messages.list_fields(runtime.images.images())
    image = runtime.images.get(wanted.image.image)
    return [wire.field_1(image_message(image))] if image is not None else []
