"""Names the engine that compiled code fits: wasmtime's version, its settings, and what the processor can do."""

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from image_store.engine_settings import ENVIRONMENT, SETTINGS

_CPU_INFO = Path("/proc/cpuinfo")
_FEATURE_LINES = ("flags", "Features", "isa")
_USED_ON_X86 = {
    *("pni", "ssse3", "sse4_1", "sse4_2", "cx16", "popcnt", "abm", "bmi1", "bmi2", "fma", "avx", "avx2"),
    *("avx512f", "avx512dq", "avx512vl", "avx512vbmi", "avx512_vbmi", "avx512_bitalg"),
}
"""New kernels list more features. Those that wasmtime does not use change nothing."""


@cache
def engine_key() -> str:
    """Short, and fit for a file name."""
    parts = [version("wasmtime"), SETTINGS, ENVIRONMENT, platform.machine(), _processor_features()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _processor_features() -> list[str]:
    """Compiled code uses what the processor has. A disk may be moved to a machine whose processor has less."""
    for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in _FEATURE_LINES:
            features = set(value.split())
            return sorted(features & _USED_ON_X86 or features)
    return []
