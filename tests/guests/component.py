"""Components of the tests, made from Python, JavaScript and C in ``components/``.

A component NAME has ``NAME.wit``, whose world ``guest`` says what it imports and exports, and ``NAME.py``, ``NAME.js``
or ``NAME.c``, which may include ``*.h`` beside it. The interfaces of WASI that the world names come with the tools. In
C the imports and exports are written out as the component model's binary interface has them; a world without an export
is a command's, with the ``main`` of wasi-libc.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.prerequisites import BUILT_TOOLS, require_file, require_tool

SOURCES = Path(__file__).resolve().parent / "components"
TOOLS = BUILT_TOOLS.parent / "guests"

_WASI = "0.2.12"
_WASI_OF_JAVASCRIPT = "0.2.10"
"""The engine in componentize-js knows no other."""
_INTERFACES = f"node_modules/@bytecodealliance/jco/lib/wit/builtin/{_WASI}"
_COMPONENTIZE = SOURCES / "componentize.mjs"
_COMPONENTIZE_PY = "import sys; from componentize_py import script; sys.exit(script())"


def is_component(name: str) -> bool:
    return (SOURCES / f"{name}.wit").exists()


def ingredients(name: str) -> bytes:
    """All that the component depends on."""
    source = _source(name)
    files = [SOURCES / f"{name}.wit", source, _COMPONENTIZE, *SOURCES.glob("*.txt"), *SOURCES.glob("*lock.json")]
    if source.suffix == ".py":
        files += sorted(SOURCES.glob("*.py"))
    if source.suffix == ".c":
        files += sorted(SOURCES.glob("*.h"))
    return b"\0".join([Path(__file__).read_bytes(), *(file.read_bytes() for file in files)])


def build(name: str, compile_c: Callable[[bytes, bool], bytes]) -> bytes:
    """``compile_c``: makes a core module of a C source; the second argument says whether it has no ``main``. Skips the
    test where a tool lacks."""
    source = _source(name)
    with tempfile.TemporaryDirectory() as folder:
        wit, output = Path(folder) / "world.wit", Path(folder) / "component.wasm"
        wit.write_text(_world(name, source))
        if source.suffix == ".py":
            _componentize_python(source, wit, output)
        elif source.suffix == ".js":
            _componentize("javascript", source, wit, output)
        else:
            module = Path(folder) / "module.wasm"
            module.write_bytes(compile_c(source.read_bytes(), "export " in (SOURCES / f"{name}.wit").read_text()))
            _componentize("module", module, wit, output)
        return output.read_bytes()


def _source(name: str) -> Path:
    return next(path for path in SOURCES.glob(f"{name}.*") if path.suffix in (".py", ".js", ".c"))


def _world(name: str, source: Path) -> str:
    """With the packages of WASI, in one text."""
    text = "\n".join([(SOURCES / f"{name}.wit").read_text(), *_packages()])
    return text.replace(f"@{_WASI}", f"@{_WASI_OF_JAVASCRIPT}") if source.suffix == ".js" else text


def _packages() -> Iterator[str]:
    for path in sorted(_tool(_INTERFACES).glob("*/package.wit")):
        head, _, body = path.read_text().partition(";\n")
        yield f"{head} {{\n{body}}}\n"


def _componentize(kind: str, source: Path, wit: Path, output: Path) -> None:
    node = require_tool("node")
    _run([node, _COMPONENTIZE, kind, TOOLS, source, wit, output])


def _componentize_python(source: Path, wit: Path, output: Path) -> None:
    packages = _tool("python")
    options: list[str | Path] = ["-d", wit, "-w", "guest", "componentize", "-p", SOURCES, "-o", output]
    _run(
        [sys.executable, "-c", _COMPONENTIZE_PY, *options, source.stem], PYTHONPATH=str(packages), PATH="/usr/bin:/bin"
    )


def _tool(path: str) -> Path:
    return require_file(TOOLS / path, "run 'make guest-tools'")


def _run(command: list[str | Path], **environment: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment or None)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
