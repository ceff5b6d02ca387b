"""How the host numbers the processes of a pod."""


def in_host(pod: int, guest: int) -> int:
    """The number of that child of process ``pod`` which has the number ``guest`` in the pod; 0 where there is none."""
    for child in _read(f"/proc/{pod}/task/{pod}/children").split():
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
