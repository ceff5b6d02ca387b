"""What can go wrong below the server.

SandboxError
├── InvalidSpec         the pod or container asks for a contradiction
│   └── MemoryInUse     a limit below what the container has, which cannot be taken from it
├── NotSupported        the pod or container asks for what this node cannot give
├── StartFailure        a guest could not be started: the container is EXITED with 128 ``StartError``
├── GuestGone           the guest has ended meanwhile
├── Stalled             whoever watches a guest does not take its output
├── Garbled             a process below the server answered what is no answer: it may have been taken over
├── PodProcessGone      the pod process has ended: the sandbox is NOTREADY
└── DiskFull            no space is left for a record
"""


class SandboxError(Exception):
    """One sentence that names the object, the cause and the remedy."""


class InvalidSpec(SandboxError):
    pass


class MemoryInUse(InvalidSpec):
    pass


class NotSupported(SandboxError):
    pass


class StartFailure(SandboxError):
    pass


class GuestGone(SandboxError):
    pass


class Stalled(SandboxError):
    pass


class Garbled(SandboxError):
    pass


class PodProcessGone(SandboxError):
    pass


class DiskFull(SandboxError):
    pass
