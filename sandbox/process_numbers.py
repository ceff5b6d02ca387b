"""How the host numbers the processes of a pod."""

MOST_CHILDREN = 1000
"""More than a pod has containers. A pod process that was taken over can have any number, and the server does nothing
else while it looks at them."""


def in_host(pod: int, guest: int) -> int:
    """The number of that child of process ``pod`` which has the number ``guest`` in the pod; 0 where there is none.

    The youngest come first: one that was just started is asked for most.
    """
    children = _read(f"/proc/{pod}/task/{pod}/children").split()
    for child in reversed(children[-MOST_CHILDREN:]):
        if _innermost_number(child) == guest:
            return int(child)
    return 0


def _innermost_number(pid: str) -> int:
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""  # it has ended
