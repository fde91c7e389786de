"""The pool of threads."""

from reconciler.engine.pool import Pool


def test_calls_of_the_pool_may_make_calls_by_it():
    """More at once than it has threads, each waiting for calls of its own: all of them end."""
    with Pool(2) as pool:
        found = pool.gather([lambda n=n: pool.gather([lambda: n, lambda: -n]) for n in range(5)])

    assert found == [[n, -n] for n in range(5)]
