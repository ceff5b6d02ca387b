"""The settled heap, in a process of its own: what is done to it cannot be undone."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def output_of(program: str) -> str:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT).stdout.strip()


def test_uses_of_what_was_there_are_not_counted_any_more_where_python_knows_immortals() -> None:
    program = """
import sys
from sandbox.shared_heap import settle
words, function = ["a", "b"], lambda: None
settle()
before = [sys.getrefcount(item) for item in (words, words[0], function, function.__code__, sys)]
users = [words, words[0], function, function.__code__, sys] * 100
print(before != [sys.getrefcount(item) for item in (words, words[0], function, function.__code__, sys)])
"""
    counts = output_of(program)
    assert counts == str(sys.version_info < (3, 12))


def test_a_settled_process_goes_on_as_before() -> None:
    program = """
import json
from sandbox.shared_heap import settle
numbers = list(range(5))
settle()
numbers.extend(range(5, 1000))
del numbers[:10]
print(json.loads(json.dumps({"sum": sum(numbers)}))["sum"])
"""
    assert output_of(program) == str(sum(range(10, 1000)))


def test_what_is_allocated_next_shares_a_page_with_its_pools_header() -> None:
    program = """
import sys
from sandbox.shared_heap import settle
settle()
items = [bytes(size - sys.getsizeof(b"")) for size in range(48, 512, 16)]
near = [item for item in items if id(item) % 16384 < 4096]
print(len(near) > len(items) * 3 / 4)  # a place that was left free since may be taken first
"""
    assert output_of(program) == "True"
