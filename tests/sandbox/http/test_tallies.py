from sandbox.http.tallies import Tallies, Tally


def test_a_worker_sees_that_another_one_has_fewer_connections() -> None:
    tallies = Tallies(4)
    first, second = Tally(tallies, 0), Tally(tallies, 2)
    first.tell(1)
    assert not first.exceeds_others()
    second.tell(0)
    assert first.exceeds_others()
    assert not second.exceeds_others()
    second.tell(1)
    assert not first.exceeds_others()


def test_one_that_takes_none_or_is_gone_is_no_other() -> None:
    tallies = Tallies(2)
    first, second = Tally(tallies, 0), Tally(tallies, 1)
    first.tell(5)
    second.tell(0)
    second.leave()
    assert not first.exceeds_others()
    second.tell(0)
    tallies.forget(1)
    assert not first.exceeds_others()
