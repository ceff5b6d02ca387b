"""The functions that wasmlet provides, beside WASI, to a module that imports them. Data only: what they do is told in
``sandbox.wasm.host_calls``.
"""

MODULE = "wasmlet_host_v1"

PARAMETERS: dict[str, int] = {
    "terminal_size": 1,
    "process_list": 3,
    "process_signal": 2,
    "path_status": 4,
    "path_space": 3,
    "path_mode_set": 3,
    "sock_connect": 5,
    "sock_error": 1,
}
"""By name, how many numbers of 32 bits the function takes. Each gives back one, an errno of WASI preview 1."""
