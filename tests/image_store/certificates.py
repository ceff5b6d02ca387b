"""Certificates that vouch for themselves, and registries that show them."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

from deploy.demo_registry import Registry
from tests.prerequisites import require_tool


class Certificate(NamedTuple):
    path: Path
    key: Path


def self_signed(folder: Path, address: str, name: str = "certificate") -> Certificate:
    """``address``: IP address that it is for. Skips the test where there is no openssl."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key.pem")
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}"]
    files = ["-nodes", "-keyout", str(made.key), "-out", str(made.path)]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command: list[str | Path] = [require_tool("openssl"), "req", "-x509", *curve, *files, *subject]
    subprocess.run(command, check=True, capture_output=True)
    return made


def speak_tls(registry: Registry, certificate: Certificate, client: Certificate | None = None) -> None:
    """``client``: the only one that it serves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path, certificate.key)
    if client is not None:
        context.load_verify_locations(client.path)
        context.verify_mode = ssl.CERT_REQUIRED
    registry.socket = context.wrap_socket(registry.socket, server_side=True, do_handshake_on_connect=False)
