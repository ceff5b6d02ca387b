import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import InvalidSpec
from sandbox.network.cni.network_config import VERSIONS, parse, parse_plugin

BRIDGE = {"type": "bridge", "mtu": 1400}


def text(**fields: object) -> str:
    return json.dumps({"name": "pods", "plugins": [BRIDGE], **fields})


def test_a_list_of_plugins() -> None:
    config = parse(text(cniVersion="1.0.0", plugins=[BRIDGE, {"type": "portmap"}], disableCheck=True), "a.conflist")
    assert (config.name, config.version, config.disable_check, config.disable_gc) == ("pods", "1.0.0", True, False)
    assert config.plugins == [BRIDGE, {"type": "portmap"}]


def test_one_plugin_alone_is_a_list_of_one() -> None:
    config = parse(json.dumps({"cniVersion": "0.3.1", "name": "pods", **BRIDGE}), "a.conf")
    assert [plugin["type"] for plugin in config.plugins] == ["bridge"]
    assert config.only_inlined


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        ({}, "0.1.0"),
        ({"cniVersion": "0.4.0"}, "0.4.0"),
        ({"cniVersion": "1.0.0", "cniVersions": ["0.4.0", "1.0.0", "1.1.0", "9.0.0"]}, "1.1.0"),
        ({"cniVersions": ["1.0.0"]}, "1.0.0"),
    ],
)
def test_the_version_is_the_best_that_both_speak(fields: dict[str, object], version: str) -> None:
    assert parse(text(**fields), "a").version == version


def test_versions_are_in_order() -> None:
    config = parse(text(cniVersion="0.4.0"), "a")
    assert [config.speaks(version) for version in VERSIONS] == [True] * 5 + [False] * 2


@pytest.mark.parametrize("written", [True, "true", "TRUE"])
def test_flags_may_be_text(written: object) -> None:
    assert parse(text(disableGC=written), "a").disable_gc


def test_further_plugins_may_be_in_files() -> None:
    assert not parse(text(plugins=[]), "a").only_inlined
    assert parse(text(loadOnlyInlinedPlugins=True), "a").only_inlined


def test_capabilities_are_those_that_are_switched_on() -> None:
    plugins = [{"type": "a", "capabilities": {"ips": True, "mac": False}}, {"type": "b", "capabilities": {"dns": True}}]
    assert parse(text(plugins=plugins), "a").capabilities == {"ips", "dns"}


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("{", "/f is no JSON"),
        ("[]", "/f holds no JSON object"),
        (text(name=""), "/f gives the network the name ''"),
        (text(name="../x"), "the name '../x'"),
        (text(plugins={}), "no plugin of network pods"),
        (text(plugins=[], loadOnlyInlinedPlugins=True), "no plugin of network pods"),
        (text(plugins=[{}]), "a plugin of type None"),
        (text(plugins=["bridge"]), "a plugin of type None"),
        (text(plugins=[{"type": "/bin/sh"}]), "a plugin of type '/bin/sh'"),
        (text(plugins=[{"type": ".."}]), r"a plugin of type '\.\.'"),
        (text(plugins=[{"type": "x", "capabilities": ["ips"]}]), "capabilities of plugin x"),
        (text(cniVersion="2.0.0"), "CNI version '2.0.0': use one of 0.1.0"),
        (text(disableCheck="perhaps"), "disableCheck to 'perhaps'"),
        ('{"name": "pods"}', "a plugin of type None"),
    ],
)
def test_what_is_no_network_is_refused_with_its_file(written: str, reason: str) -> None:
    with pytest.raises(InvalidSpec, match=reason):
        parse(written, "/f")


@given(st.text() | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps))
def test_garbage_is_refused(written: str) -> None:
    for parser in (parse, parse_plugin):
        with pytest.raises(InvalidSpec):
            parser(written, "/f")


@given(
    st.dictionaries(
        st.sampled_from(["name", "plugins", "cniVersion", "cniVersions", "disableGC", "type", "capabilities"]),
        st.recursive(st.none() | st.integers() | st.text(), lambda deeper: st.lists(deeper)),
    )
)
def test_fields_of_any_type_are_read_or_refused(fields: dict[str, object]) -> None:
    with suppress(InvalidSpec):
        parse(json.dumps(fields), "/f")
