"""Images as CRI shows them, made once for each image object that the store hands out."""

from typing import TYPE_CHECKING

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.wire import field_1

if TYPE_CHECKING:
    from image_store.image import Image


_DIGITS = 10
"""Of the largest user id."""


class ImageMessages:
    """Keeps what was made for the images of the last list."""

    def __init__(self) -> None:
        self._fields: dict[str, tuple[Image, bytes]] = {}

    def list_fields(self, images: tuple["Image", ...]) -> list[bytes]:
        self._fields = {image.id: self._kept(image) for image in images}
        return [field for _, field in self._fields.values()]

    def _kept(self, image: "Image") -> tuple["Image", bytes]:
        kept = self._fields.get(image.id)
        return kept if kept is not None and kept[0] is image else (image, field_1(image_message(image)))


def image_message(image: "Image") -> cri.Image:
    uid, username = _user(image.config.user.partition(":")[0])
    return cri.Image(
        id=image.id,
        repo_tags=image.repo_tags,
        repo_digests=image.repo_digests,
        size=image.size,
        uid=uid,
        username=username,
        pinned=image.pinned,
    )


def _user(text: str) -> tuple[cri.Int64Value | None, str]:
    """CRI: at most one of uid and user name is set; neither means root. Who made the image may have written anything:
    a number that is no user's is shown as a name, which nobody can run as."""
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS:
        return cri.Int64Value(value=int(text)), ""
    return None, text.encode("utf-8", "replace").decode("utf-8")
