"""One job a person: a newer event takes an older one's place, in whatever order they begin."""

import threading
from types import SimpleNamespace

import pytest

from playground.tabs.stops import Stops

ANN, BEN = (SimpleNamespace(session_hash=name) for name in ("ann", "ben"))


def test_a_newer_job_stops_the_older_and_nobody_elses():
    stops = Stops()
    with stops.running(ANN) as first, stops.running(BEN) as other:
        with stops.running(ANN) as second:
            assert (first.is_set(), second.is_set(), other.is_set()) == (True, False, False)
            assert stops.superseded(ANN, first)
            assert not stops.superseded(ANN, second)
        assert not stops.active(ANN)
        assert stops.count() == 1


def test_stop_is_no_supersession():
    stops = Stops()
    with stops.running(ANN, 1.0) as flag:
        stops.stop(ANN)
        assert flag.is_set()
        assert not stops.superseded(ANN, flag)
    stops.stop(ANN)  # nothing runs: nothing happens


@pytest.mark.parametrize("over", [False, True])
def test_an_older_event_that_begins_last_stops_itself(over):
    stops = Stops()
    newer = stops.running(ANN, 2.0)
    flag = newer.__enter__()
    if over:
        newer.__exit__(None, None, None)
    with stops.running(ANN, 1.0) as late, stops.running(BEN, 0.5) as other:
        assert late.is_set()
        assert stops.superseded(ANN, late)
        assert not flag.is_set()
        assert not other.is_set()
    with stops.running(ANN, 3.0) as newest:
        assert not newest.is_set()
        assert flag.is_set() is not over


def test_of_many_at_once_the_newest_stays():
    stops, barrier, left = Stops(), threading.Barrier(16), []

    def job(stamp):
        barrier.wait()
        with stops.running(ANN, stamp) as flag:
            barrier.wait()
            if not stops.superseded(ANN, flag):
                left.append((stamp, flag.is_set()))

    threads = [threading.Thread(target=job, args=(float(stamp),)) for stamp in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert left == [(15.0, False)]


def test_what_is_remembered_of_sessions_is_bounded():
    stops = Stops()
    for i in range(3000):
        with stops.running(SimpleNamespace(session_hash=str(i)), 1.0):
            pass
    assert len(stops._newest) <= 1000


def test_what_the_newest_job_is_about_is_kept_until_it_is_broken_off():
    stops = Stops()
    assert stops.newest(ANN) is None
    with stops.running(ANN, 1.0, "curve"):
        assert stops.newest(ANN) == "curve"
    assert stops.newest(ANN) == "curve", "done, and still what is shown"
    assert stops.newest(BEN) is None
    with stops.running(ANN, 0.5, "older"):
        assert stops.newest(ANN) == "curve"
    with pytest.raises(ValueError, match="refused"), stops.running(ANN, 2.0, "arena"):
        raise ValueError("refused")
    assert stops.newest(ANN) is None, "so that the same may be tried again"
    with stops.running(ANN, 3.0, "dial"):
        stops.stop(ANN)
        assert stops.newest(ANN) is None
    with pytest.raises(GeneratorExit), stops.running(ANN, 4.0, "film"):
        raise GeneratorExit  # the page went away
    assert stops.newest(ANN) is None


@pytest.mark.parametrize("ends", ["failed", "broken off"])
def test_an_older_job_that_ends_badly_does_not_forget_the_newer(ends):
    stops = Stops()
    older = stops.running(ANN, 1.0, "older")
    older.__enter__()
    with stops.running(ANN, 2.0, "newer"):
        error = ValueError("late") if ends == "failed" else GeneratorExit()
        with pytest.raises(type(error)):
            older.gen.throw(error)
        assert stops.newest(ANN) == "newer"
    assert stops.newest(ANN) == "newer"
