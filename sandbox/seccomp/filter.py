"""From the table of system calls to the program that the kernel runs before each of them."""

import struct
from typing import NamedTuple

from sandbox.errors import SandboxError
from sandbox.seccomp import bpf, pod_policy
from sandbox.seccomp.guest_policy import (
    ABSENT,
    ALLOWED,
    CONDITIONAL,
    HOSTILE,
    NEWEST,
    OWN_PID,
    Cases,
    Condition,
    Rule,
)
from sandbox.seccomp.socket_policy import NO_SOCKETS, SocketPolicy
from sandbox.seccomp.syscall_numbers import NUMBERS

KILL = 0x80000000
"""The whole process, by SIGSYS, whoever waits for it learns why."""
ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EPERM, _ENOSYS = 1, 38
REFUSE = _ERRNO | _EPERM
PRETEND_ABSENT = _ERRNO | _ENOSYS

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""``AUDIT_ARCH_*`` by the machine's name."""
FIRST_X32 = 0x40000000
"""On x86-64, another set of numbers for the same kernel: a way around a filter that forgets it."""

OWN_PID_FORMAT = struct.Struct("=I")
_WORD = 0xFFFFFFFF


class Filter(NamedTuple):
    program: bytes
    """Encoded instructions."""
    pid_offsets: tuple[int, ...]
    """Where the process' own id, 32 bits, has to be put into it."""

    @property
    def size(self) -> int:
        """Number of instructions."""
        return len(self.program) // bpf.INSTRUCTION_BYTES

    def of_process(self, pid: int) -> bytes:
        """The program for the process of that id."""
        program = bytearray(self.program)
        for offset in self.pid_offsets:
            OWN_PID_FORMAT.pack_into(program, offset, pid)
        return bytes(program)


def guest_filter(machine: str, sockets: SocketPolicy = NO_SOCKETS) -> Filter:
    """``machine``: as ``uname -m`` names it. Raises SandboxError."""
    named = {
        **dict.fromkeys([*ALLOWED, *sockets.allowed], bpf.give(ALLOW)),
        **dict.fromkeys(ABSENT, bpf.give(PRETEND_ABSENT)),
        **dict.fromkeys(HOSTILE, bpf.give(KILL)),
    }
    conditional = _conditional({**CONDITIONAL, **sockets.conditional})
    return _filter(machine, {**named, **conditional}, bpf.give(REFUSE))


def pod_filter(machine: str) -> Filter:
    """As ``guest_filter``."""
    named = {
        **dict.fromkeys(ABSENT, bpf.give(PRETEND_ABSENT)),
        **dict.fromkeys(pod_policy.REFUSED, bpf.give(REFUSE)),
    }
    return _filter(machine, {**named, **_conditional(pod_policy.CONDITIONAL)}, bpf.give(ALLOW))


def _filter(machine: str, answers: dict[str, bpf.Program], otherwise: bpf.Program) -> Filter:
    if machine not in NUMBERS:
        raise SandboxError(f"wasmlet has no filter for the system calls of {machine}: run it on {' or '.join(NUMBERS)}")
    program = _native_only(machine, bpf.load_number() + _tree(_intervals(machine, answers, otherwise)))
    own = [place for place, each in enumerate(program) if each.code == bpf.JUMP_IF_EQUAL and each.k == OWN_PID]
    offsets = tuple(place * bpf.INSTRUCTION_BYTES + bpf.OPERAND_OFFSET for place in own)
    return Filter(bpf.encode(program), offsets)


def _native_only(machine: str, program: bpf.Program) -> bpf.Program:
    return bpf.load_architecture() + bpf.if_equal(ARCHITECTURES[machine], program, bpf.give(KILL))


def _intervals(machine: str, named: dict[str, bpf.Program], otherwise: bpf.Program) -> list[tuple[int, bpf.Program]]:
    """First number of each interval of numbers with the same answer, and that answer."""
    answers = {NUMBERS[machine][name]: answer for name, answer in named.items() if name in NUMBERS[machine]}
    starts: list[tuple[int, bpf.Program]] = []
    for number in range(NEWEST + 1):
        answer = answers.get(number, otherwise)
        if not starts or starts[-1][1] != answer:
            starts.append((number, answer))
    starts.append((NEWEST + 1, bpf.give(PRETEND_ABSENT)))
    if machine == "x86_64":
        starts.append((FIRST_X32, bpf.give(KILL)))
    return starts


def _conditional(rules: dict[str, Rule | Cases]) -> dict[str, bpf.Program]:
    return {name: _cases(rule) if isinstance(rule, Cases) else _rule(rule) for name, rule in rules.items()}


def _cases(cases: Cases) -> bpf.Program:
    program = bpf.give(REFUSE)
    for value, rule in cases.rules.items():
        program = bpf.if_equal(value, _rule(rule), program)
    return bpf.load_argument(cases.argument) + program


def _rule(rule: Rule) -> bpf.Program:
    return _checked(list(rule.conditions), rule.otherwise_hostile)


def _checked(conditions: list[Condition], hostile: bool) -> bpf.Program:
    """Allowed when all of the conditions hold."""
    if not conditions:
        return bpf.give(ALLOW)
    first, rest = conditions[0], _checked(conditions[1:], hostile)
    return _half(first, False, _half(first, True, rest, hostile), hostile)


def _half(condition: Condition, high: bool, then: bpf.Program, hostile: bool) -> bpf.Program:
    shift = 32 if high else 0
    bits = condition.mask >> shift & _WORD
    if not bits:
        return then
    load = bpf.load_argument(condition.argument, high)
    if bits != _WORD:
        load += bpf.mask(bits)
    return load + _one_of([value >> shift & _WORD for value in condition.values], then, hostile)


def _one_of(values: list[int], then: bpf.Program, hostile: bool) -> bpf.Program:
    """``then`` is there once, at the end: each value jumps to it over those behind."""
    refused = bpf.give(KILL if hostile else REFUSE)
    tests = [bpf.Instruction(bpf.JUMP_IF_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return tests + refused + then


def _tree(intervals: list[tuple[int, bpf.Program]]) -> bpf.Program:
    """Finds the interval of the loaded number in as few steps for each: the kernel tries all numbers beforehand."""
    if len(intervals) == 1:
        return intervals[0][1]
    middle = len(intervals) // 2
    return bpf.if_at_least(intervals[middle][0], _tree(intervals[middle:]), _tree(intervals[:middle]))
