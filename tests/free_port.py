"""A TCP port of loopback for a server that cannot choose one by itself.

It is none that the kernel gives to whoever asks for any, so that nobody gets it between the choice and its use; nor
does another test, of whatever session, as long as this session lasts.
"""

import random
import socket

_NEVER_GIVEN = range(20_000, 32_768)
"""Below the kernel's own range, net.ipv4.ip_local_port_range."""
_claims: list[socket.socket] = []
"""Each is a name that one process at a time can have, and no file."""


def free_port() -> int:
    while True:
        port = random.choice(_NEVER_GIVEN)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0wasmlet-test-port-{port}")
            with socket.create_server(("127.0.0.1", port)):
                _claims.append(claim)
                return port
        except OSError:
            claim.close()
