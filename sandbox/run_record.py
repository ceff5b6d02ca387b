"""The record of a container's one run: two slots of a file that is allocated before the run begins.

    offset 0      how it started   (written by the pod process before StartContainer answers)
    offset 4096   how it ended     (written by the pod process before anyone hears of the end)

Both slots are written in place into blocks that are already there, so that an exit can be recorded when the disk has
become full. A slot that was torn by the death of its writer, or holds what no pod process writes,
counts as not written.
"""

import os

from sandbox import records
from sandbox.specs import Run

SLOT_BYTES = 4096
_STARTED = "started"
_ENDED = "ended"
_MESSAGE_BYTES = 3000
"""Of a status message; the encoded slot, where a character may take six bytes, is cut further if it must be."""


def prepare(path: str) -> None:
    """Make the empty record with room for both slots. Raises DiskFull."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, 2 * SLOT_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise records.storage_error(path, error) from error


def read(path: str) -> Run:
    """What is known of the run: an empty Run when it never started. Raises FileNotFoundError."""
    data = _read_slots(path)
    ended = _read_slot(_ENDED, data[SLOT_BYTES : 2 * SLOT_BYTES], path)
    return ended or _read_slot(_STARTED, data[:SLOT_BYTES], path) or Run()


def write_started(path: str | int, run: Run) -> None:
    """``path``: or the descriptor of the record. Raises SandboxError."""
    _write_slot(path, 0, _STARTED, run)


def write_ended(path: str | int, run: Run) -> None:
    """``path``: or the descriptor of the record. Raises SandboxError."""
    _write_slot(path, SLOT_BYTES, _ENDED, run)


def _read_slots(path: str) -> bytes:
    """No more, whatever the pod process has made of the file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 2 * SLOT_BYTES)
    finally:
        os.close(descriptor)


def _read_slot(kind: str, slot: bytes, path: str) -> Run | None:
    if not slot.startswith(records.MAGIC):
        return None  # as nearly always when it is read: a container that is about to start
    try:
        return Run.from_json(records.decode(kind, slot, path))
    except (records.TornRecord, TypeError, ValueError, RecursionError):
        return None


def _write_slot(path: str | int, offset: int, kind: str, run: Run) -> None:
    try:
        if type(path) is int:
            os.pwrite(path, _fitting(kind, run), offset)
        else:
            _write_to_path(str(path), offset, _fitting(kind, run))
    except OSError as error:
        raise records.storage_error(f"record {path}", error) from error


def _write_to_path(path: str, offset: int, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(descriptor, data, offset)
    finally:
        os.close(descriptor)


def _fitting(kind: str, run: Run) -> bytes:
    message = run.message[:_MESSAGE_BYTES]
    data = records.encode(kind, run._replace(message=message).to_json())
    while len(data) > SLOT_BYTES:
        message = message[: len(message) * 3 // 4]
        data = records.encode(kind, run._replace(message=message).to_json())
    return data
