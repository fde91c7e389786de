"""Store, clock and operations, without servers."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.wrappers_pb2 import StringValue
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.core.failures import ApiFailure
from emulator.core.store import KEPT_LONGEST, Store
from emulator.core.world import World

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.operations.stop()
    made.store.close()


class Seen(list[Any]):
    """A part that remembers which timers ran, and when."""


def record(world: World, payload: dict[str, Any]) -> None:
    """A timer's callback: remembers when it ran, and sets the timer it is told to."""
    world.part(Seen, Seen).append((payload["name"], world.clock.now()))
    if "again_s" in payload:
        when = world.clock.now() + timedelta(seconds=payload["again_s"])
        world.clock.call_at(when, record, {"name": "again"})


def shout(_: World, text: str) -> StringValue:
    """An operation's task."""
    return StringValue(value=text.upper())


def test_what_follows_a_write_waits_for_its_transaction(world):
    """It is done once that is kept, in order; never, if it is not; at once where there is none."""
    done = []
    with world.store.transaction():
        world.store.after(lambda: done.append(1))
        with world.store.transaction():
            world.store.after(lambda: done.append(2))
        assert done == []
    assert done == [1, 2]

    def failing():
        with world.store.transaction():
            world.store.after(lambda: done.append(3))
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    world.store.after(lambda: done.append(4))
    assert done == [1, 2, 4]


def test_timers_fire_in_order_each_at_its_time(world):
    """Also those that a timer sets on the way; those beyond the goal wait."""
    start = world.clock.now()
    for name, after_s in (("late", 7200), ("second", 60), ("first", 30)):
        world.clock.call_at(start + timedelta(seconds=after_s), record, {"name": name, "again_s": 10})

    world.clock.advance(100)

    seen = [(name, round((at - start).total_seconds())) for name, at in world.part(Seen)]
    assert seen == [("first", 30), ("again", 40), ("second", 60), ("again", 70)]
    assert round((world.clock.now() - start).total_seconds()) == 100


def test_a_cancelled_timer_does_not_fire(world):
    """And cancelling twice says so."""
    timer = world.clock.call_at(world.clock.now() + timedelta(seconds=5), record, {"name": "never"})

    assert (world.clock.cancel(timer), world.clock.cancel(timer)) == (True, False)
    world.clock.advance(10)
    assert world.find(Seen) is None


def test_time_and_timers_survive_a_restart(world, tmp_path):
    """The offset is kept, and a timer finds its function again."""
    world.clock.advance(86_400)
    world.clock.call_at(world.clock.now() + timedelta(seconds=5), record, {"name": "kept"})
    world.store.close()

    again = World(tmp_path)
    again.clock.advance(5)

    assert round(again.clock.offset_s) == 86_405
    assert [name for name, _ in again.part(Seen)] == ["kept"]
    again.store.close()
    world.store = Store(tmp_path)


def test_a_timer_that_fails_does_not_stop_time(world):
    """It is logged; the next one runs."""
    world.clock.call_at(world.clock.now(), "tests.emulator.test_world:nobody", {})
    world.clock.call_at(world.clock.now() + timedelta(seconds=1), record, {"name": "next"})

    world.clock.advance(2)

    assert [name for name, _ in world.part(Seen)] == ["next"]


def die_once(world: World, payload: dict[str, Any]) -> None:
    """A timer's callback that is killed half way the first time."""
    mark = Path(payload["mark"])
    if not mark.exists():
        mark.touch()
        os._exit(9)
    record(world, payload)


def test_a_timer_that_was_firing_when_the_emulator_was_killed_fires_again(tmp_path):
    """It is forgotten when it is done, not before; done, it is not done again."""
    state = tmp_path / "state"
    script = (
        "import sys; from pathlib import Path; from emulator.core.world import World\n"
        "from tests.emulator.test_world import die_once\n"
        "world = World(Path(sys.argv[1]))\n"
        "world.clock.call_at(world.clock.now(), die_once, {'name': 'twice', 'mark': sys.argv[2]})\n"
        "world.clock.advance(1)\n"
    )
    command = [sys.executable, "-c", script, str(state), str(tmp_path / "mark")]
    killed = subprocess.run(command, check=False, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)})

    again = World(state)
    again.clock.advance(0)
    again.clock.advance(0)

    assert killed.returncode == 9
    assert [name for name, _ in again.part(Seen)] == ["twice"]
    again.clock.stop()
    again.store.close()


class Meeting:
    """Where two timers wait for each other, or one for the test."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=60)
        self.open = threading.Event()


def meet(world: World, payload: dict[str, Any]) -> None:
    """A timer's callback that ends only when another one runs at the same time."""
    world.part(Meeting).barrier.wait()
    record(world, payload)


def wait_then_record(world: World, payload: dict[str, Any]) -> None:
    """A timer's callback that is slow until it is let go."""
    assert world.part(Meeting).open.wait(60)
    record(world, payload)


def let_go(world: World, payload: dict[str, Any]) -> None:
    """A timer's callback that the slow one waits for."""
    record(world, payload)
    world.part(Meeting).open.set()


def test_a_slow_timer_holds_no_other(world):
    """As real time passes: the second one is what ends the first."""
    world.add(Meeting())
    world.clock.call_at(world.clock.now(), wait_then_record, {"name": "slow"})
    world.clock.start()
    world.clock.call_at(world.clock.now(), let_go, {"name": "fast"})

    assert world.part(Meeting).open.wait(60)
    world.clock.stop()

    assert [name for name, _ in world.part(Seen)] == ["fast", "slow"]
    assert world.store.list("timer") == []


def test_timers_of_one_moment_fire_together(world):
    """Also when time is advanced: a night's jobs do not wait for each other."""
    world.add(Meeting())
    when = world.clock.now() + timedelta(hours=1)
    for name in ("a", "b"):
        world.clock.call_at(when, meet, {"name": name})

    world.clock.advance(3600)

    assert sorted(name for name, _ in world.part(Seen)) == ["a", "b"]


def test_advancing_waits_for_what_fires_already(world):
    """A timer that real time has reached may set others on the way: they fire at their own time as well."""
    world.add(Meeting())
    world.clock.call_at(world.clock.now(), wait_then_record, {"name": "slow", "again_s": 5})
    world.clock.start()
    with ThreadPoolExecutor(1) as pool:
        advanced = pool.submit(world.clock.advance, 10)
        world.part(Meeting).open.set()
        advanced.result(timeout=60)
    world.clock.stop()

    assert [name for name, _ in world.part(Seen)] == ["slow", "again"]


def test_only_functions_that_can_be_found_again_are_callbacks(world):
    """A closure would be lost at a restart."""
    with pytest.raises(ValueError, match="module-level"):
        world.clock.call_at(world.clock.now(), lambda *_: None, {})


def finished(world: World, name: str) -> Any:
    return world.operations.wait(name, 10)


def test_an_operation_is_pending_until_it_is_begun(world):
    """The answer of the call that started it is never done."""
    started = world.operations.start_task("projects/p/locations/l", Empty(), shout, "ha")
    assert not world.operations.wait(started.name, 0.1).done

    world.operations.begin(started.name)
    operation = finished(world, started.name)
    answer = StringValue()
    operation.response.Unpack(answer)

    assert (operation.done, answer.value) == (True, "HA")
    assert started.name.startswith("projects/p/locations/l/operations/")


def test_an_operation_ends_with_the_failure_of_its_work(world):
    """`ApiFailure` becomes the operation's error; any other exception is INTERNAL."""

    def refuse() -> None:
        raise ApiFailure("FAILED_PRECONDITION", "no")

    def crash() -> None:
        raise ZeroDivisionError

    codes = []
    for work in (refuse, crash):
        started = world.operations.start("", None, work)
        world.operations.begin(started.name)
        codes.append(finished(world, started.name).error.code)

    assert codes == [9, 13]


def test_a_restart_ends_every_operation(world, tmp_path):
    """A task runs again, a closure is failed, a stuck one stays stuck."""
    task = world.operations.start_task("", None, shout, "ha").name
    closure = world.operations.start("", None, Empty).name
    stuck = world.operations.start_task("", None, shout, "never").name
    world.operations.begin(stuck, "stuck")
    world.store.close()

    again = World(tmp_path)
    again.operations.resume()

    assert finished(again, task).HasField("response")
    assert finished(again, closure).error.message == "interrupted by a restart of the emulator"
    assert not finished(again, stuck).done
    again.operations.cancel(stuck)
    assert finished(again, stuck).error.code == 1
    again.operations.stop()
    again.store.close()
    world.store = Store(tmp_path)


def test_a_transaction_is_all_or_nothing(world):
    """An exception takes every write of the block back, also from inside a nested one."""
    with pytest.raises(ZeroDivisionError), world.store.transaction():  # noqa: PT012 - both writes belong to the claim
        world.store.put("k", "a", b"1")
        with world.store.transaction():
            world.store.put("k", "b", b"1")
        raise ZeroDivisionError

    assert world.store.list("k") == []


NAMES = ("a", "b", "c")
WRITES = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, ""]),
        st.sampled_from([None, b"1", b"2", bytes(KEPT_LONGEST + 1)]),
        st.booleans(),
    ),
    max_size=4,
)
"""Of one, or of all (no name); what it becomes, None: it is removed; whether by one statement for many."""


def write(store: Store, names: tuple[str, ...], body: bytes | None, *, together: bool) -> None:
    """Write one or more objects in one of the ways in which a store can be written."""
    if names == NAMES and body is None:
        store.clear()
    elif together and body is None:
        store.delete_all("k", names)
    elif together:
        store.put_all("k", [(name, body) for name in names])
    else:
        for name in names:
            store.delete("k", name) if body is None else store.put("k", name, body)


def test_what_is_read_was_written_last(world, request):
    """Whether it is read from memory or not: inside of a transaction, after it, and after one that was taken back."""
    store = world.store

    @settings(max_examples=10 * request.config.getoption("--cases"), deadline=None, derandomize=True, database=None)
    @given(st.lists(st.tuples(st.sampled_from(["alone", "kept", "taken back"]), WRITES), max_size=5))
    def holds(steps):
        store.clear()
        there: dict[str, bytes | None] = dict.fromkeys(NAMES)
        for how, writes in steps:
            before = dict(there)
            with suppress(ZeroDivisionError), nullcontext() if how == "alone" else store.transaction():
                for name, body, together in writes:
                    names = (name,) if name else NAMES
                    write(store, names, body, together=together)
                    there |= dict.fromkeys(names, body)
                    assert {each: store.get("k", each) for each in NAMES} == there
                if how == "taken back":
                    raise ZeroDivisionError
            there = before if how == "taken back" else there
            assert {each: store.get("k", each) for each in NAMES} == there
            assert dict(store.list("k")) == {name: body for name, body in there.items() if body is not None}

    holds()


def test_a_transaction_keeps_other_threads_out(world):
    """Read and write inside it are one: no increment is lost."""

    def count() -> None:
        for _ in range(50):
            with world.store.transaction():
                number = int(world.store.get("k", "n") or b"0")
                world.store.put("k", "n", str(number + 1).encode())

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert world.store.get("k", "n") == b"200"


def test_lists_are_by_prefix_and_sorted(world):
    """Names with signs that SQL patterns know are names."""
    for name in ("a/2", "a/1", "a%", "b/1", "a_/1"):
        world.store.put("k", name, b"")

    assert [name for name, _ in world.store.list("k", "a/")] == ["a/1", "a/2"]
    assert [name for name, _ in world.store.list("k", "a%")] == ["a%"]


def test_files_are_kept_by_their_content(world):
    """Equal bytes, one file."""
    first, second = world.store.put_blob(b"abc"), world.store.put_blob(b"abc")

    assert first == second
    assert world.store.blob_path(first).read_bytes() == b"abc"
