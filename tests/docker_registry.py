"""The distribution registry of Docker, as Debian packages it, on a free port of loopback."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.free_port import free_port
from tests.prerequisites import require_tool

_SECONDS_TO_START = 120

_CONFIG = """version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
http:
  addr: {address}
{more}"""

# "me" with the password "secret".
_HTPASSWD = "me:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
_AUTH = """auth:
  htpasswd: {{realm: test, path: {folder}/passwords}}
"""


@contextmanager
def docker_registry(folder: Path, password: bool = False) -> Iterator[str]:
    """Its ``host:port``. ``password``: it wants ``me`` and ``secret``. Skips the test where there is none."""
    program = require_tool("docker-registry")
    address = f"127.0.0.1:{free_port()}"
    folder.mkdir(parents=True, exist_ok=True)
    more = _AUTH.format(folder=folder) if password else ""
    (folder / "passwords").write_text(_HTPASSWD)
    (folder / "config.yml").write_text(_CONFIG.format(folder=folder, address=address, more=more))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
    try:
        _wait_until_serving(process, address, folder / "log")
        yield address
    finally:
        process.kill()
        process.wait()


def _wait_until_serving(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        try:
            requests.get(f"http://{address}/v2/", timeout=30)
            return
        except requests.RequestException:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"docker-registry does not serve:\n{log.read_text()}") from None
            time.sleep(0.05)
