"""The two slots of a run: started, ended, and what a torn slot means."""

import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import records, run_record
from sandbox.specs import Run


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "run")
    run_record.prepare(path)
    return path


def test_a_prepared_record_never_started(path: str) -> None:
    assert run_record.read(path) == Run()


def test_the_end_hides_the_start(path: str) -> None:
    started = Run(pid=7, started_at=1)
    run_record.write_started(path, started)
    assert run_record.read(path) == started
    ended = started._replace(finished_at=2, exit_code=3, reason="Error", message="why")
    run_record.write_ended(path, ended)
    assert run_record.read(path) == ended


def test_a_torn_end_leaves_the_start(path: str) -> None:
    started = Run(pid=7, started_at=1)
    run_record.write_started(path, started)
    run_record.write_ended(path, started._replace(finished_at=2))
    with open(path, "r+b") as file:
        file.seek(run_record.SLOT_BYTES + 60)
        file.write(b"\0" * 8)
    assert run_record.read(path) == started


@pytest.mark.parametrize(
    "change",
    [
        {"finished_at": "x"},
        {"finished_at": 1 << 63},
        {"finished_at": -1},
        {"exit_code": 1 << 40},
        {"exit_code": -1},
        {"pid": None},
        {"message": 7},
        {"message": []},
        {"more": 1},
    ],
)
def test_what_no_pod_process_writes_was_not_written(path: str, change: dict[str, Any]) -> None:
    """A pod process that was taken over can write to its records, and the server reads them."""
    started = Run(pid=7, started_at=1)
    run_record.write_started(path, started)
    with open(path, "r+b") as file:
        file.seek(run_record.SLOT_BYTES)
        file.write(records.encode("ended", {**started._replace(finished_at=2).to_json(), **change}))
    assert run_record.read(path) == started


@pytest.mark.parametrize("body", [b"[]", b"7", b"[" * 2000])
def test_other_json_was_not_written(path: str, body: bytes) -> None:
    with open(path, "r+b") as file:
        header = records.encode("ended", {}).partition(b"\n")[0].split()
        header[3:] = [b"%08x" % zlib.crc32(body), b"%d" % len(body)]
        file.seek(run_record.SLOT_BYTES)
        file.write(b" ".join(header) + b"\n" + body)
    assert run_record.read(path) == Run()


def test_of_a_record_that_was_made_endless_the_slots_are_read(path: str) -> None:
    started = Run(pid=7, started_at=1)
    run_record.write_started(path, started)
    os.truncate(path, 1 << 40)
    assert run_record.read(path) == started


def test_an_end_needs_no_fresh_blocks(path: str) -> None:
    before = Path(path).stat().st_blocks
    run_record.write_ended(path, Run(finished_at=2, message="x" * 3000))
    assert Path(path).stat().st_blocks == before
    assert Path(path).stat().st_size == 2 * run_record.SLOT_BYTES


@given(st.text(max_size=20_000))
def test_any_message_fits_its_slot(message: str) -> None:
    data = run_record._fitting("ended", Run(message=message))
    assert len(data) <= run_record.SLOT_BYTES
    if len(message) <= 600:
        assert run_record._read_slot("ended", data, "x") == Run(message=message)
