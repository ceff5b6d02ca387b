import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.http.body_pipes import BodyPipes, OutputPipe, OutputPipes

_MEBIBYTE = 1 << 20
_MANY = 200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    folder = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.chdir(tmp_path)
    yield folder
    os.close(folder)


@pytest.fixture
def outputs(folder: int) -> OutputPipes:
    return OutputPipes(folder, 1)


@pytest.fixture
def output(outputs: OutputPipes) -> Iterator[OutputPipe]:
    taken = outputs.take()
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


def test_there_are_none_before_one_is_taken_and_then_as_many_as_are(tmp_path: Path, outputs: OutputPipes) -> None:
    assert not list(tmp_path.iterdir())
    taken = [outputs.take() for _ in range(_MANY)]
    assert {os.fsdecode(each.path) for each in taken} == {path.name for path in tmp_path.iterdir()}
    for each in taken:
        outputs.give_back(each)
    assert len(list(tmp_path.iterdir())) == _MANY
    assert sum(each.descriptor >= 0 for each in taken) < _MANY / 2
    for each in taken:
        if each.descriptor >= 0:
            each.close()


def test_sets_share_no_pipe(tmp_path: Path, folder: int) -> None:
    outputs = [OutputPipes(folder, number).take() for number in range(2)]
    inputs = [BodyPipes(folder, number).take() for number in range(2)]
    assert len(list(tmp_path.iterdir())) == 4
    for output in outputs:
        output.close()
    for _, descriptor in inputs:
        os.close(descriptor)


def test_who_has_the_set_of_one_that_is_gone_has_its_pipes(folder: int) -> None:
    (first, descriptor), (second, other) = BodyPipes(folder, 0).take(), BodyPipes(folder, 0).take()
    assert first == second
    os.close(descriptor)
    os.close(other)


def test_a_body_is_not_put_where_the_reader_of_another_still_reads(folder: int) -> None:
    pipes = BodyPipes(folder, 0)
    path, descriptor = pipes.take()
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    pipes.give_back(path, descriptor)
    other, descriptor = pipes.take()
    assert other != path
    os.close(reader)
    os.close(descriptor)
    path_again, descriptor = pipes.take()
    assert path_again == path
    os.close(descriptor)


def test_a_pipe_is_not_used_while_it_is_not_known_who_reads_from_it(
    folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipes, real = BodyPipes(folder, 0), os.open
    path, descriptor = pipes.take()
    pipes.give_back(path, descriptor)

    def without_descriptors(path: str, flags: int, *rest: int) -> int:
        monkeypatch.setattr(os, "open", real)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "open", without_descriptors)
    other, descriptor = pipes.take()
    assert other != path
    os.close(descriptor)
