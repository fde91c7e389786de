"""Ports for instances: whoever starts at once is told different ones."""

import os
from itertools import pairwise

from emulator.processes.ports import FIRST, LAST, free_port


def test_no_two_of_many_are_told_the_same():
    """Nobody has bound the first when the last one is told."""
    told = [free_port() for _ in range(2000)]

    assert len(set(told)) == len(told)
    assert all(FIRST <= port <= LAST for port in told)


def test_a_process_that_was_forked_takes_turns_of_its_own():
    """Emulators are forked from one program in our own tests; eight of them do not follow each other."""
    free_port()
    firsts = set()
    for _ in range(8):
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, str(free_port()).encode())
            os._exit(0)
        os.close(write)
        firsts.add(int(os.read(read, 20)))
        os.close(read)
        os.wait()

    assert max(after - before for before, after in pairwise(sorted(firsts))) > 8, firsts
