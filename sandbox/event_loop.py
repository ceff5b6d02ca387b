"""The event loop of a pod process: descriptors, what to do when they are ready, and a clock for what must be
tried again.
"""

import select
import time
from collections.abc import Callable

Callback = Callable[[], None]


class EventLoop:
    """Level-triggered. Whoever watches a descriptor closes it, after ``unwatch``."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}
        self._timers: list[tuple[float, Callback]] = []

    def watch(self, descriptor: int, callback: Callback, events: int = select.EPOLLIN) -> None:
        """``events``: of epoll. That the other side is gone is told of any. Raises OSError."""
        self._epoll.register(descriptor, events)
        self._callbacks[descriptor] = callback

    def unwatch(self, descriptor: int) -> None:
        if self._callbacks.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def call_later(self, seconds: float, callback: Callback) -> None:
        self._timers.append((time.monotonic() + seconds, callback))

    def cancel(self, callback: Callback) -> None:
        """Do not call it later."""
        self._timers = [(when, each) for when, each in self._timers if each != callback]

    def close(self) -> None:
        self._epoll.close()

    def run_forever(self) -> None:
        while True:
            self.run_once()

    def run_once(self) -> None:
        ready = [(descriptor, self._callbacks.get(descriptor)) for descriptor, _ in self._epoll.poll(self._patience())]
        for descriptor, callback in ready:
            # An earlier callback of this round may have closed it, and another one taken its number since.
            if callback is not None and self._callbacks.get(descriptor) is callback:
                callback()
        if self._timers:
            self._run_due_timers()

    def _patience(self) -> float:
        if not self._timers:
            return -1
        return max(0.0, min(due for due, _ in self._timers) - time.monotonic())

    def _run_due_timers(self) -> None:
        now = time.monotonic()
        due = [callback for when, callback in self._timers if when <= now]
        self._timers = [(when, callback) for when, callback in self._timers if when > now]
        for callback in due:
            callback()
