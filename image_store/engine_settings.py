"""The settings of the engine that decide whether compiled code fits: the same where code is compiled and where it runs.

Data only. Each name is an attribute of ``wasmtime.Config`` and, as ``wasmtime_config_<name>_set``, a call of the C API.
Epochs and fuel stay off: each costs half of a guest's speed, and neither stops one that sleeps.
"""

SETTINGS: tuple[tuple[str, bool | int], ...] = (
    ("epoch_interruption", False),
    ("consume_fuel", False),
    ("wasm_component_model", True),
)

ENVIRONMENT: dict[str, str] = {"WASMTIME_BACKTRACE_DETAILS": "0"}
"""What wasmtime reads beside its settings. Fixed, because code compiled with another value is refused, and the server's
own environment must not decide."""
