import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.http import body_pipes
from sandbox.http.body_pipes import OUTPUTS_PER_WORKER, OutputPipe, OutputPipes

_MEBIBYTE = 1 << 20


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OutputPipes:
    folder = os.open(tmp_path, os.O_RDONLY)
    body_pipes.make(folder, 2, os.getuid(), os.getgid())
    os.close(folder)
    monkeypatch.chdir(tmp_path)
    return OutputPipes(1)


@pytest.fixture
def output(outputs: OutputPipes) -> Iterator[OutputPipe]:
    taken = outputs.take()
    assert taken is not None
    yield taken
    if taken.descriptor >= 0:
        taken.close()


def test_what_is_written_at_the_path_is_read(outputs: OutputPipes, output: OutputPipe) -> None:
    assert output.read(10) == b""
    Path(os.fsdecode(output.path)).write_bytes(b"hello")
    assert output.read(3) + output.read(10) == b"hello"
    outputs.give_back(output)
    assert outputs.take() is output


def test_the_first_ones_hold_an_answer_of_a_mebibyte(output: OutputPipe) -> None:
    assert Path(os.fsdecode(output.path)).write_bytes(b"x" * _MEBIBYTE) == _MEBIBYTE


def test_who_writes_to_a_closed_one_fails_and_the_next_one_does_not(outputs: OutputPipes, output: OutputPipe) -> None:
    writer = os.open(output.path, os.O_WRONLY)
    output.close()
    with pytest.raises(OSError, match=os.strerror(errno.EPIPE)):
        os.write(writer, b"late")
    os.close(writer)
    outputs.give_back(output)
    assert outputs.take() is output
    assert output.read(10) == b""


def test_there_are_so_many_and_no_more(outputs: OutputPipes) -> None:
    taken = [outputs.take() for _ in range(OUTPUTS_PER_WORKER)]
    assert len({each.path for each in taken if each is not None}) == OUTPUTS_PER_WORKER
    assert outputs.take() is None
    for each in taken:
        assert each is not None
        each.close()
