"""How a registry is spoken to: with TLS, unless it is on this machine or the configuration says otherwise."""

import ipaddress
import os
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

_HTTPS_PORT = 443


class Transport(NamedTuple):
    scheme: str
    verify: bool | str
    """False: any certificate will do; a path: of the authorities that are trusted."""
    may_use_proxy: bool
    """One that the environment names."""


def transport(host: str, plain_http: tuple[str, ...]) -> Transport:
    """``host``: with its port, if any. As containerd does, loopback hosts are spoken to without TLS but on port 443."""
    address = urlsplit(f"//{host}")
    name = address.hostname or ""
    loopback = is_loopback(name)
    if host in plain_http or name in plain_http or (loopback and address.port != _HTTPS_PORT):
        return Transport("http", True, not loopback)
    return Transport("https", False if loopback else trusted_authorities(), not loopback)


def is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def trusted_authorities() -> str | bool:
    """The machine's, so that a private authority that its operator added counts; else those that requests brings."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return paths.cafile
    return paths.capath if paths.capath and os.listdir(paths.capath) else True
