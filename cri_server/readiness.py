"""Telling systemd that the server serves (sd_notify): one datagram, when asked for."""

import os
import socket


def notify_ready() -> None:
    """Nothing happens without ``NOTIFY_SOCKET``."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notifier:
        notifier.connect("\0" + address[1:] if address.startswith("@") else address)
        notifier.sendall(b"READY=1")
