"""StreamImages: the same list in pieces, all of one moment."""

from collections.abc import AsyncIterator

from cri_server import wire
from cri_server.cri_v1 import api_pb2 as cri
from cri_server.rpc.image_list import listed
from cri_server.runtime import Runtime


async def stream_images(runtime: Runtime, request: cri.StreamImagesRequest) -> AsyncIterator[bytes]:
    for chunk in wire.chunks(listed(runtime, request.filter)):
        yield chunk
