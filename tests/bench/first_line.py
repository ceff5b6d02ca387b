"""When a file gets its first line, to a tenth of a millisecond and without polling: inotify."""

import ctypes
import os
import select
import threading
import time
from pathlib import Path

_IN_MODIFY, _IN_CREATE = 0x2, 0x100
_EVENTS_BYTES = 65536
_libc = ctypes.CDLL(None, use_errno=True)


class FirstLine:
    """Watches from its creation on. ``log`` need not exist; its folder must."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._seen_at = 0.0
        self._events = _watch(log.parent)
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def time(self, timeout: float = 60) -> float:
        """When the line was there, on the clock of ``time.perf_counter``, in seconds. Raises TimeoutError."""
        self._thread.join(timeout)
        if not self._seen_at:
            raise TimeoutError(f"{self._log} has no line after {timeout:g} seconds")
        return self._seen_at

    def _look(self) -> None:
        deadline = time.perf_counter() + 60
        while not self._has_line() and time.perf_counter() < deadline:
            if select.select([self._events], [], [], 1)[0]:
                os.read(self._events, _EVENTS_BYTES)
        self._seen_at = time.perf_counter()
        os.close(self._events)

    def _has_line(self) -> bool:
        try:
            return b"\n" in self._log.read_bytes()
        except FileNotFoundError:
            return False


def _watch(folder: Path) -> int:
    events = _libc.inotify_init1(os.O_CLOEXEC)
    if events < 0 or _libc.inotify_add_watch(events, os.fsencode(folder), _IN_MODIFY | _IN_CREATE) < 0:
        raise OSError(ctypes.get_errno(), "inotify", str(folder))
    return int(events)
