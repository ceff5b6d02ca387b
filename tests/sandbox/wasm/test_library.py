"""What the processes below the server load of wasmtime."""

import subprocess
import sys

import pytest

from sandbox.wasm.library import Library
from sandbox.zygote_link import library_path
from tests.sandbox.wasm.conftest import ROOT

HEAVY = ("asyncio", "dataclasses", "hashlib", "logging", "pathlib", "subprocess", "wasmtime")


def test_every_function_is_in_the_installed_library() -> None:
    library = Library(str(library_path()))
    assert library.wasm_config_new()


def test_a_function_that_is_not_bound_is_named() -> None:
    with pytest.raises(AttributeError, match="wasmtime_levitate"):
        _ = Library(str(library_path())).wasmtime_levitate


def test_nothing_heavy_is_imported() -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import sandbox.wasm.guest; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-S", "-E", "-s", "-c", program, str(ROOT)], capture_output=True, check=True, text=True
    )
    assert not set(HEAVY) & set(ended.stdout.split())
