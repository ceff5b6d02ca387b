"""PullImage: fetch, verify and compile an image. Its answer is the image's id, the same string as everywhere (CRI).

The store shares the work of equal pulls and undoes an abandoned one by itself, so a cancelled call just ends.
"""

import structlog

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest
from cri_server.operations import start
from cri_server.rpc.image_status import named_image
from cri_server.runtime import Runtime
from cri_server.sandbox_rules import HANDLERS
from cri_server.warm import warm_zygote
from image_store.store import Credentials

log = structlog.get_logger()


async def pull_image(runtime: Runtime, request: cri.PullImageRequest) -> cri.PullImageResponse:
    reference = named_image(request.image)
    _check_handler(request.image)
    image = await runtime.images.pull(reference, _credentials(request))
    log.info("image is pulled", image=reference, id=image.id)
    start(runtime, warm_zygote(runtime))
    return cri.PullImageResponse(image_ref=image.id)


def _check_handler(image: cri.ImageSpec) -> None:
    if image.runtime_handler not in HANDLERS:
        raise InvalidRequest(
            f'runtime handler "{image.runtime_handler}" of image {image.image} is not known; leave it out'
        )


def _credentials(request: cri.PullImageRequest) -> Credentials | None:
    """None is anonymous."""
    auth = request.auth
    if auth == cri.AuthConfig():
        return None
    return Credentials(
        username=auth.username,
        password=auth.password,
        auth=auth.auth,
        server_address=auth.server_address,
        identity_token=auth.identity_token,
        registry_token=auth.registry_token,
    )
