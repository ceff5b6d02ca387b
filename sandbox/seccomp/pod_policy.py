"""What a pod process may not ask of the kernel once it is confined.

Its rights alone keep it in its place. What is refused here is what is open to every process, and would give one that
was taken over more of the kernel to try: namespaces of its own, where it would have all rights, above all. It says so
(EPERM) and kills nobody, for the pod's guests live with it, each under a filter of its own besides.
"""

from sandbox.seccomp.guest_policy import HOSTILE, NAMED_PIPES, Cases, Condition, Rule

_NEEDED = "fork vfork chroot capset process_vm_writev pidfd_open pidfd_send_signal"
"""To start a guest, to end it, to change its memory limit."""

REFUSED = sorted({*HOSTILE, "mknod"} - set(_NEEDED.split()))

_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_ALL_BITS = 0xFFFFFFFF
_INET, _INET6 = 2, 10

CONDITIONAL: dict[str, Rule | Cases] = {
    # For the workers of a container that serves HTTP; no devices.
    "mknodat": NAMED_PIPES,
    "clone": Rule((Condition(0, _NAMESPACES, (0,)),)),
    # In the host's network others take whoever comes as root's user by an abstract address for root.
    "socket": Rule((Condition(0, _ALL_BITS, (_INET, _INET6)),)),
}
