"""Timestamps that are strictly increasing, across clock steps and restarts of the server.

The kubelet takes the object with the latest ``created_at`` for the current one, so two objects must never share it.
"""

import time


class Clock:
    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        """Nanoseconds since the epoch, later than every value given out or observed before."""
        self._last = max(time.time_ns(), self._last + 1)
        return self._last

    def observe(self, timestamp: int) -> None:
        """A timestamp from a record: later ones must exceed it."""
        self._last = max(self._last, timestamp)
