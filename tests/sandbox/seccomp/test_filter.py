"""The program against the table that it was made of, for every number and any arguments."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import SandboxError
from sandbox.seccomp import bpf
from sandbox.seccomp.filter import (
    ALLOW,
    ARCHITECTURES,
    FIRST_X32,
    KILL,
    PRETEND_ABSENT,
    REFUSE,
    Filter,
    guest_filter,
)
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
from sandbox.seccomp.socket_policy import ALL, NO_SOCKETS, SocketPolicy
from sandbox.seccomp.syscall_numbers import NUMBERS
from tests.sandbox.seccomp.bpf_machine import Call, check, decode, run

PID = 4711
MACHINES = ("x86_64", "aarch64")
WORD = (1 << 32) - 1
WORDS = st.integers(0, (1 << 64) - 1)
machines = pytest.mark.parametrize("machine", MACHINES)


@cache
def program(machine: str, sockets: int = ALL.index(NO_SOCKETS)) -> list[bpf.Instruction]:
    """``sockets``: place of the policy in ``ALL``."""
    return decode(guest_filter(machine, ALL[sockets]).of_process(PID))


def conditional(policy: SocketPolicy = NO_SOCKETS) -> dict[str, Rule | Cases]:
    return {**CONDITIONAL, **policy.conditional}


def holds(condition: Condition, arguments: tuple[int, ...]) -> bool:
    values = [PID if value == OWN_PID else value for value in condition.values]
    return arguments[condition.argument] & condition.mask in values


def expected(rule: Rule | Cases, arguments: tuple[int, ...]) -> int:
    if isinstance(rule, Cases):
        case = rule.rules.get(arguments[rule.argument] & WORD)
        return expected(case, arguments) if case else REFUSE
    if all(holds(condition, arguments) for condition in rule.conditions):
        return ALLOW
    return KILL if rule.otherwise_hostile else REFUSE


def satisfying(rule: Rule | Cases) -> st.SearchStrategy[tuple[int, ...]]:
    """Arguments of which each condition holds as often as not."""
    if isinstance(rule, Cases):
        chooses = Condition(rule.argument, WORD, tuple(rule.rules))
        return st.one_of([satisfying(Rule((chooses, *case.conditions))) for case in rule.rules.values()])
    interesting = [[PID if value == OWN_PID else value for value in each.values] for each in rule.conditions]
    bits = [st.sampled_from([each.mask, ~each.mask & (1 << 64) - 1, 0]) for each in rule.conditions]
    words = [WORDS] * 6
    for condition, values, mask in zip(rule.conditions, interesting, bits, strict=True):
        words[condition.argument] = st.one_of(
            WORDS,
            st.sampled_from(values),
            st.builds(lambda value, mask, word: value | word & mask, st.sampled_from(values), mask, WORDS),
        )
    return st.tuples(*words)


@machines
def test_the_kernel_would_take_it(machine: str) -> None:
    check(program(machine))


@machines
def test_every_number_gets_the_answer_of_the_table(machine: str) -> None:
    names = {number: name for name, number in NUMBERS[machine].items()}
    for number in range(NEWEST + 200):
        name = names.get(number, "")
        if name in CONDITIONAL:
            continue
        wanted = PRETEND_ABSENT if number > NEWEST or name in ABSENT else REFUSE
        wanted = ALLOW if name in ALLOWED else KILL if name in HOSTILE else wanted
        assert run(program(machine), Call(number, (), ARCHITECTURES[machine])) == wanted, (number, name)


@given(st.data())
def test_conditions_are_those_of_the_table(data: st.DataObject) -> None:
    machine, place = data.draw(st.sampled_from(MACHINES)), data.draw(st.integers(0, len(ALL) - 1))
    rules = conditional(ALL[place])
    name = data.draw(st.sampled_from(sorted(rules)))
    arguments = data.draw(satisfying(rules[name]))
    call = Call(NUMBERS[machine][name], arguments, ARCHITECTURES[machine])
    assert run(program(machine, place), call) == expected(rules[name], arguments)


@given(st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 32) - 1), st.tuples(*[WORDS] * 6))
def test_another_architecture_is_hostile(number: int, architecture: int, arguments: tuple[int, ...]) -> None:
    for machine in MACHINES:
        if architecture != ARCHITECTURES[machine]:
            assert run(program(machine), Call(number, arguments, architecture)) == KILL


@given(st.integers(0, (1 << 32) - FIRST_X32 - 1))
def test_the_other_numbers_of_x86_64_are_hostile(number: int) -> None:
    assert run(program("x86_64"), Call(FIRST_X32 + number)) == KILL


@given(st.integers(NEWEST + 1, FIRST_X32 - 1))
def test_what_later_kernels_have_is_absent(number: int) -> None:
    for machine in MACHINES:
        assert run(program(machine), Call(number, (), ARCHITECTURES[machine])) == PRETEND_ABSENT


@given(st.integers(1, 1 << 22), st.integers(1, 1 << 22))
def test_only_its_own_process_may_be_signalled(pid: int, other: int) -> None:
    for machine in MACHINES:
        made = decode(guest_filter(machine).of_process(pid))
        call = Call(NUMBERS[machine]["tgkill"], (other, other, 6), ARCHITECTURES[machine])
        assert run(made, call) == (ALLOW if pid == other else REFUSE)


def test_it_has_one_place_for_the_process_id() -> None:
    for machine in MACHINES:
        made = guest_filter(machine)
        assert isinstance(made, Filter)
        assert len(made.pid_offsets) == 1
        assert made.size * bpf.INSTRUCTION_BYTES == len(made.program)


def test_a_machine_without_numbers_is_refused() -> None:
    with pytest.raises(SandboxError, match="riscv64: run it on x86_64 or aarch64"):
        guest_filter("riscv64")


@machines
@pytest.mark.parametrize("place", range(len(ALL)))
def test_what_a_guest_does_with_sockets_allows_that_and_nothing_else(machine: str, place: int) -> None:
    check(program(machine, place))
    policy = ALL[place]
    theirs = {NUMBERS[machine][name] for name in policy.allowed}
    by_condition = {NUMBERS[machine][name] for name in conditional(policy)}
    for number in set(range(NEWEST + 200)) - by_condition:
        call = Call(number, (), ARCHITECTURES[machine])
        without = run(program(machine), call)
        assert run(program(machine, place), call) == (ALLOW if number in theirs else without)
        assert number not in theirs or without == REFUSE
