"""Finds what the machine's operator says of a registry: a folder for each, as containerd and Docker lay them out.

    certs.d/registry.example/hosts.toml          of that registry
    certs.d/registry.example_5000_/hosts.toml    of one with a port; registry.example:5000 will do too
    certs.d/_default/hosts.toml                  of those without a folder

Without ``hosts.toml``, the certificates in the folder count: ``*.crt`` of authorities, ``*.cert`` and ``*.key`` of the
client. Blocking: for threads.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

from image_store import hosts_file
from image_store.errors import RegistryConfigInvalid
from image_store.references import Reference
from image_store.registry_host import RegistryHost, upstream
from image_store.transport import trusted_authorities

_FILE = "hosts.toml"
_DEFAULT = "_default"
_PORT = re.compile(r":(\d+)$")


def hosts_of(folder: Path | None, reference: Reference, plain_http: tuple[str, ...]) -> tuple[RegistryHost, ...]:
    """Where its images are pulled from, in the order in which they are asked. Raises RegistryConfigInvalid."""
    registry = upstream(reference.registry, plain_http)
    found = None if folder is None else _folder_of(folder, reference.host)
    if found is None:
        return (registry,)
    text = _read(found / _FILE)
    return hosts_file.parse(text, found / _FILE, registry) if text else (_with_certificates(registry, found),)


def _folder_of(folder: Path, host: str) -> Path | None:
    names = (_PORT.sub(r"_\1_", host), host, _DEFAULT)
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _read(file: Path) -> str:
    """Empty where there is none."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise RegistryConfigInvalid(f"{file}: cannot be read: {error.strerror}; make it a file of root's") from error
    except UnicodeDecodeError as error:
        raise RegistryConfigInvalid(f"{file}: is not TOML: it is not UTF-8 ({error.reason}); write it anew") from error


def _with_certificates(registry: RegistryHost, folder: Path) -> RegistryHost:
    names = sorted(os.listdir(folder))
    authorities = tuple(str(folder / name) for name in names if name.endswith(".crt"))
    clients = [name.removesuffix(".cert") for name in names if name.endswith(".cert")]
    if len(clients) > 1:
        raise RegistryConfigInvalid(f"{folder}: has several client certificates (*.cert); leave one")
    if not authorities and not clients:
        return registry
    return replace(
        registry,
        scheme="https",
        verify=trusted_authorities(),
        authorities=authorities,
        client=_pair(folder, clients[0], names) if clients else None,
        configured_in=str(folder),
    )


def _pair(folder: Path, client: str, names: list[str]) -> tuple[str, str]:
    certificate, key = f"{client}.cert", f"{client}.key"
    return str(folder / certificate), str(folder / (key if key in names else certificate))
