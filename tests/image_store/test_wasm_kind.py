"""Files are known by their first bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_store.wasm_kind import is_precompiled, is_text, kind_of, other_kind


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (b"\0asm\x01\0\0\0", "module"),
        (b"\0asm\x0d\0\x01\0", "component"),
        (b"\0asm\x02\0\0\0", None),
        (b"\0asm", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_webassembly(header: bytes, kind: str | None) -> None:
    assert kind_of(header) == kind


def test_text_needs_its_name() -> None:
    assert is_text("app.wat", b"  (module)")
    assert is_text("app.wat", b";; a comment")
    assert not is_text("app.txt", b"(module)")
    assert not is_text("app.wat", b"#!/bin/sh")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x3e\0", "a native linux/amd64 executable"),
        (b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xb7\0", "a native linux/arm64 executable"),
        (b"\x7fELF\x02\x02\x01" + bytes(11) + b"\0\x16", "a native linux/s390x executable"),
        (b"\x7fELF\x02\x01\x01" + bytes(11) + b"\x99\x99", "a native linux/machine-39321 executable"),
        (b"\x7fELF", "a native linux/unknown executable"),
        (b"\x7fELF\x02\x01\x01\xc8" + bytes(20), "precompiled WebAssembly, which is native code from elsewhere"),
        (b"#! /usr/bin/env python3\nimport", "a script for /usr/bin/env python3"),
        (b"#!\n", "a script for an unknown interpreter"),
        (b"", "an empty file"),
    ],
)
def test_what_else_there_is(header: bytes, said: str) -> None:
    assert other_kind(header) == said


@given(st.binary(max_size=64))
def test_any_bytes_are_something(header: bytes) -> None:
    assert other_kind(header)
    assert not (is_precompiled(header) and kind_of(header))
