"""The pod's files below /etc, which WASI guests read like any other program. No I/O but ``write``."""

import os
from collections.abc import Iterable
from pathlib import Path

from cri_server.cri_v1 import api_pb2 as cri
from cri_server.errors import InvalidRequest

HOSTS = "hosts"
HOSTNAME = "hostname"
RESOLV_CONF = "resolv.conf"
ALL = (HOSTS, HOSTNAME, RESOLV_CONF)

_LOCAL = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"


def hostname(config: cri.PodSandboxConfig) -> str:
    """Clients other than the kubelet leave it empty: then the node's."""
    return config.hostname or os.uname().nodename


def resolv_conf(dns: cri.DNSConfig, of_host: str) -> str:
    """CRI: the pod's DNS config; without one the host's file. Raises InvalidRequest."""
    if not (dns.servers or dns.searches or dns.options):
        return of_host
    lines = [f"nameserver {server}" for server in _words(dns.servers)]
    lines = [f"search {' '.join(_words(dns.searches))}"] * bool(dns.searches) + lines
    lines += [f"options {' '.join(_words(dns.options))}"] * bool(dns.options)
    return "\n".join(lines) + "\n"


def _words(values: Iterable[str]) -> list[str]:
    for value in values:
        if not value or any(character.isspace() or not character.isprintable() for character in value):
            raise InvalidRequest(f"{value!r} in the pod's DNS config is not a single word: mend it")
    return list(values)


def hosts(name: str, ips: list[str]) -> str:
    return _LOCAL + "".join(f"{ip}\t{name}\n" for ip in ips)


def write(folder: str, config: cri.PodSandboxConfig, ips: list[str], host_network: bool) -> None:
    """In the host's network the names are the host's, too."""
    name = hostname(config)
    texts = {
        HOSTS: _of_host("hosts") if host_network else hosts(name, ips),
        HOSTNAME: name + "\n",
        RESOLV_CONF: resolv_conf(config.dns_config, _of_host("resolv.conf")),
    }
    for file, text in texts.items():
        path = Path(folder, file)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        path.chmod(0o644)


def _of_host(name: str) -> str:
    try:
        return Path("/etc", name).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""
