"""The guest that every server runs, as WebAssembly and as a native program: it prints ``ready`` and sleeps."""

import platform
import shutil
import subprocess
from pathlib import Path

from tests.bench.image_registry import ImageSource
from tests.bench.server import BenchError
from tests.guests.compiled import guest

_SOURCES = Path(__file__).resolve().parent / "guests"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def wasm_image() -> ImageSource:
    return ImageSource("wasm-ready", "wasi", "wasm", {"/ready.wasm": guest("sleeper")}, "/ready.wasm")


def native_image(name: str, folder: Path) -> ImageSource:
    """``name``: of a C source. Raises BenchError without a C compiler."""
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    commands = _compile("commands", folder)
    files = {f"/{name}": _compile(name, folder), "/bin/echo": commands, "/bin/cat": commands}
    return ImageSource(f"native-{name}", "linux", architecture, files, f"/{name}")


def _compile(name: str, folder: Path) -> bytes:
    compiler = shutil.which("cc")
    if compiler is None:
        raise BenchError("there is no C compiler: install the package gcc, with libc6-dev")
    output = folder / name
    subprocess.run([compiler, "-Os", "-static", "-s", "-o", output, _SOURCES / f"{name}.c"], check=True)
    return output.read_bytes()
