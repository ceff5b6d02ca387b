"""What the kernel does with a seccomp program: checks it, then runs it on ``struct seccomp_data``."""

import struct
from typing import NamedTuple

from sandbox.seccomp import bpf

_KNOWN = {bpf.LOAD, bpf.AND, bpf.JUMP, bpf.JUMP_IF_EQUAL, bpf.JUMP_IF_AT_LEAST, bpf.RETURN}
_DATA_BYTES = 64
_NATIVE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


class Call(NamedTuple):
    number: int
    arguments: tuple[int, ...] = ()
    architecture: int = _NATIVE["x86_64"]

    def data(self) -> bytes:
        arguments = [*self.arguments, *[0] * 6][:6]
        return struct.pack("=IIQ6Q", self.number, self.architecture, 0x7F0000000000, *arguments)


def decode(program: bytes) -> list[bpf.Instruction]:
    return [bpf.Instruction(*fields) for fields in struct.iter_unpack("=HBBI", program)]


def check(program: list[bpf.Instruction]) -> None:
    """As the kernel does before it takes a program: every way ends at a RETURN inside."""
    assert 0 < len(program) <= bpf.MOST_INSTRUCTIONS
    assert program[-1].code == bpf.RETURN
    for place, instruction in enumerate(program):
        assert instruction.code in _KNOWN
        if instruction.code == bpf.LOAD:
            assert instruction.k % 4 == 0
            assert instruction.k < _DATA_BYTES
        assert max(_next_places(place, instruction)) < len(program)


def _next_places(place: int, instruction: bpf.Instruction) -> tuple[int, ...]:
    match instruction.code:
        case bpf.RETURN:
            return (place,)
        case bpf.JUMP:
            return (place + 1 + instruction.k,)
        case bpf.JUMP_IF_EQUAL | bpf.JUMP_IF_AT_LEAST:
            return (place + 1 + instruction.if_true, place + 1 + instruction.if_false)
        case _:
            return (place + 1,)


def run(program: list[bpf.Instruction], call: Call) -> int:
    """Its result."""
    data, place, word = call.data(), 0, 0
    while True:
        code, if_true, if_false, k = program[place]
        place += 1
        match code:
            case bpf.LOAD:
                [word] = struct.unpack_from("=I", data, k)
            case bpf.AND:
                word &= k
            case bpf.JUMP:
                place += k
            case bpf.JUMP_IF_EQUAL:
                place += if_true if word == k else if_false
            case bpf.JUMP_IF_AT_LEAST:
                place += if_true if word >= k else if_false
            case bpf.RETURN:
                return k
