"""How a component is granted ``wasi:sockets``: by its WASI context, before there is an instance.

wasmtime denies TCP and UDP unless they are allowed, and the C API of the releases so far has a call for names alone. A
release that has calls is asked by them. Otherwise the flags are set where the library keeps them, at places that a
trial has found and proven in a process of its own (see ``socket_trial``); they count for that library only.
"""

from typing import Any, NamedTuple

from sandbox import network_access
from sandbox.errors import StartFailure
from sandbox.wasm.address_space import octets
from sandbox.wasm.library import Library


class FlagPlaces(NamedTuple):
    """Offsets in wasmtime's ``wasi_config_t``, of a byte each."""

    names: int
    """What the call for names sets."""
    udp: int
    tcp: int

    def encoded(self) -> str:
        return ",".join(map(str, self))

    @classmethod
    def decoded(cls, text: str) -> "FlagPlaces | None":
        """None of nothing. Raises ValueError, TypeError for what are no places."""
        return cls(*map(int, text.split(","))) if text else None


REFUSED = "!"
"""Begins the answer of a trial that found no places, before the reason."""

BY_CALLS = FlagPlaces(0, 0, 0)
"""Of a library that has calls."""


def has_calls(library: Library) -> bool:
    return library.allow_tcp is not None and library.allow_udp is not None


def grant(library: Library, config: Any, places: FlagPlaces | None, access: str) -> None:
    """To the context that ``config`` is for. ``access``: one of ``network_access.ALL``. Raises StartFailure."""
    if access == network_access.NONE:
        return
    if places is None:
        raise StartFailure("this release of wasmtime cannot be told to let a guest use sockets: install another one")
    names, udp = network_access.calls_out(access), network_access.sends_datagrams(access)
    library.wasi_config_inherit_network(config)
    library.wasi_config_allow_ip_name_lookup(config, names)
    if has_calls(library):
        library.allow_udp(config, udp)
        library.allow_tcp(config, True)
    else:
        _set_flags(config, places, names, udp)


def _set_flags(config: int, places: FlagPlaces, names: bool, udp: bool) -> None:
    if (octets[config + places.names], octets[config + places.udp], octets[config + places.tcp]) != (names, 0, 0):
        raise StartFailure("wasmtime keeps what it allows a guest elsewhere than it did: start the server again")
    octets[config + places.udp] = udp
    octets[config + places.tcp] = True
