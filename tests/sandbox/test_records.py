"""Records on disk: whole, replaced atomically, or recognised as torn."""

import contextlib
import os
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import records
from sandbox.errors import SandboxError

fields = st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.booleans()), max_size=5)


@given(fields)
def test_a_record_reads_back_as_written(values: dict[str, object]) -> None:
    assert records.decode("pod", records.encode("pod", values), "x") == values


@given(fields, st.data())
def test_a_record_cut_anywhere_is_torn(values: dict[str, object], data: st.DataObject) -> None:
    whole = records.encode("pod", values)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(records.TornRecord):
        records.decode("pod", whole[:cut], "x")


@given(fields, st.data())
def test_a_flipped_bit_is_noticed(values: dict[str, object], data: st.DataObject) -> None:
    whole = bytearray(records.encode("pod", values))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(records.TornRecord):  # or it is a header's zero or space more or less
        assert records.decode("pod", bytes(whole), "x") == values


@given(st.binary())
def test_foreign_bytes_are_not_a_record(data: bytes) -> None:
    with pytest.raises(records.TornRecord):
        records.decode("pod", data, "x")


def test_another_kind_is_refused() -> None:
    with pytest.raises(records.TornRecord, match="container.*instead of pod"):
        records.decode("pod", records.encode("container", {}), "x")


def test_any_argument_bytes_survive() -> None:
    word = os.fsdecode(b"\xff\x00\xfe ok")
    assert records.decode("guest", records.encode("guest", {"argv": [word]}), "x") == {"argv": [word]}


def test_writing_replaces_the_record(tmp_path: Path) -> None:
    path = str(tmp_path / "r")
    records.write_record(path, "pod", {"n": 1})
    records.write_record(path, "pod", {"n": 2})
    assert records.read_record(path, "pod") == {"n": 2}
    assert os.listdir(tmp_path) == ["r"]


def test_a_full_disk_is_told_and_the_old_record_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "r")
    records.write_record(path, "pod", {"n": 1})
    os.symlink("/dev/full", path + ".new")
    with pytest.raises(SandboxError, match="no space is left"):
        records.write_record(path, "pod", {"n": 2})
    assert records.read_record(path, "pod") == {"n": 1}


def test_setting_aside_never_overwrites(tmp_path: Path) -> None:
    aside = str(tmp_path / "aside")
    for content in "ab":
        (tmp_path / "r").write_text(content)
        records.set_aside(str(tmp_path / "r"), aside)
    assert {(Path(aside) / name).read_text() for name in os.listdir(aside)} == {"a", "b"}


def test_what_cannot_be_read_as_a_file_is_no_record(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(records.TornRecord, match="cannot be read"):
            records.read_record(str(path), "sandbox")


def test_a_body_that_is_not_json_is_foreign_whatever_its_checksum() -> None:
    body = b"{]"
    data = b"wasmlet-record 1 sandbox %08x %d\n%s" % (zlib.crc32(body), len(body), body)
    with pytest.raises(records.TornRecord, match="was not written by wasmlet"):
        records.decode("sandbox", data, "it")
