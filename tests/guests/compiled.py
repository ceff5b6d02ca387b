"""Guest programs of the tests: their WebAssembly, and their code compiled as wasmlet's own compile process does.

Sources are beside this file. What is built from them is kept below ``.cache``, by the digest of all that it depends on.
"""

import hashlib
import json
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

from image_store.engine_settings import SETTINGS

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"

_COMPONENT_HEADER = b"\0asm\x0d\x00\x01\x00"

# In a process of its own: one that has compiled must not fork.
_WAT_TO_WASM = "import sys, wasmtime; sys.stdout.buffer.write(wasmtime.wat2wasm(sys.stdin.read()))"
_COMPILE = """
import json, sys, wasmtime
from wasmtime.component import Component
config = wasmtime.Config()
for name, value in json.loads(sys.argv[1]):
    setattr(config, name, value)
kind = Component if sys.argv[2] == "component" else wasmtime.Module
sys.stdout.buffer.write(kind(wasmtime.Engine(config), sys.stdin.buffer.read()).serialize())
"""


@cache
def guest(name: str) -> bytes:
    """The WebAssembly of a guest, by the name of its source."""
    source = (HERE / f"{name}.wat").read_bytes()
    return _cached(source, ".wasm", [_WAT_TO_WASM]).read_bytes()


@cache
def compiled_guest(name: str) -> tuple[str, Path]:
    """Its kind, ``module`` or ``component``, and the file of its compiled code."""
    wasm = guest(name)
    kind = "component" if wasm.startswith(_COMPONENT_HEADER) else "module"
    return kind, _cached(wasm, ".cwasm", [_COMPILE, json.dumps(SETTINGS), kind])


def _cached(source: bytes, suffix: str, program: list[str]) -> Path:
    key = hashlib.sha256("\0".join([*program, version("wasmtime")]).encode() + source).hexdigest()
    path = CACHE / f"{key[:32]}{suffix}"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(_run(program, source))
        fresh.rename(path)
    return path


def _run(program: list[str], source: bytes) -> bytes:
    return subprocess.run([sys.executable, "-c", *program], input=source, stdout=subprocess.PIPE, check=True).stdout
