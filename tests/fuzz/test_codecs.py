"""A short run of `make fuzz`. A failure names its seed: repeat it with `python -m tests.fuzz --seed`."""

import secrets
from random import Random

import pytest

from tests.fuzz.codecs import CODECS


@pytest.mark.parametrize("codec", CODECS)
def test_hostile_frames(codec: str) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    assert CODECS[codec](20_000, Random(seed)) > 0
