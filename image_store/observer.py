"""Who wants to know what the store does, for figures about it. Told in the event loop, and never waited for."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StoreObserver:
    """Ignores everything. ``failure``: the kind of error, empty where there was none."""

    def pulled(self, seconds: float, failure: str) -> None:
        """A pull has ended; calls that shared it are one."""

    def received(self, size: int) -> None:
        """A blob of ``size`` bytes has come, whole."""

    def looked_up(self, found: bool) -> None:
        """Compiled code was wanted. Not ``found``: it has to be made."""

    def compiled(self, seconds: float, failure: str) -> None:
        """A compile process has ended."""


@contextmanager
def timed(tell: Callable[[float, str], None]) -> Iterator[None]:
    """``tell`` how long the block took, on the monotonic clock, and which kind of error ended it."""
    begun = time.monotonic()
    failure = ""
    try:
        yield
    except BaseException as error:
        failure = type(error).__name__
        raise
    finally:
        tell(time.monotonic() - begun, failure)
