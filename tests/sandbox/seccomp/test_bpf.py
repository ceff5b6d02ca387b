"""Programs put together from decisions, run on an evaluator of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.seccomp import bpf
from tests.sandbox.seccomp.bpf_machine import Call, check, decode, run

NUMBERS = st.integers(0, (1 << 32) - 1)


@given(NUMBERS, NUMBERS, st.integers(1, 600))
def test_a_branch_is_taken_however_long_the_other_is(value: int, number: int, length: int) -> None:
    filler = bpf.load_number() * (length - 1)
    for branch, holds in ((bpf.if_equal, number == value), (bpf.if_at_least, number >= value)):
        program = bpf.load_number() + branch(value, filler + bpf.give(1), filler + bpf.give(0))
        check(program)
        assert run(program, Call(number)) == holds


@given(st.integers(0, 5), st.integers(0, (1 << 64) - 1), NUMBERS)
def test_both_halves_of_an_argument_are_loaded(index: int, value: int, bits: int) -> None:
    call = Call(0, (0,) * index + (value,))
    for high, half in ((False, value & 0xFFFFFFFF), (True, value >> 32)):
        test = bpf.if_equal(half & bits, bpf.give(1), bpf.give(0))
        assert run(bpf.load_argument(index, high) + bpf.mask(bits) + test, call) == 1


def test_the_architecture_is_loaded() -> None:
    program = bpf.load_architecture() + bpf.if_equal(7, bpf.give(1), bpf.give(0))
    assert [run(program, Call(0, architecture=number)) for number in (7, 8)] == [1, 0]


@given(st.lists(st.builds(bpf.Instruction, st.just(bpf.RETURN), st.just(0), st.just(0), NUMBERS), min_size=1))
def test_a_program_is_encoded_as_the_kernel_reads_it(program: list[bpf.Instruction]) -> None:
    encoded = bpf.encode(program)
    assert len(encoded) == bpf.INSTRUCTION_BYTES * len(program)
    assert decode(encoded) == program
    assert int.from_bytes(encoded[bpf.OPERAND_OFFSET :][:4], "little") == program[0].k


def test_a_program_that_the_kernel_would_not_take_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="at most 4096 instructions"):
        bpf.encode(bpf.give(0) * 4097)
