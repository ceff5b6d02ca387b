"""Objects by id or by a unique beginning of it: crictl prints thirteen characters and people paste them."""

import secrets
from bisect import bisect_left, insort
from typing import Generic, Protocol, TypeVar

from cri_server.errors import InvalidRequest

ID_BYTES = 32


class Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Identified)


def new_id() -> str:
    """64 lower-case hexadecimal digits, unique across sandboxes and containers."""
    return secrets.token_hex(ID_BYTES)


class ObjectIndex(Generic[T]):
    """``kind`` names the objects in errors. Iteration is in the order of insertion and never waits."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._objects: dict[str, T] = {}
        self._ids: list[str] = []

    def add(self, item: T) -> None:
        self._objects[item.id] = item
        insort(self._ids, item.id)

    def discard(self, item_id: str) -> None:
        if self._objects.pop(item_id, None) is not None:
            del self._ids[bisect_left(self._ids, item_id)]

    def get(self, item_id: str) -> T | None:
        """By the whole id."""
        return self._objects.get(item_id)

    def all(self) -> list[T]:
        return list(self._objects.values())

    def find(self, prefix: str) -> T | None:
        """By the id or a unique beginning of it. Raises InvalidRequest for an empty or ambiguous one."""
        if not prefix:
            raise InvalidRequest(f"the request names no {self._kind}: give its id")
        found = self.matching(prefix)
        if len(found) > 1:
            raise InvalidRequest(f"{self._kind} id {prefix} is ambiguous: several ids begin so; give more of it")
        return found[0] if found else None

    def matching(self, prefix: str) -> list[T]:
        """All whose id begins so: none, the one, or two as proof that it is ambiguous."""
        exact = self._objects.get(prefix)
        if exact is not None:
            return [exact]
        start = bisect_left(self._ids, prefix)
        return [self._objects[item] for item in self._ids[start : start + 2] if item.startswith(prefix)]
