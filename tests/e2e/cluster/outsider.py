"""Another machine than the node, on a network of theirs: it knows the way to pods and Services by way of the node."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_NODE, _OUTSIDER = "outside0", "outside1"
_NODE_SIDE = f"""
address add 203.0.113.1/24 dev {_NODE}
address add fd00:203::1/64 dev {_NODE} nodad
link set {_NODE} up
"""
_OUTSIDE = f"""
link set lo up
address add 203.0.113.2/24 dev {_OUTSIDER}
address add fd00:203::2/64 dev {_OUTSIDER} nodad
link set {_OUTSIDER} up
route add default via 203.0.113.1
route add default via fd00:203::1
"""


@contextmanager
def outsider() -> Iterator[int]:
    """A process there. The caller is in the network of the node, which has nothing of it left afterwards."""
    command = ["unshare", "--net", "sh", "-c", "echo && exec sleep 1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            _ip(f"link add {_NODE} type veth peer name {_OUTSIDER} netns {process.pid}")
            _ip(_NODE_SIDE)
            _ip(_OUTSIDE, process.pid)
            yield process.pid
            _ip(f"link delete {_NODE}")
        finally:
            process.kill()


def _ip(commands: str, process: int = 0) -> None:
    """``process``: whose network is meant, if not the caller's."""
    within = ["nsenter", "--net", f"--target={process}"] if process else []
    subprocess.run([*within, "ip", "-batch", "-"], input=commands.encode(), check=True)
