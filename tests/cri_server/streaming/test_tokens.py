import pytest

from cri_server.errors import TooManyStreams
from cri_server.streaming.tokens import PendingTokens


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_good_once_and_under_its_kind() -> None:
    tokens: PendingTokens[str] = PendingTokens(10)
    token = tokens.issue("exec", "what is wanted")
    assert tokens.take("attach", token) is None
    assert tokens.take("exec", "another") is None
    assert tokens.take("exec", token) == "what is wanted"
    assert tokens.take("exec", token) is None


def test_a_token_is_good_for_a_minute() -> None:
    clock = Clock()
    tokens: PendingTokens[str] = PendingTokens(10, clock)
    early, late = tokens.issue("exec", "early"), tokens.issue("exec", "late")
    clock.now = 59.9
    assert tokens.take("exec", early) == "early"
    clock.now = 60.0
    assert tokens.take("exec", late) is None


def test_expired_ones_make_room() -> None:
    clock = Clock()
    tokens: PendingTokens[int] = PendingTokens(2, clock)
    tokens.issue("exec", 1)
    clock.now = 30
    tokens.issue("exec", 2)
    with pytest.raises(TooManyStreams):
        tokens.issue("attach", 3)
    clock.now = 61
    tokens.issue("attach", 3)
    with pytest.raises(TooManyStreams):
        tokens.issue("attach", 4)


def test_tokens_differ_and_fit_into_a_path() -> None:
    tokens: PendingTokens[int] = PendingTokens(1000)
    issued = {tokens.issue("exec", number) for number in range(1000)}
    assert len(issued) == 1000
    assert all(token.replace("-", "").replace("_", "").isalnum() for token in issued)
