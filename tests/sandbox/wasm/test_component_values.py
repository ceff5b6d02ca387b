"""Values of the component model, written as wasmtime has them and read again."""

import ctypes
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.wasm.component_library import ComponentLibrary
from sandbox.wasm.component_values import Codec, Codecs, Err, Ok, Value
from sandbox.wasm.http_variants import error_code, method
from sandbox.wasm.library import Library
from sandbox.zygote_link import library_path

_LIBRARY = ComponentLibrary(Library(str(library_path())))
_CODECS = Codecs(_LIBRARY, {})
_text = st.text(st.characters(codec="utf-8"))


class _Scope:
    context = 0
    room = 0
    resources: dict[int, Any] = {}  # noqa: RUF012 - nobody changes it

    def represent(self, thing: Any) -> int:
        raise AssertionError(thing)


def again(codec: Codec, value: Any) -> Any:
    room = Value()
    codec.lower(_Scope(), value, ctypes.addressof(room))
    try:
        return codec.lift(_Scope(), ctypes.addressof(room))
    finally:
        _LIBRARY.component_val_delete(ctypes.addressof(room))


@given(_text)
def test_strings(value: str) -> None:
    assert again(_CODECS.string, value) == value


@given(st.binary(max_size=5000))
def test_bytes(value: bytes) -> None:
    assert again(_CODECS.bytes, value) == value


@given(st.booleans(), st.integers(0, 255), st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 64) - 1))
def test_numbers(flag: bool, short: int, long: int, longest: int) -> None:
    codec = _CODECS.tuple(_CODECS.bool, _CODECS.u8, _CODECS.u32, _CODECS.u64)
    assert again(codec, (flag, short, long, longest)) == (flag, short, long, longest)


@given(st.lists(st.tuples(_text, st.binary(max_size=50)), max_size=10))
def test_headers(value: list[tuple[str, bytes]]) -> None:
    assert again(_CODECS.list(_CODECS.tuple(_CODECS.string, _CODECS.bytes)), value) == value


@given(st.none() | st.integers(0, 65535))
def test_options(value: int | None) -> None:
    assert again(_CODECS.option(_CODECS.u16), value) == value


@given(st.none() | _text, st.none() | st.integers(0, 255))
def test_errors_with_a_record(message: str | None, number: int | None) -> None:
    value = ("TLS-alert-received", (number, message))
    assert again(error_code(_CODECS), value) == value


def test_variants() -> None:
    assert again(method(_CODECS), ("get", None)) == ("get", None)
    assert again(method(_CODECS), ("other", "BREW")) == ("other", "BREW")


def test_results() -> None:
    codec = _CODECS.result(_CODECS.u8, _CODECS.string)
    assert again(codec, 5) == 5
    assert again(codec, Err("why")) == Err("why")
    assert again(_CODECS.result(None), None) is None
    assert again(_CODECS.result(None), Err()) == Err()


def test_results_of_results() -> None:
    inner = _CODECS.result(_CODECS.option(_CODECS.u8), _CODECS.string)
    codec = _CODECS.option(_CODECS.result(inner, is_outer=True))
    for value in (None, Ok(None), Ok(3), Ok(Err("why")), Err()):
        assert again(codec, value) == value
