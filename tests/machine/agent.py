"""Inside the machine: runs what it is told over a serial line, one command after the other.

One JSON object a line. First it says ``{}``; then ``{"argv": [...], "input": ""}`` is answered by
``{"status": 0, "out": "", "err": ""}``. Nothing but the standard library of the machine's own Python.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

_SHELLS_FAILURE = 127


def main(port: str) -> None:
    while not os.path.exists(port):
        time.sleep(0.1)
    descriptor = os.open(port, os.O_RDWR | os.O_CLOEXEC)  # once: it takes no second open file
    send(descriptor, {})
    with open(descriptor, "rb") as requests:
        for line in requests:
            send(descriptor, run(**json.loads(line)))


def run(argv: list[str], input: str) -> dict[str, Any]:
    try:
        done = subprocess.run(argv, input=input.encode(), capture_output=True)
    except OSError as error:
        return {"status": _SHELLS_FAILURE, "out": "", "err": str(error)}
    return {"status": done.returncode, "out": _text(done.stdout), "err": _text(done.stderr)}


def send(port: int, message: dict[str, Any]) -> None:
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(port, data) :]


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


if __name__ == "__main__":
    main(sys.argv[1])
