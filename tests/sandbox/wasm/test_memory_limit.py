"""In this process: nothing is run or compiled."""

from sandbox.wasm import memory_limit
from sandbox.wasm.engine import Engine
from sandbox.zygote_link import library_path


def test_the_installed_wasmtime_keeps_the_limit_where_it_can_be_changed() -> None:
    """Where a release does not, memory limits of running containers can no longer be changed."""
    engine = Engine(str(library_path()))
    stores = [engine.library.wasmtime_store_new(engine.pointer, None, None) for _ in range(3)]
    places = [memory_limit.give_limiter(engine.library, store) for store in stores]
    assert all(places)
    states = [engine.library.wasmtime_store_context(store) for store in stores]
    [offset] = {place - state for place, state in zip(places, states, strict=True)}
    assert offset % 8 == 0, "it is written at once"


def test_no_limit_is_more_than_there_can_be() -> None:
    assert int.from_bytes(memory_limit.encoded(0), "little") > 1 << 60
    assert memory_limit.encoded(0x1234) == b"\x34\x12" + bytes(6)
