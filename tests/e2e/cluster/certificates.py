"""Who is who in a cluster: one authority, the API server's certificate, and that of everybody who talks to it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.node_namespaces import ADDRESS
from tests.prerequisites import require_tool

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
_DAYS = "2"


@dataclass(frozen=True)
class KeyPair:
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    authority: KeyPair
    server: KeyPair
    client: KeyPair

    def write_kubeconfig(self, path: Path, url: str) -> Path:
        """With which a client may do everything that the API server at the URL offers."""
        cluster = {"server": url, "certificate-authority": str(self.authority.certificate)}
        user = {"client-certificate": str(self.client.certificate), "client-key": str(self.client.key)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "cluster", "cluster": cluster}],
            "users": [{"name": "all", "user": user}],
            "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "all"}}],
            "current-context": "context",
        }
        path.write_text(json.dumps(config))
        return path


def make_certificates(folder: Path) -> Certificates:
    """Valid for two days. Skips the test where there is no openssl."""
    folder.mkdir(parents=True)
    authority = _make(folder / "authority", "/CN=authority")
    addresses = f"subjectAltName=IP:127.0.0.1,IP:{ADDRESS}"
    server = _make(folder / "server", "/CN=kube-apiserver", *_signed_by(authority), "-addext", addresses)
    client = _make(folder / "client", "/O=system:masters/CN=all", *_signed_by(authority))
    return Certificates(authority, server, client)


def _signed_by(authority: KeyPair) -> tuple[str, ...]:
    return "-CA", str(authority.certificate), "-CAkey", str(authority.key)


def _make(path: Path, subject: str, *options: str) -> KeyPair:
    pair = KeyPair(path.with_suffix(".crt"), path.with_suffix(".key"))
    places = ["-out", str(pair.certificate), "-keyout", str(pair.key)]
    command = [str(require_tool("openssl")), "req", "-x509", *_KEY, "-days", _DAYS, "-subj", subject]
    subprocess.run([*command, *options, *places], check=True, capture_output=True)
    return pair
