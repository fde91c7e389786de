"""Ports for instances: whoever starts at once is told different ones."""

import os
import signal
from itertools import pairwise

from emulator.processes import ports
from emulator.processes.ports import FIRST, LAST, Port

HUNG_S = 60


def test_no_two_of_many_are_told_the_same():
    """Nobody has bound the first when the last one is told."""
    told = [Port() for _ in range(500)]
    for port in told:
        port.release()

    numbers = {port.number for port in told}
    assert len(numbers) == len(told)
    assert all(FIRST <= number <= LAST for number in numbers)


def test_another_emulator_is_not_told_it_either_until_it_is_released():
    """Nobody listens there yet, and its program may be a second away from it."""
    port = Port()
    try:
        ports._TURNS[os.getpid()] = iter(range(port.number - FIRST, LAST))  # as another process that comes by here
        other = Port()
        other.release()
        with ports.bound(port.number) as address:  # where an address had it before
            assert address.getsockname()[1] != port.number
    finally:
        port.release()

    ports._TURNS[os.getpid()] = iter(range(port.number - FIRST, LAST))
    again = Port()
    again.release()
    assert other.number != port.number == again.number


def tell(write):
    """Write a port, as a forked process that ends here whatever happens: it is no second run of the tests."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(HUNG_S)  # one that hangs, on a lock that some thread held, ends too: the pipe closes
    failed = 1
    try:
        os.write(write, str(Port().number).encode())
        failed = 0
    finally:
        os._exit(failed)


def test_a_process_that_was_forked_takes_turns_of_its_own():
    """Emulators are forked from one program in our own tests; eight of them do not follow each other."""
    Port().release()
    firsts = set()
    for _ in range(8):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            tell(write)
        os.close(write)
        said = os.read(read, 20)
        os.close(read)
        assert os.waitpid(child, 0) == (child, 0), "it ended before it told its port"
        firsts.add(int(said))

    assert max(after - before for before, after in pairwise(sorted(firsts))) > 8, firsts
