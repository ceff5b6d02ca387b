"""Where something is served over TCP, as the configuration says it. No I/O."""

LOOPBACK = "127.0.0.1"


def parse_address(text: str, lowest_port: int = 1) -> tuple[str, int]:
    """Host and port of ``host:port``, ``[IPv6]:port``, ``:port`` or ``port``. Raises ValueError.

    ``lowest_port``: 0 where a port that the kernel chooses is of use.
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdecimal() or not lowest_port <= int(port) < 1 << 16:
        raise ValueError(f'must be "host:port", or "port" for loopback alone, not {text!r}')
    bare = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if ":" in bare and bare == host:
        raise ValueError(f'must have its IPv6 address in brackets, as "[::1]:9477", not {text!r}')
    return bare or LOOPBACK, int(port)
