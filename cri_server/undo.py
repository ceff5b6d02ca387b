"""The way back from a creation that did not come to its end, step by step."""

import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any

import structlog

log = structlog.get_logger()


class Undo:
    """Inside ``async with`` each step of a creation adds its own undoing (before or right after it happens).

    When the block is left by an exception, cancellation included, the steps run, newest first. One that fails is logged
    and the others go on: the exception that the caller sees stays the first one.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
        self.is_complete = True
        """So far every step could be undone."""

    def add(self, step: Callable[..., Any], *args: Any) -> None:
        """A function or coroutine function that can be called whether or not its step has taken place."""
        self._steps.append((step, args))

    async def __aenter__(self) -> "Undo":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for step, args in reversed(self._steps):
                await self._take_back(step, args)

    async def _take_back(self, step: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            result = step(*args)
            if inspect.isawaitable(result):
                await result
        except Exception:
            self.is_complete = False
            log.exception("a step of a creation that failed cannot be undone; the next start of the server tries again")
