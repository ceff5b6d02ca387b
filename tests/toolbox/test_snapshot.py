"""Modules that are initialised when they are built."""

from collections.abc import Callable

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from tests.toolbox.tree import toolbox
from toolbox.snapshot import SnapshotError, segments, snapshot

REACTOR = """\
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "kept")
  (global $small (mut i32) (i32.const 1))
  (global $large (mut i64) (i64.const 2))
  (func (export "_initialize")
    (global.set $small (i32.const -70000))
    (global.set $large (i64.const 0x7fffffffffffff00))
    (drop (memory.grow (i32.const 2)))
    (i32.store (i32.const 196600) (i32.const 12345))
    (drop (call $random (i32.const 1000) (i32.const 300)))
    (drop (call $time (i32.const 0) (i64.const 0) (i32.const 2000))))
  (func (export "small") (result i32) (global.get $small))
  (func (export "large") (result i64) (global.get $large))
  (func (export "word") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "pages") (result i32) (memory.size)))
"""


def initialised(text: str) -> bytes:
    return snapshot(bytes(wasmtime.wat2wasm(text)))


@pytest.fixture(scope="module")
def call() -> Callable[..., int]:
    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, initialised(REACTOR))
    store, linker = wasmtime.Store(engine), wasmtime.Linker(engine)
    linker.define_wasi()
    store.set_wasi(wasmtime.WasiConfig())
    exports = linker.instantiate(store, module).exports(store)
    assert "_initialize" not in exports

    def called(name: str, *arguments: int) -> int:
        function = exports[name]
        assert isinstance(function, wasmtime.Func)
        return int(function(store, *arguments))

    return called


def test_it_begins_with_what_its_initialisation_left(call: Callable[..., int]) -> None:
    assert call("small") == -70000
    assert call("large") == 0x7FFFFFFFFFFFFF00
    assert call("pages") == 3
    assert call("word", 196600) == 12345
    assert call("word", 16).to_bytes(4, "little") == b"kept"


def test_random_bytes_are_no_zeros_and_the_clock_stands(call: Callable[..., int]) -> None:
    assert call("word", 1000) != call("word", 1004)
    assert (call("word", 2000), call("word", 2004)) == (1, 0)


def test_it_is_the_same_each_time() -> None:
    assert initialised(REACTOR) == initialised(REACTOR)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            """(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1) (func (export "_initialize") (call $exit (i32.const 3))))""",
            "the initialisation calls wasi_snapshot_preview1.proc_exit",
        ),
        (
            """(module (memory (export "memory") 1) (func $f (export "_initialize")) (start $f))""",
            "has a start section",
        ),
        (
            """(module (memory (export "memory") 1) (func (export "_initialize")) (global (mut f64) (f64.const 2)))""",
            "is not an integer",
        ),
    ],
)
def test_what_it_refuses(text: str, reason: str) -> None:
    with pytest.raises(SnapshotError, match=reason):
        initialised(text)


def test_what_is_no_module() -> None:
    with pytest.raises(SnapshotError, match="no WebAssembly module"):
        snapshot(b"#!/bin/sh")


@given(st.lists(st.tuples(st.integers(0, 100), st.binary(max_size=40)), max_size=20))
def test_segments_are_all_that_is_not_zero(parts: list[tuple[int, bytes]]) -> None:
    memory = b"".join(bytes(zeros) + data for zeros, data in parts)
    again = bytearray(len(memory))
    for place, data in segments(memory):
        assert data[0]
        assert data[-1]
        again[place : place + len(data)] = data
    assert again == memory


def test_the_toolbox_is_initialised() -> None:
    assert b"\x0b_initialize" not in toolbox()
