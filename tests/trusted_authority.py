"""An authority whose certificates wasmtime trusts.

wasmtime has the authorities of the web built in and can be told of no other. So this is a copy of it in which one of
them, and others with keys of that kind, have a key of ours.
"""

import re
import subprocess
from pathlib import Path

import wasmtime

from tests.prerequisites import require_tool

_NAME = "/C=US/O=Internet Security Research Group/CN=ISRG Root X2"
_KEYS = re.compile(re.escape(bytes.fromhex("06072a8648ce3d020106052b8104002203620004")) + b".{96}", re.DOTALL)
"""Of the curve P-384, as certificates and wasmtime have them: the kind of key, and a point."""
_CONFIG = "[req]\ndistinguished_name = name\nstring_mask = pkix\n[name]\n"
_LIBRARY = "_libwasmtime.so"


class TrustedAuthority:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._certificate, self._key = folder / "authority.crt", folder / "authority.key"
        (folder / "openssl.cnf").write_text(_CONFIG)
        self._make(self._certificate, self._key, _NAME)

    def packages(self) -> Path:
        """A folder in which Python finds the wasmtime that trusts this authority."""
        original, copy = Path(wasmtime.__file__).parent, self._folder / "packages" / "wasmtime"
        copy.mkdir(parents=True)
        for path in original.iterdir():
            (copy / path.name).symlink_to(path)
        [library] = original.glob(f"*/{_LIBRARY}")
        folder = copy / library.parent.name
        folder.unlink()
        folder.mkdir()
        key = self._public_key()
        changed, count = _KEYS.subn(lambda _: key, library.read_bytes())
        assert count, "wasmtime keeps the keys of its authorities in another way than before"
        (folder / _LIBRARY).write_bytes(changed)
        return copy.parent

    def certify(self, subject: str) -> tuple[Path, Path]:
        """Files of a certificate and its key. ``subject``: as ``IP:10.0.0.1`` or ``DNS:name``."""
        made = self._folder / "server.crt", self._folder / "server.key"
        signing: list[str | Path] = [
            "-CA",
            self._certificate,
            "-CAkey",
            self._key,
            "-addext",
            f"subjectAltName={subject}",
        ]
        self._make(*made, "/CN=server", *signing)
        return made

    def _make(self, certificate: Path, key: Path, name: str, *options: str | Path) -> None:
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-sha384", "-days", "2"]
        files: list[str | Path] = ["-config", self._folder / "openssl.cnf", "-out", certificate, "-keyout", key]
        self._run("req", "-x509", *kind, "-subj", name, *files, *options)

    def _public_key(self) -> bytes:
        made = self._run("pkey", "-in", self._key, "-pubout", "-outform", "DER")
        [found] = _KEYS.findall(made)
        return bytes(found)

    def _run(self, *arguments: str | Path) -> bytes:
        command = [str(require_tool("openssl")), *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True).stdout
