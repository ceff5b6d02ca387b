"""A zygote whose server is killed, for real."""

import socket
import subprocess

from sandbox import control
from sandbox.zygote_link import _ENVIRONMENT, _command


def test_it_ends_without_complaint_if_its_server_is_killed_before_it_answers() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(control.encode({"op": "load_shim", "id": 1, "paths": ["/nowhere", "/nowhere"]}))
        ours.close()
        zygote = subprocess.run(
            _command(theirs.fileno(), 1, ""),
            pass_fds=[theirs.fileno()],
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (zygote.returncode, zygote.stderr) == (0, "")
