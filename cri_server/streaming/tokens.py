"""One-time tokens: who presents one gets what it was issued for, once, within a minute, under its own kind alone.

A token is all that a client shows, so it cannot be guessed: 192 random bits.
"""

import secrets
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from cri_server.errors import TooManyStreams

_SECONDS_TO_COME = 60.0
_RANDOM_BYTES = 24

Wanted = TypeVar("Wanted")


class PendingTokens(Generic[Wanted]):
    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._pending: dict[tuple[str, str], tuple[float, Wanted]] = {}  # in the order of their expiry

    def issue(self, kind: str, wanted: Wanted) -> str:
        """Raises TooManyStreams."""
        self._forget_expired()
        if len(self._pending) >= self._most:
            raise TooManyStreams(
                f"{kind}: {self._most} streams wait for their client already; try again within a minute, "
                "or raise streaming.pending in the configuration"
            )
        token = secrets.token_urlsafe(_RANDOM_BYTES)
        self._pending[kind, token] = self._now() + _SECONDS_TO_COME, wanted
        return token

    def take(self, kind: str, token: str) -> Wanted | None:
        """What it was issued for; None: never issued, of another kind, used or expired."""
        self._forget_expired()
        _, wanted = self._pending.pop((kind, token), (0, None))
        return wanted

    def _forget_expired(self) -> None:
        now = self._now()
        for key, (expiry, _) in list(self._pending.items()):
            if expiry > now:
                return
            del self._pending[key]
