"""The images that are there, in memory: what every question is answered from. No I/O.

Changed only after the catalog was, in the event loop, in one step. An image that did not change stays the same object.
"""

from collections.abc import Iterable
from pathlib import Path

from image_store import image_config, references
from image_store.digests import hex_of, is_digest, is_hex
from image_store.image import Image
from image_store.records import ImageRecord, ProgramRecord
from image_store.resources import Resource, resources_of

_HEX = frozenset("0123456789abcdef")


class Inventory:
    """``trees``: folder of the merged trees; ``pinned``: full references."""

    def __init__(self, trees: Path, pinned: Iterable[str]) -> None:
        self._trees = trees
        self._pinned = frozenset(pinned)
        self._records: dict[str, ImageRecord] = {}
        self._images: dict[str, Image] = {}
        self._by_reference: dict[str, str] = {}
        self._listed: tuple[Image, ...] = ()

    def put(self, record: ImageRecord) -> Image:
        """Add or replace an image. Names that another one had are this one's now."""
        for reference in record.references:
            self._take_from_other(reference, record.id)
        image = self._put(record)
        self._list()
        return image

    def _take_from_other(self, reference: str, image: str) -> None:
        other = self._by_reference.get(reference)
        if other is not None and other != image:
            record = self._records[other]
            self._put(record._replace(references=record.references - {reference}))

    def _put(self, record: ImageRecord) -> Image:
        self._drop_references(record.id)
        self._records[record.id] = record
        self._by_reference.update(dict.fromkeys(record.references, record.id))
        image = self._image(record)
        if image != self._images.get(record.id):
            self._images[record.id] = image
        return self._images[record.id]

    def note_program(self, image: str, path: str, program: ProgramRecord) -> bool:
        """Remember a program with an image; False where the image is gone. What is said of the image stays the same."""
        record = self._records.get(image)
        if record is None:
            return False
        self._records[image] = record._replace(programs={**record.programs, path: program})
        return True

    def remove(self, image: str) -> None:
        self._drop_references(image)
        self._records.pop(image, None)
        self._images.pop(image, None)
        self._list()

    def _drop_references(self, image: str) -> None:
        record = self._records.get(image)
        for reference in record.references if record is not None else ():
            if self._by_reference.get(reference) == image:
                del self._by_reference[reference]

    def _list(self) -> None:
        self._listed = tuple(self._images[image] for image in sorted(self._images))

    def images(self) -> tuple[Image, ...]:
        return self._listed

    def record(self, image: str) -> ImageRecord | None:
        return self._records.get(image)

    def records(self) -> list[ImageRecord]:
        return list(self._records.values())

    def named(self, reference: str) -> ImageRecord | None:
        """By a full reference."""
        image = self._by_reference.get(reference)
        return self._records[image] if image is not None else None

    def get(self, text: str) -> Image | None:
        """CRI: an id, a bare id, a reference in any form, or the unique beginning of an id, in this order.

        Raises InvalidReference.
        """
        if is_digest(text) or is_hex(text):
            return self._images.get(f"sha256:{hex_of(text)}")
        named = self._by_reference.get(str(references.parse(text)))
        return self._images[named] if named is not None else self._by_prefix(hex_of(text))

    def _by_prefix(self, beginning: str) -> Image | None:
        if not _HEX.issuperset(beginning):
            return None
        found = [image for image in self._listed if hex_of(image.id).startswith(beginning)]
        return found[0] if len(found) == 1 else None

    def resources(self) -> set[Resource]:
        """All that the images need."""
        return {resource for record in self._records.values() for resource in resources_of(record)}

    def _image(self, record: ImageRecord) -> Image:
        return Image(
            id=record.id,
            repo_tags=tuple(sorted(name for name in record.references if "@" not in name)),
            repo_digests=tuple(sorted(name for name in record.references if "@" in name)),
            size=record.size,
            config=image_config.parse(record.id, record.raw_config).config,
            raw_config=record.raw_config,
            annotations=record.annotations,
            rootfs=self._trees / hex_of(record.chain_id) if record.chain_id else None,
            pinned=not self._pinned.isdisjoint(record.references),
            chain_id=record.chain_id,
        )
