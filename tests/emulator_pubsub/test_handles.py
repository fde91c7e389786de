"""Acknowledgement ids: which run of the emulator gave one."""

import os

from emulator.apis.pubsub import handles
from emulator.apis.pubsub.backlog import Delivery
from tests.emulator_pubsub.conftest import SUBSCRIPTION


def test_a_process_that_was_forked_gives_ids_of_its_own():
    """Emulators are forked from one program in our own tests: an id of before a restart is still one of before."""
    handles.run.cache_clear()
    told = set()
    for _ in range(2):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(write, handles.written(SUBSCRIPTION, Delivery(1, 1, 1, 1)).encode())
            finally:
                os._exit(0)
        os.close(write)
        told.add(os.read(read, 200))
        os.close(read)
        os.waitpid(child, 0)

    assert len(told) == 2
    assert b"" not in told
