"""A network as its administrator describes it: a list of plugins, each with its settings. No I/O.

CNI: sections 1 (network configuration format) of the specification.
"""

import json
import re
from typing import Any, NamedTuple

from sandbox.errors import InvalidSpec

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
"""That are spoken, oldest first."""
_UNNAMED_VERSION = "0.1.0"
"""CNI: of a configuration that says none."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PLUGIN_TYPE = re.compile(r"[^/\0]+")

Plugin = dict[str, Any]


class NetworkConfig(NamedTuple):
    name: str
    version: str
    plugins: list[Plugin]
    disable_check: bool = False
    disable_gc: bool = False
    only_inlined: bool = True
    """No further plugins from files in the folder named like the network."""

    def speaks(self, version: str) -> bool:
        """At least this version."""
        return VERSIONS.index(self.version) >= VERSIONS.index(version)

    @property
    def capabilities(self) -> set[str]:
        """That some plugin has."""
        return {name for plugin in self.plugins for name, on in plugin.get("capabilities", {}).items() if on}


def parse(text: str, file: str) -> NetworkConfig:
    """Of a list of plugins, or of one alone. Raises InvalidSpec, which names the file."""
    fields = _object(text, file)
    name = fields.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidSpec(f"{file} gives the network the name {name!r}: write letters, digits, '_', '.' and '-'")
    listed = fields.get("plugins", [fields])
    if not isinstance(listed, list) or (not listed and not _loads_more(fields)):
        raise InvalidSpec(f"{file} has no plugin of network {name}: list at least one in 'plugins'")
    plugins = [_plugin(plugin, file) for plugin in listed]
    return NetworkConfig(
        name,
        _version(fields, file),
        plugins,
        _flag(fields, "disableCheck", file),
        _flag(fields, "disableGC", file),
        not _loads_more(fields),
    )


def parse_plugin(text: str, file: str) -> Plugin:
    """Of a file that adds one plugin to a network. Raises InvalidSpec."""
    return _plugin(_object(text, file), file)


def _loads_more(fields: dict[str, Any]) -> bool:
    return "plugins" in fields and fields.get("loadOnlyInlinedPlugins") is not True


def _object(text: str, file: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidSpec(f"{file} is no JSON: {error}; mend it") from error
    if not isinstance(fields, dict):
        raise InvalidSpec(f"{file} holds no JSON object: describe a network in it")
    return fields


def _plugin(plugin: Any, file: str) -> Plugin:
    kind = plugin.get("type") if isinstance(plugin, dict) else None
    if not isinstance(kind, str) or not _PLUGIN_TYPE.fullmatch(kind) or kind in (".", ".."):
        raise InvalidSpec(f"{file} has a plugin of type {kind!r}: name a program of the plugin folders")
    if not isinstance(plugin.get("capabilities", {}), dict):
        raise InvalidSpec(f"{file} has capabilities of plugin {kind} that are no object: write {{name: true}}")
    return dict(plugin)


def _version(fields: dict[str, Any], file: str) -> str:
    """CNI 1.1: the best of ``cniVersions``."""
    stated = fields.get("cniVersions") or []
    offered = [*(stated if isinstance(stated, list) else [stated]), fields.get("cniVersion") or _UNNAMED_VERSION]
    spoken = [version for version in VERSIONS if version in offered]
    if not spoken:
        raise InvalidSpec(f"{file} asks for CNI version {offered[-1]!r}: use one of {', '.join(VERSIONS)}")
    return spoken[-1]


def _flag(fields: dict[str, Any], key: str, file: str) -> bool:
    """CNI: some write booleans as text."""
    value = fields.get(key, False)
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, bool):
        raise InvalidSpec(f"{file} sets {key} to {fields[key]!r}: write true or false")
    return value
