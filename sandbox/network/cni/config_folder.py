"""The folder that a pod network is installed into: the first of its files, by name, is the network."""

import os
from pathlib import Path
from typing import NamedTuple

from sandbox.errors import InvalidSpec, SandboxError
from sandbox.network.cni.network_config import NetworkConfig, Plugin, parse, parse_plugin

_NETWORK_FILES = (".conf", ".conflist", ".json")
_PLUGIN_FILE = ".conf"


class Signature(NamedTuple):
    """Differs when the network's description may have changed."""

    file: str
    """"" if there is none."""
    parts: tuple[tuple[str, int, int, int], ...]
    """Of it and of all below the folder: path, inode, size, time of change."""


def signature(folder: Path) -> Signature:
    """Blocks shortly. Never raises: what cannot be looked at is not there."""
    names = _files(folder, _NETWORK_FILES)
    parts = [_part(folder / name) for name in names]
    for name in _folders(folder):
        parts += [_part(folder / name / plugin) for plugin in _files(folder / name, (_PLUGIN_FILE,))]
    return Signature(names[0] if names else "", tuple(parts))


def load(folder: Path) -> NetworkConfig:
    """Raises SandboxError, which says why there is no network."""
    names = _files(folder, _NETWORK_FILES)
    if not names:
        wanted = ", ".join(_NETWORK_FILES)
        raise SandboxError(f"no file of {folder} ends with {wanted}: install a CNI network there")
    file = folder / names[0]
    config = parse(_text(file), str(file))
    if config.only_inlined:
        return config
    return _whole(config._replace(plugins=[*config.plugins, *_further_plugins(folder / config.name)]), file)


def _whole(config: NetworkConfig, file: Path) -> NetworkConfig:
    if not config.plugins:
        raise InvalidSpec(f"{file} has no plugin of network {config.name}: list at least one in 'plugins'")
    return config


def _further_plugins(folder: Path) -> list[Plugin]:
    """CNI 1.1: files in a folder named like the network are further plugins of it."""
    return [parse_plugin(_text(folder / name), str(folder / name)) for name in _files(folder, (_PLUGIN_FILE,))]


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(f"{file} cannot be read: {error}; mend it") from error


def _files(folder: Path, endings: tuple[str, ...]) -> list[str]:
    return sorted(name for name in _entries(folder) if name.endswith(endings) and (folder / name).is_file())


def _folders(folder: Path) -> list[str]:
    return sorted(name for name in _entries(folder) if (folder / name).is_dir())


def _entries(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _part(file: Path) -> tuple[str, int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return str(file), 0, 0, 0
    return str(file), found.st_ino, found.st_size, found.st_mtime_ns
