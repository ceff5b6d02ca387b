"""Window sizes, as clients send them: ``{"Width":80,"Height":24}``, one after the other, split anywhere. No I/O."""

import json
from collections.abc import Iterator
from typing import Any

from cri_server.streaming.errors import ProtocolViolation

_MOST_BYTES = 4096
"""Of one size."""
_MOST_CELLS = 0xFFFF


class TerminalSizes:
    def __init__(self) -> None:
        self._text = b""

    def receive(self, data: bytes | memoryview) -> Iterator[tuple[int, int]]:
        """Width and height, in cells. Raises ProtocolViolation."""
        *complete, self._text = (self._text + data).split(b"}")
        if len(self._text) > _MOST_BYTES:
            raise ProtocolViolation(f"a window size has more than {_MOST_BYTES} bytes")
        for text in complete:
            yield _parsed(text + b"}")


def _parsed(text: bytes) -> tuple[int, int]:
    try:
        size: Any = json.loads(text)
        return _cells(size["Width"]), _cells(size["Height"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ProtocolViolation(f"a window size is not one: {text[:100]!r}") from error


def _cells(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST_CELLS:
        raise ValueError(value)
    return value
