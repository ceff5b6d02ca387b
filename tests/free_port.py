"""A TCP port of loopback for a server that cannot choose one by itself.

It is none that the kernel gives to whoever asks for any, so that nobody gets it between the choice and its use.
"""

import random
import socket

_NEVER_GIVEN = range(20_000, 32_768)
"""Below the kernel's own range, net.ipv4.ip_local_port_range."""


def free_port() -> int:
    while True:
        port = random.choice(_NEVER_GIVEN)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
