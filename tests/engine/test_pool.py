"""The pool of threads."""

import threading
from contextvars import ContextVar
from queue import SimpleQueue

import pytest

from reconciler.core.errors import ReconcilerError, SeveralErrors
from reconciler.engine.pool import Pool


def test_calls_of_the_pool_may_make_calls_by_it():
    """More at once than it has threads, each waiting for calls of its own: all of them end."""
    with Pool(2) as pool:
        found = pool.gather([lambda n=n: pool.gather([lambda: n, lambda: -n]) for n in range(5)])

    assert found == [[n, -n] for n in range(5)]


def test_as_many_calls_run_at_once_as_it_has_threads():
    """Three that wait for each other end with three threads; the pool is left when they have."""
    together, ended = threading.Barrier(3), []

    def call():
        together.wait(60)
        ended.append(threading.current_thread() is threading.main_thread())

    with Pool(3) as pool:
        for _ in range(3):
            pool.submit(call)

    assert ended == [False] * 3


def test_no_more_run_at_once_than_it_has_threads():
    """One makes all calls, and is known by its name where threads are listed."""
    with Pool(1) as pool:
        names = pool.gather([lambda: threading.current_thread().name] * 20)

    assert set(names) == {"mlservice_0"}


def test_a_call_has_the_context_of_who_makes_it():
    """What logs and traces know of a run is known in its threads."""
    run = ContextVar("run", default="")
    run.set("run-1")

    with Pool(1) as pool:
        assert pool.submit(run.get).result() == "run-1"


def test_who_waits_for_the_first_of_many_is_told():
    """Of each that has ended, once; and what ended says so."""
    told = SimpleQueue()
    with Pool(2) as pool:
        tasks = [pool.submit(abs, number, told=told) for number in (-1, -2)]
        ends = [told.get(timeout=60) for _ in tasks]
        assert all(task.done for task in tasks)

    assert (ends, told.empty()) == ([None, None], True)


def failing(message):
    """A call that fails."""

    def call():
        raise ReconcilerError(message)

    return call


def test_no_failure_of_many_is_lost():
    """One is raised as it is, several as one that has them all, each message once."""
    with Pool(2) as pool:
        with pytest.raises(ReconcilerError, match=r"^first$") as one:
            pool.gather([failing("first"), int])
        with pytest.raises(SeveralErrors) as several:
            pool.gather([failing("first"), int, failing("second"), failing("first")])

    assert not isinstance(one.value, SeveralErrors)
    assert [error.message for error in several.value.errors] == ["first", "second"]
