import pytest
import wasmtime

from image_store.start_section import has_start_section


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("(module)", False),
        ("(module (func $f) (start $f))", True),
        ('(module (func $f) (start $f) (memory 1) (data (i32.const 0) "x"))', True),
        (f'(module (memory 1) (func (export "_start")) (data (i32.const 0) "{"x" * 40000}"))', False),
        ("(module (type (func (param i32) (result i64))) (func $f) (start $f))", True),
    ],
)
def test_it_is_found_wherever_it_is(text: str, has: bool) -> None:
    assert has_start_section(bytes(wasmtime.wat2wasm(text))) is has


def test_sections_of_a_users_own_are_stepped_over() -> None:
    custom = b"\0" + bytes([0x88, 0x01]) + b"\x04name" + bytes([8]) * 131
    assert not has_start_section(b"\0asm\1\0\0\0" + custom)
    assert has_start_section(b"\0asm\1\0\0\0" + custom + b"\x08\x01\x00")
