"""How many connections each worker of a container has, in memory that all of them share.

The kernel gives a new connection to whoever asks first. A client opens its connections at once, and a worker that just
has the processor would take them all, while another one idles. So one that has more than another leaves it a moment to
take what comes next.
"""

import mmap

_ABSENT = -1
_CELL_BYTES = 4


class Tallies:
    """Made before the workers are. ``places``: of workers that live at the same time, by numbers."""

    def __init__(self, places: int) -> None:
        self.counts = memoryview(mmap.mmap(-1, places * _CELL_BYTES)).cast("i")
        for place in range(places):
            self.forget(place)

    def forget(self, place: int) -> None:
        """Its worker is gone."""
        self.counts[place] = _ABSENT


class Tally:
    """One worker's view of them."""

    def __init__(self, tallies: Tallies, place: int) -> None:
        self._counts = tallies.counts
        self._place = place

    def tell(self, connections: int) -> None:
        self._counts[self._place] = connections

    def leave(self) -> None:
        """It takes no more connections."""
        self._counts[self._place] = _ABSENT

    def exceeds_others(self) -> bool:
        """A worker that takes connections has fewer than this one."""
        own = self._counts[self._place]
        return any(_ABSENT < count < own for count in self._counts)
