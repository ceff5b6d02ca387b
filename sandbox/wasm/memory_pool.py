"""A pool of memories and tables for the instances of components that serve requests.

Every instance has its memory in a slot, which keeps its address space and some of its pages for the next one: wasmtime
puts those back to what an instance begins with. Slots are address space until they are used. The pool is made before
the fork, so that each worker has its own.
"""

import mmap
from typing import Any

from sandbox.wasm.library import Library

_MOST_INSTANCES = 1024
"""As many requests as a worker may be told to handle at the same time: an instance always finds its slots."""
_MEMORIES, _TABLES, _CORE_INSTANCES = 4, 16, 256
"""Of one component, at most; another one does without the pool."""
_OWN_INSTANCES = 2
"""Components of wasmlet's own beside each, with two core instances each and without memories."""
_MEMORY_BYTES = 1 << 32
_TABLE_ELEMENTS = 1 << 16
_KEPT_BYTES = 1 << 16
"""Of a memory, which are written rather than given back and faulted in again. All of them are written, touched or not:
more cost a guest that touches little as much as it takes to instantiate it, and gain one that touches much nothing."""
_KEPT_SLOTS = 8
"""With pages kept while unused: more than there are quick requests at a time, and little of a container's memory."""
_LIMITS = {
    "total_component_instances": _MOST_INSTANCES * (1 + _OWN_INSTANCES),
    "total_core_instances": _MOST_INSTANCES * (_CORE_INSTANCES + 2 * _OWN_INSTANCES),
    "total_memories": _MOST_INSTANCES * _MEMORIES,
    "total_tables": _MOST_INSTANCES * _TABLES,
    "total_stacks": 0,
    "max_memories_per_component": _MEMORIES,
    "max_tables_per_component": _TABLES,
    "max_core_instances_per_component": _CORE_INSTANCES,
    "max_memories_per_module": _MEMORIES,
    "max_tables_per_module": _TABLES,
    "max_memory_size": _MEMORY_BYTES,
    "table_elements": _TABLE_ELEMENTS,
    "linear_memory_keep_resident": _KEPT_BYTES,
    "table_keep_resident": _KEPT_BYTES,
    "max_unused_warm_slots": _KEPT_SLOTS,
}
_PARTS_OF_SPACE = 4
"""Of each memory's size, so many for it and one more for what protects it."""


def use(library: Library, config: Any) -> None:
    """Tell a configuration of the pool, where the machine has room for it."""
    if not _has_room():
        return
    pool = library.wasmtime_pooling_allocation_config_new()
    for name, value in _LIMITS.items():
        library.set_pool_limit(pool, name, value)
    library.wasmtime_pooling_allocation_strategy_set(config, pool)
    library.wasmtime_pooling_allocation_config_delete(pool)


def _has_room() -> bool:
    """wasmtime ends the process where the pool cannot be had: address space is limited, or narrow."""
    size = _LIMITS["total_memories"] * _MEMORY_BYTES
    try:
        mmap.mmap(-1, size + size // _PARTS_OF_SPACE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except (OSError, ValueError):
        return False
    return True
