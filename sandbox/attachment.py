"""Those who watch a container, in its pod process: they get what it writes from when they came, and may type.

Each has pipes whose other ends are the server's. An attacher that reads slower than the guest writes slows it down, as
a terminal would; one that takes nothing for half a minute is let go, so that neither the guest nor its log waits for
ever. What is held for one is at most what was read at once, and at the guest's end what its pipe still had.
"""

import os
import select
from collections.abc import Callable

from sandbox.event_loop import EventLoop

STALL_SECONDS = 30.0
STALLED = "stalled"
_READ_BYTES = 65536


class _Pipe:
    """What is written to may be slower than what is written."""

    _descriptor: int
    _pending = b""

    def close(self) -> None:
        raise NotImplementedError

    def _write_pending(self) -> None:
        """As much as has room now."""
        try:
            while self._pending:
                self._pending = self._pending[os.write(self._descriptor, self._pending) :]
        except BlockingIOError:
            return
        except OSError:  # nobody reads it any more
            self.close()


class AttachedOutput(_Pipe):
    """One stream. ``on_free`` is called when all is written that it was given, ``on_gone`` once when it is closed:
    with ``STALLED``, or empty."""

    def __init__(
        self, loop: EventLoop, descriptor: int, on_free: Callable[[], None], on_gone: Callable[[str], None]
    ) -> None:
        """``descriptor``: does not block, and is closed here."""
        self._loop = loop
        self._descriptor = descriptor
        self._on_free = on_free
        self._on_gone = on_gone
        self._finishing = False
        loop.watch(descriptor, self._process_event, 0)  # the end of the reader is told all the same

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    @property
    def is_behind(self) -> bool:
        return bool(self._pending)

    def write(self, data: bytes) -> None:
        if self._descriptor < 0:
            return
        if self._pending:
            self._pending += data
            return
        self._pending = data
        self._write_pending()
        if self._pending:
            self._watch_for(select.EPOLLOUT)
            self._loop.call_later(STALL_SECONDS, self._give_up)

    def finish(self) -> None:
        """No more will come."""
        self._finishing = True
        if not self._pending:
            self.close()

    def close(self, reason: str = "") -> None:
        if self._descriptor < 0:
            return
        self._loop.cancel(self._give_up)
        self._loop.unwatch(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
        self._pending = b""
        self._on_free()
        self._on_gone(reason)

    def _process_event(self) -> None:
        if not self._pending:
            self.close()  # only its reader's end is told then
            return
        before = len(self._pending)
        self._write_pending()
        if self._descriptor >= 0 and len(self._pending) < before:
            self._loop.cancel(self._give_up)
            self._go_on()

    def _go_on(self) -> None:
        if self._pending:
            self._loop.call_later(STALL_SECONDS, self._give_up)
        elif self._finishing:
            self.close()
        else:
            self._watch_for(0)
            self._on_free()

    def _watch_for(self, events: int) -> None:
        self._loop.unwatch(self._descriptor)
        self._loop.watch(self._descriptor, self._process_event, events)

    def _give_up(self) -> None:
        self.close(STALLED)


class GuestInput(_Pipe):
    """A guest's standard input, from any number of attachers."""

    def __init__(self, loop: EventLoop, descriptor: int) -> None:
        """``descriptor``: does not block, and is closed here."""
        self._loop = loop
        self._descriptor = descriptor
        self._sources: list[AttachedInput] = []
        self._closing = False

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0 and not self._closing

    def add(self, source: "AttachedInput") -> None:
        self._sources.append(source)
        if not self._pending:
            source.listen()

    def remove(self, source: "AttachedInput") -> None:
        if source in self._sources:
            self._sources.remove(source)

    def write(self, data: bytes) -> None:
        """From a source, which gets a rest when the guest is slower than that."""
        self._pending += data
        self._write_pending()
        if self._pending:
            for source in self._sources:
                source.rest()
            self._loop.watch(self._descriptor, self._process_writable, select.EPOLLOUT)

    def end(self) -> None:
        """The guest finds its end, behind what is on its way."""
        self._closing = True
        if not self._pending:
            self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            self._loop.unwatch(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        self._pending = b""
        for source in list(self._sources):
            source.close()

    def _process_writable(self) -> None:
        self._write_pending()
        if self._pending or self._descriptor < 0:
            return
        self._loop.unwatch(self._descriptor)
        if self._closing:
            self.close()
        for source in self._sources:
            source.listen()


class AttachedInput:
    """What an attacher types. ``on_end`` is called when it has ended its input."""

    def __init__(self, loop: EventLoop, descriptor: int, sink: GuestInput, on_end: Callable[[], None]) -> None:
        """``descriptor``: is closed here."""
        self._loop = loop
        self._descriptor = descriptor
        self._sink = sink
        self._on_end = on_end
        sink.add(self)

    def listen(self) -> None:
        if self._descriptor >= 0:
            self._loop.watch(self._descriptor, self._process_readable)

    def rest(self) -> None:
        if self._descriptor >= 0:
            self._loop.unwatch(self._descriptor)

    def close(self) -> None:
        self._sink.remove(self)
        if self._descriptor >= 0:
            self._loop.unwatch(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _process_readable(self) -> None:
        data = os.read(self._descriptor, _READ_BYTES)
        if data:
            self._sink.write(data)
        else:
            self.close()
            self._on_end()


class Attachment:
    """One attacher with its streams. ``on_ended`` is called once when the last output is closed, or it is detached."""

    def __init__(self, on_ended: Callable[["Attachment", str], None]) -> None:
        self._on_ended = on_ended
        self._outputs: list[AttachedOutput] = []
        self._input: AttachedInput | None = None
        self._ended = False
        self._reason = ""

    def add_output(self, loop: EventLoop, descriptor: int, on_free: Callable[[], None]) -> AttachedOutput:
        os.set_blocking(descriptor, False)
        output = AttachedOutput(loop, descriptor, on_free, self._process_gone)
        self._outputs.append(output)
        return output

    def add_input(self, loop: EventLoop, descriptor: int, sink: GuestInput, on_end: Callable[[], None]) -> None:
        self._input = AttachedInput(loop, descriptor, sink, on_end)

    def finish(self) -> None:
        """The container has ended: what it has written still goes out."""
        self._close_input()
        for output in list(self._outputs):
            output.finish()
        self._end_if_empty()

    def detach(self) -> None:
        self._close_input()
        for output in list(self._outputs):
            output.close()
        self._end_if_empty()

    def _close_input(self) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None

    def _process_gone(self, reason: str) -> None:
        """One that lets a stream go, or cannot take it, has the others still."""
        self._reason = self._reason or reason
        self._outputs = [output for output in self._outputs if output.is_open]
        self._end_if_empty()

    def _end_if_empty(self) -> None:
        if not self._outputs and self._input is None and not self._ended:
            self._ended = True
            self._on_ended(self, self._reason)
