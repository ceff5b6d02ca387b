"""A container's CRI log in the pod process: what the guest wrote, encoded and appended to the file.

Nothing is lost and memory stays bounded: while the file takes no more (the disk is full) the guest's output is left
in its pipes, which blocks the guest when they are full, and writing is tried again every half second.
"""

import os
import time

from sandbox import last_words
from sandbox.attachment import AttachedOutput, Attachment
from sandbox.cri_log import LogEncoder
from sandbox.errors import SandboxError
from sandbox.event_loop import EventLoop
from sandbox.records import storage_error

READ_BYTES = 65536
_RETRY_SECONDS = 0.5
_SAID_BYTES = 256


class ContainerLog:
    """The file, what it has not taken yet, and the streams that feed it."""

    def __init__(self, loop: EventLoop, path: str, file: int) -> None:
        """``file``: descriptor of ``path``, which is closed with the log; -1 when the output is to be discarded."""
        self._loop = loop
        self._path = path
        self._backlog = b""
        self._paused: list[LogStream] = []
        self._retrying = False
        self._closing = False
        self._file = file

    def append(self, data: bytes) -> None:
        """Write whole records, or keep them until the file takes them."""
        if self._file < 0 or not data:
            return
        self._backlog = self._backlog + data if self._backlog else data
        self._write_backlog()

    def pause_until_written(self, stream: "LogStream") -> bool:
        """True when the stream has to wait; it is resumed later."""
        if self._backlog:
            self._paused.append(stream)
        return bool(self._backlog)

    def go_on_in(self, fresh: int) -> None:
        """Write to that file from now on. Raises SandboxError, and the file is not taken."""
        self._write_backlog()
        if self._backlog:
            raise SandboxError(
                f"log {self._path} cannot be reopened: the old file takes no more; free space on its disk"
            )
        if self._file >= 0:
            os.close(self._file)
        self._file = fresh

    def close(self) -> None:
        """No more will come. A disk that is full gets the rest when it takes it again, as long as the pod lives."""
        self._closing = True
        self._close_when_written()

    def _close_when_written(self) -> None:
        if self._closing and not self._backlog and self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write_backlog(self) -> None:
        try:
            while self._backlog:
                self._backlog = self._backlog[os.write(self._file, self._backlog) :]
        except OSError:
            if not self._retrying:
                self._retrying = True
                self._loop.call_later(_RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        self._retrying = False
        self._write_backlog()
        self._close_when_written()
        if not self._backlog:
            paused, self._paused = self._paused, []
            for stream in paused:
                stream.resume()


class LogStream:
    """One of the guest's two outputs: from its pipe, or its terminal, into the log."""

    def __init__(self, loop: EventLoop, log: ContainerLog, source: int, name: bytes) -> None:
        self.words: tuple[bytes, ...] = ()
        """To listen for."""
        self.said_at = 0.0
        """When any of them was last said: monotonic, in seconds; 0: never."""
        self.said = b""
        """The words, and what came right after them."""
        self._loop = loop
        self._log = log
        self._source = source
        self._encoder = LogEncoder(name)
        self._attached: list[AttachedOutput] = []
        self._waits_for_log = False
        self._rests = False
        """Nothing is read: the log or an attacher is behind."""
        loop.watch(source, self._process_readable)

    def attach(self, attachment: Attachment, descriptor: int) -> None:
        """What comes from now on goes to that descriptor as well, as it is."""
        self._attached.append(attachment.add_output(self._loop, descriptor, self._process_free))

    def _process_readable(self) -> None:
        data = self._read()
        if data is None:
            return
        if not data:
            self.close()
            return
        self._take(data)
        self._waits_for_log = self._log.pause_until_written(self)
        if self._waits_for_log or self._is_behind():
            self._rests = True
            self._loop.unwatch(self._source)

    def _take(self, data: bytes) -> None:
        self._log.append(self._encoder.feed(data, time.time_ns()))
        for output in self._attached:
            output.write(data)

    def _is_behind(self) -> bool:
        return any(output.is_behind for output in self._attached)

    def resume(self) -> None:
        """The log has taken all."""
        self._waits_for_log = False
        self._go_on()

    def _process_free(self) -> None:
        """An attacher has taken all, or is gone."""
        self._attached = [output for output in self._attached if output.is_open]
        self._go_on()

    def _go_on(self) -> None:
        if self._source >= 0 and self._rests and not self._waits_for_log and not self._is_behind():
            self._rests = False
            self._loop.watch(self._source, self._process_readable)

    def drain(self) -> None:
        """Take what is left after the guest's end: at most what its pipe holds."""
        while self._source >= 0:
            data = self._read()
            if not data:
                self.close()
            else:
                self._take(data)

    def close(self) -> None:
        if self._source >= 0:
            self._log.append(self._encoder.finish(time.time_ns()))
            self._loop.unwatch(self._source)
            os.close(self._source)
            self._source = -1

    def _read(self) -> bytes | None:
        """Empty at the end; None where there is nothing now, after all."""
        try:
            data = os.read(self._source, READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:  # the end of a terminal whose last writer is gone is an EIO
            return b""
        if self.words:
            self._hear(data)
        return data

    def _hear(self, data: bytes) -> None:
        """A sentence may come in several pieces."""
        self.said += data[: max(0, _SAID_BYTES - len(self.said))] if self.said else b""
        if found := [data.find(word) for word in self.words if word in data]:
            now = time.monotonic()
            if now - self.said_at > last_words.SECONDS:
                self.said = data[min(found) :][:_SAID_BYTES]
            self.said_at = now


def open_log(path: str) -> int:
    """For the server: a descriptor that appends. CRI: folder (0755) and file (0640) are made. Raises SandboxError."""
    try:
        try:
            return _open(path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            return _open(path)
    except OSError as error:
        raise storage_error(path, error) from error


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
