"""``fields`` of wasi:http: names and values of headers and trailers, in their order. No I/O.

WASI: names are told apart without regard to case; what belongs to the connection is forbidden to a guest.
"""

import re

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
FORBIDDEN = frozenset(
    (
        *("connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "transfer-encoding", "upgrade"),
    )
)
"""Framing and the way to the next hop are the host's."""

Item = tuple[str, bytes]


class FieldsError(Exception):
    """``case``: of the variant ``header-error``."""

    def __init__(self, case: str) -> None:
        super().__init__(case)
        self.case = case


class Fields:
    """``items``: names in lower case."""

    def __init__(self, items: list[Item] | None = None, mutable: bool = True) -> None:
        self.items = [] if items is None else items
        self.mutable = mutable

    @classmethod
    def from_list(cls, items: list[Item]) -> "Fields":
        """Raises FieldsError."""
        return cls([_checked(name, value) for name, value in items])

    def get(self, name: str) -> list[bytes]:
        wanted = name.lower()
        return [value for other, value in self.items if other == wanted]

    def has(self, name: str) -> bool:
        wanted = name.lower()
        return any(other == wanted for other, _ in self.items)

    def set(self, name: str, values: list[bytes]) -> None:
        """In the place of all values that it has. Raises FieldsError."""
        self._check_mutable()
        wanted = _checked_name(name)
        fresh = [_checked(name, value) for value in values]
        self.items = [item for item in self.items if item[0] != wanted] + fresh

    def delete(self, name: str) -> None:
        """Raises FieldsError."""
        self._check_mutable()
        wanted = _checked_name(name)
        self.items = [item for item in self.items if item[0] != wanted]

    def append(self, name: str, value: bytes) -> None:
        """Raises FieldsError."""
        self._check_mutable()
        self.items.append(_checked(name, value))

    def clone(self) -> "Fields":
        """WASI: a copy can be changed, whatever it is a copy of."""
        return Fields(list(self.items))

    def frozen(self) -> "Fields":
        """As a message shows its own."""
        return Fields(self.items, mutable=False)

    def _check_mutable(self) -> None:
        if not self.mutable:
            raise FieldsError("immutable")


def _checked(name: str, value: bytes) -> Item:
    if not _VALUE.fullmatch(value):
        raise FieldsError("invalid-syntax")
    return _checked_name(name), value


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise FieldsError("invalid-syntax")
    lowered = name.lower()
    if lowered in FORBIDDEN:
        raise FieldsError("forbidden")
    return lowered
