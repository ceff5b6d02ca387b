"""What a guest may do in its pod's network, by the names under which a pod chooses. Data only."""

FULL = "full"
"""Whatever any container may."""
OUTBOUND = "outbound"
"""Connect, send and look names up, but neither listen nor accept."""
INBOUND = "inbound"
"""Listen and accept by TCP, but neither connect nor look names up."""
NONE = "none"
"""Nothing."""

ALL = (FULL, OUTBOUND, INBOUND, NONE)


def listens(access: str) -> bool:
    """Whether others may connect to it."""
    return access in (FULL, INBOUND)


def sends_datagrams(access: str) -> bool:
    """Whether it may use UDP. Who sends by it is bound first, and receives from anybody then."""
    return access == FULL


def calls_out(access: str) -> bool:
    """Whether it may connect to others, by outgoing HTTP also, and look up their names."""
    return access in (FULL, OUTBOUND)
