"""Parses ``hosts.toml``, which says where a registry's images are pulled from, in containerd's format. No I/O.

    server = "https://registry.example"          the registry, asked last; without it: as the image names it

    [host."https://mirror.example"]              asked before, in the order of the file
      capabilities = ["pull", "resolve"]

The members of a ``host``, but for ``server``, may also stand at the top, where they are the registry's.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from image_store.errors import RegistryConfigInvalid
from image_store.references import DOCKER_HUB, DOCKER_HUB_REGISTRY
from image_store.registry_host import RegistryHost
from image_store.transport import is_loopback, trusted_authorities

_MEMBERS = ("ca", "capabilities", "client", "dial_timeout", "header", "override_path", "proxy", "skip_verify")
_CAPABILITIES = ("pull", "resolve", "push")
_PROXY_SCHEMES = ("http", "https")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PERIOD = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


class _Wrong(Exception):
    """What is wrong with one member: key, and what it must be."""


def parse(text: str, file: Path, registry: RegistryHost) -> tuple[RegistryHost, ...]:
    """In the order in which they are asked. ``registry``: the image's own. Raises RegistryConfigInvalid."""
    try:
        return _hosts(tomllib.loads(text), file, registry)
    except tomllib.TOMLDecodeError as error:
        raise RegistryConfigInvalid(f"{file}: is not TOML: {error}; mend that line") from error
    except _Wrong as error:
        raise RegistryConfigInvalid(f"{file}: {error}") from None


def _hosts(table: Mapping[str, Any], file: Path, registry: RegistryHost) -> tuple[RegistryHost, ...]:
    mirrors = table.get("host", {})
    if not isinstance(mirrors, dict):
        raise _Wrong('host: must be tables such as [host."https://mirror.example"]')
    hosts = [_mirror(url, members, file) for url, members in mirrors.items()]
    own = {key: value for key, value in table.items() if key not in ("host", "server")}
    server = table.get("server", "")
    last = _host_at("server", server, own, file) if server else replace(registry, configured_in=str(file))
    return (*hosts, _with_members("", last, own, file))


def _mirror(url: str, members: Any, file: Path) -> RegistryHost:
    if not isinstance(members, dict):
        raise _Wrong(f'host."{url}": must be a table')
    key = f'host."{url}"'
    return _with_members(f"{key}.", _host_at(key, url, members, file), members, file)


def _host_at(key: str, url: Any, members: Mapping[str, Any], file: Path) -> RegistryHost:
    """What the URL alone says."""
    if not isinstance(url, str):
        raise _Wrong(f"{key}: must be a URL, not {url!r}")
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.query or parts.fragment:
        raise _Wrong(f"{key}: must be a URL of scheme (http or https), host, port and path alone, not {url!r}")
    return RegistryHost(
        parts.scheme,
        DOCKER_HUB_REGISTRY if parts.netloc == DOCKER_HUB else parts.netloc,
        path=_path(parts.path, _flag(key, "override_path", members)),
        verify=trusted_authorities(),
        may_use_proxy=not is_loopback(parts.hostname or ""),
        configured_in=str(file),
    )


def _path(path: str, overrides: bool) -> str:
    clean = "/".join(("", *(part for part in path.split("/") if part)))
    return clean if overrides or clean.endswith("/v2") else f"{clean}/v2"


def _with_members(prefix: str, host: RegistryHost, members: Mapping[str, Any], file: Path) -> RegistryHost:
    for key in members:
        if key not in _MEMBERS:
            raise _Wrong(f"{prefix}{key}: unknown key; use {', '.join(_MEMBERS)}")
    capabilities = _capabilities(prefix, members)
    authorities, client = _authorities(prefix, members, file), _client(prefix, members, file)
    if host.scheme == "http" and (authorities or client):
        key = "ca" if authorities else "client"
        raise _Wrong(f'{prefix}{key}: needs TLS, which {host.origin} is spoken to without; write "https://" for it')
    return replace(
        host,
        may_resolve="resolve" in capabilities,
        may_pull="pull" in capabilities,
        verify=_verify(prefix, host, members),
        authorities=authorities,
        client=client,
        headers=_headers(prefix, members),
        proxy=_proxy(prefix, members),
        connect_seconds=_connect_seconds(prefix, host, members),
    )


def _verify(prefix: str, host: RegistryHost, members: Mapping[str, Any]) -> bool | str:
    if "skip_verify" not in members:
        return host.verify
    return False if _flag(prefix, "skip_verify", members) else trusted_authorities()


def _flag(prefix: str, key: str, members: Mapping[str, Any]) -> bool:
    value = members.get(key, False)
    if not isinstance(value, bool):
        raise _Wrong(f"{prefix}{key}: must be true or false, not {value!r}")
    return value


def _capabilities(prefix: str, members: Mapping[str, Any]) -> list[str]:
    """None named means all."""
    named = _strings(f"{prefix}capabilities", members.get("capabilities", []))
    for name in named:
        if name.lower() not in _CAPABILITIES:
            raise _Wrong(f'{prefix}capabilities: unknown capability "{name}"; use {", ".join(_CAPABILITIES)}')
    return [name.lower() for name in named] or list(_CAPABILITIES)


def _strings(key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Wrong(f"{key}: must be a list of strings, not {value!r}")
    return value


def _string(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(f"{key}: must be a string, not {value!r}")
    return value


def _authorities(prefix: str, members: Mapping[str, Any], file: Path) -> tuple[str, ...]:
    value = members.get("ca", [])
    paths = [value] if isinstance(value, str) else _strings(f"{prefix}ca", value)
    return tuple(_beside(file, path) for path in paths)


def _beside(file: Path, path: str) -> str:
    """Relative paths are meant from the file's folder."""
    return str(file.parent / path)


def _client(prefix: str, members: Mapping[str, Any], file: Path) -> tuple[str, str] | None:
    """A file of both, or files of certificate and key; a key of "" is in the certificate's file."""
    value = members.get("client", [])
    pairs = [value] if isinstance(value, str) else value
    if not isinstance(pairs, list):
        raise _Wrong(f"{prefix}client: must be a path, or a list of paths or of pairs of paths, not {value!r}")
    if len(pairs) > 1:
        raise _Wrong(f"{prefix}client: one certificate can be shown to a host, not {len(pairs)}; leave one")
    if not pairs:
        return None
    pair = [pairs[0], ""] if isinstance(pairs[0], str) else _strings(f"{prefix}client", pairs[0])
    if len(pair) != 2 or not pair[0]:
        raise _Wrong(f"{prefix}client: must be a pair of certificate and key, not {pair!r}")
    return _beside(file, pair[0]), _beside(file, pair[1] or pair[0])


def _headers(prefix: str, members: Mapping[str, Any]) -> dict[str, str]:
    table = members.get("header", {})
    if not isinstance(table, dict):
        raise _Wrong(f"{prefix}header: must be a table of strings")
    return {name: _header(f"{prefix}header.{name}", name, value) for name, value in table.items()}


def _header(key: str, name: str, value: Any) -> str:
    """Values of one name may travel in one line (HTTP: the same as several lines). They may be secret: not shown."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value) or not _HEADER_NAME.fullmatch(name):
        raise _Wrong(f"{key}: must be an HTTP header: a name, and a string or a list of strings of printable ASCII")
    return value


def _proxy(prefix: str, members: Mapping[str, Any]) -> str:
    url = _string(f"{prefix}proxy", members.get("proxy", ""))
    if url and (urlsplit(url).scheme not in _PROXY_SCHEMES or not urlsplit(url).netloc):
        raise _Wrong(f"{prefix}proxy: must be the URL of an http or https proxy, with its host")
    return url


def _connect_seconds(prefix: str, host: RegistryHost, members: Mapping[str, Any]) -> float:
    if "dial_timeout" not in members:
        return host.connect_seconds
    text = _string(f"{prefix}dial_timeout", members["dial_timeout"])
    periods = _PERIOD.findall(text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in periods)
    if "".join(number + unit for number, unit in periods) != text or seconds <= 0:
        raise _Wrong(f'{prefix}dial_timeout: must be a time such as "1s" or "500ms", not {text!r}')
    return seconds
