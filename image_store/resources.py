"""What takes space on the disk, and who needs it."""

from typing import Literal, NamedTuple

from image_store.digests import hex_of
from image_store.records import ImageRecord


class Resource(NamedTuple):
    kind: Literal["blob", "tree", "code"]
    name: str
    """64 hexadecimal digits of the blob's digest, of the tree's chain id, of the WebAssembly's digest."""


def blob(digest: str) -> Resource:
    return Resource("blob", hex_of(digest))


def tree(chain_id: str) -> Resource:
    return Resource("tree", hex_of(chain_id))


def code(digest: str) -> Resource:
    return Resource("code", hex_of(digest))


def resources_of(record: ImageRecord) -> set[Resource]:
    """All that an image needs."""
    used = {blob(digest) for digest in record.blobs}
    used |= {code(program.digest) for program in record.programs.values()}
    return used | {tree(record.chain_id)} if record.chain_id else used


class Claims:
    """What pulls under way and containers need beside what the images do. No I/O."""

    def __init__(self) -> None:
        self._claims: dict[str, set[Resource]] = {}

    def add(self, holder: str, *resources: Resource) -> None:
        self._claims.setdefault(holder, set()).update(resources)

    def remove(self, holder: str, resource: Resource) -> None:
        """One that it has."""
        self._claims[holder].remove(resource)

    def release(self, holder: str) -> set[Resource]:
        """What it had, which may be garbage now."""
        return self._claims.pop(holder, set())

    def resources(self) -> set[Resource]:
        return set().union(*self._claims.values())
