"""The probe, built by the machine's C compiler, and pod processes whose guests it replaces."""

import hashlib
import re
import subprocess
from functools import cache
from pathlib import Path

from tests.guests.compiled import CACHE
from tests.prerequisites import require_tool

_SOURCE = Path(__file__).with_name("probe.c")
_FLAGS = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread")


@cache
def probe() -> Path:
    """The shared object. Skips the test where it has to be built and there is no compiler."""
    path = CACHE / f"{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:32]}.so"
    if not path.exists():
        compiler = require_tool("cc")
        CACHE.mkdir(exist_ok=True)
        subprocess.run([str(compiler), *_FLAGS, str(_SOURCE), "-o", str(path)], check=True)
    return path


def attempts() -> set[str]:
    """The names of all of them, but for those of other architectures."""
    return set(re.findall(r"ATTEMPT\((?!name)(\w+)\)", _SOURCE.read_text()))


def start_of_zygote(mode: str, zygote: str = "probing_zygote") -> str:
    """What the zygote's interpreter runs in the place of its usual start. ``mode``: ``filtered``, ``unfiltered``.
    ``zygote``: the module that says in whose place the probe is."""
    words = [str(probe()), mode]
    return (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.path.append(sys.argv.pop(1)); "
        f"sys.argv[1:1] = {words!r}; "
        f"from tests.sandbox.probe.{zygote} import main; main()"
    )
