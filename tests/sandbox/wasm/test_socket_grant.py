"""In this process: contexts are made, nothing is run or compiled."""

import ctypes
from typing import Any

import pytest

from sandbox import network_access
from sandbox.errors import StartFailure
from sandbox.wasm.library import Library
from sandbox.wasm.socket_grant import FlagPlaces, grant
from sandbox.zygote_link import library_path

NAMES, UDP, TCP = 0, 1, 2


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(str(library_path()))


class OldLibrary:
    """Of a context that is three flags, without calls for two of them."""

    allow_tcp = allow_udp = None

    def __init__(self) -> None:
        self.flags = (ctypes.c_uint8 * 3)()

    @property
    def config(self) -> int:
        return ctypes.addressof(self.flags)

    def wasi_config_inherit_network(self, config: int) -> None:
        assert config == self.config

    def wasi_config_allow_ip_name_lookup(self, config: int, allowed: bool) -> None:
        self.flags[NAMES] = allowed


class NewLibrary(OldLibrary):
    def allow_tcp(self, config: int, allowed: bool) -> None:  # type: ignore[override]
        self.flags[TCP] = allowed

    def allow_udp(self, config: int, allowed: bool) -> None:  # type: ignore[override]
        self.flags[UDP] = allowed


PLACES = FlagPlaces(NAMES, UDP, TCP)
GRANTED = {"full": [1, 1, 1], "outbound": [1, 0, 1], "inbound": [0, 0, 1], "none": [0, 0, 0]}


@pytest.fixture(params=[OldLibrary, NewLibrary])
def either(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.mark.parametrize("access", network_access.ALL)
def test_a_component_is_granted_what_its_pod_lets_it_do(either: Any, access: str) -> None:
    grant(either, either.config, PLACES, access)
    assert list(either.flags) == GRANTED[access]


@pytest.mark.parametrize("places", [FlagPlaces(UDP, NAMES, TCP), FlagPlaces(NAMES, UDP, NAMES)])
def test_flags_that_are_not_where_they_were_are_not_touched(places: FlagPlaces) -> None:
    library: Any = OldLibrary()
    with pytest.raises(StartFailure, match="elsewhere than it did"):
        grant(library, library.config, places, "full")
    assert list(library.flags) == [1, 0, 0]


def test_nothing_is_granted_where_the_flags_are_not_known(library: Library) -> None:
    with pytest.raises(StartFailure, match="cannot be told to let a guest use sockets"):
        grant(library, library.wasi_config_new(), None, "full")
    grant(library, library.wasi_config_new(), None, "none")


def test_places_travel_as_text() -> None:
    assert FlagPlaces.decoded(PLACES.encoded()) == PLACES
    assert FlagPlaces.decoded("") is None
    for text in ("1,2", "1,2,3,4", "1,2,x", "!no"):
        with pytest.raises((ValueError, TypeError)):
            FlagPlaces.decoded(text)
