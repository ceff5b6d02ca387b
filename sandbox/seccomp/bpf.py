"""Classic BPF as seccomp runs it: instructions, and decisions made of them.

A program is a list of instructions that only jump forward, so that one is put together from its parts: what follows a
test comes right behind it, first the one branch, then the other.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

LOAD = 0x20
"""The 32-bit word at offset k of ``struct seccomp_data``."""
AND = 0x54
JUMP = 0x05
JUMP_IF_EQUAL = 0x15
JUMP_IF_AT_LEAST = 0x35
RETURN = 0x06

MOST_INSTRUCTIONS = 4096
"""The kernel takes no longer program."""

_FARTHEST = 255
"""How far a test jumps."""
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Offsets in ``struct seccomp_data``."""
_FORMAT = struct.Struct("=HBBI")


class Instruction(NamedTuple):
    code: int
    if_true: int
    if_false: int
    k: int


Program = list[Instruction]


def load_number() -> Program:
    """Of the system call."""
    return [Instruction(LOAD, 0, 0, _NUMBER)]


def load_architecture() -> Program:
    return [Instruction(LOAD, 0, 0, _ARCHITECTURE)]


def load_argument(index: int, high: bool = False) -> Program:
    """One half of a 64-bit argument, on a little-endian machine."""
    return [Instruction(LOAD, 0, 0, _ARGUMENTS + 8 * index + 4 * high)]


def mask(bits: int) -> Program:
    return [Instruction(AND, 0, 0, bits)]


def give(action: int) -> Program:
    """The program's result."""
    return [Instruction(RETURN, 0, 0, action)]


def if_equal(value: int, then: Program, otherwise: Program) -> Program:
    return _branch(JUMP_IF_EQUAL, value, then, otherwise)


def if_at_least(value: int, then: Program, otherwise: Program) -> Program:
    return _branch(JUMP_IF_AT_LEAST, value, then, otherwise)


def _branch(code: int, value: int, then: Program, otherwise: Program) -> Program:
    """``otherwise`` comes first. Each part gives a result, so that none runs into the next."""
    distance = len(otherwise)
    if distance <= _FARTHEST:
        return [Instruction(code, distance, 0, value), *otherwise, *then]
    return [Instruction(code, 0, 1, value), Instruction(JUMP, 0, 0, distance), *otherwise, *then]


def encode(program: Sequence[Instruction]) -> bytes:
    """As the array of ``struct sock_filter`` that the kernel takes. Raises ValueError for one that is too long."""
    if len(program) > MOST_INSTRUCTIONS:
        raise ValueError(f"a BPF program has at most {MOST_INSTRUCTIONS} instructions, not {len(program)}")
    return b"".join(_FORMAT.pack(*instruction) for instruction in program)


INSTRUCTION_BYTES = _FORMAT.size
OPERAND_OFFSET = 4
"""Of ``k`` in an encoded instruction."""
