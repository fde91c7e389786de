"""The backlog of one subscription: which messages wait, which are out, which comes next. No I/O; time is an argument.

Messages are numbered in the order in which they were published. One is *ready*, *leased* (out with a subscriber until
its deadline), or *resting* (given back, and not to be delivered again before its backoff is over). Where messages are
ordered, those of one key leave in their order: none while another of the key is out or rests, unless it follows in
the same delivery; one that comes back calls those after it back.

Source: cloud.google.com/pubsub/docs/{pull,ordering,exactly-once-delivery,handling-failures}; comments of `RetryPolicy`.
"""

import heapq
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from itertools import takewhile

State = Enum("State", ["READY", "LEASED", "RESTING", "GONE"])
ENOUGH = 30
"""Doublings after which any backoff is the longest."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a subscription delivers. Times in seconds.

    Attributes:
        deadline_s: For how long a message is out, unless a stream says otherwise.
        retention_s: How long a message waits before it is dropped.
        ordered: Whether messages with a key leave in their order.
        exact: Whether only the last lease of a message can settle it.
        backoff_s: Shortest and longest rest of a message that came back; None: it is ready at once.
        attempts_most: After so many deliveries a message that comes back is a dead letter; 0: never.
        keep_acked: Whether settled messages are kept for a seek.
    """

    deadline_s: float = 10
    retention_s: float = 7 * 86_400
    ordered: bool = False
    exact: bool = False
    backoff_s: tuple[float, float] | None = None
    attempts_most: int = 0
    keep_acked: bool = False


@dataclass(eq=False, slots=True)
class Tab:
    """What one taker has out: a stream's flow control looks at it."""

    messages: int = 0
    bytes: int = 0


@dataclass(eq=False, slots=True)
class Entry:
    """A message in the backlog.

    Attributes:
        number: Its place in the order of publishing.
        size: In bytes.
        published: Seconds since 1970, on the emulator's clock.
        key: Ordering key; empty where there is none, or where the subscription does not care.
        attempts: How often it was delivered.
        until: End of its lease or its rest.
        lease: Number of its last lease.
        tab: Whose lease it is.
    """

    number: int
    size: int
    published: float
    key: str = ""
    attempts: int = 0
    state: State = State.READY
    until: float = 0
    lease: int = 0
    tab: Tab | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that goes out."""

    number: int
    lease: int
    attempt: int
    size: int


@dataclass(frozen=True, slots=True)
class Handle:
    """Which lease an acknowledgement is about."""

    number: int
    lease: int


@dataclass(eq=False, slots=True)
class Queue:
    """The messages of one ordering key, in order, and how many of them are out."""

    numbers: list[int] = field(default_factory=list)
    out: int = 0


@dataclass(eq=False, slots=True)
class Backlog:
    """What waits for one subscription.

    Attributes:
        terms: How it delivers; may be replaced at any time.
        dead: Numbers of messages that are dead letters now. Somebody else forwards and removes them.
    """

    terms: Terms
    dead: list[int] = field(default_factory=list)
    _entries: dict[int, Entry] = field(default_factory=dict)
    _ready: list[int] = field(default_factory=list)
    _due: list[tuple[float, int]] = field(default_factory=list)
    _queues: dict[str, Queue] = field(default_factory=dict)
    _leases: int = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, number: int) -> bool:
        return number in self._entries

    def entries(self) -> list[Entry]:
        """Every message that is not settled, in order."""
        return sorted(self._entries.values(), key=lambda entry: entry.number)

    def add(self, entry: Entry) -> None:
        """Let a message wait."""
        if entry.number in self._entries:
            return
        self._entries[entry.number] = entry
        if entry.key and self.terms.ordered:
            queue = self._queues.setdefault(entry.key, Queue())
            insort(queue.numbers, entry.number)
            self._offer(queue)
        else:
            heapq.heappush(self._ready, entry.number)

    def take(
        self,
        now: float,
        most: int,
        tab: Tab | None = None,
        *,
        deadline_s: float = 0,
        bytes_most: float = 0,
        per_key: int = 0,
    ) -> list[Delivery]:
        """Lease the messages that come next.

        Args:
            now: Seconds since 1970.
            most: How many at most.
            tab: Who takes them.
            deadline_s: For how long; 0: the subscription's own deadline.
            bytes_most: No further message once so many bytes are taken; 0: no bound. One message always goes.
            per_key: How many of one ordering key at most; 0: no bound.
        """
        self.settle(now)
        until = now + (deadline_s or self.terms.deadline_s)
        taken: list[Delivery] = []
        room = bytes_most or float("inf")
        while self._ready and len(taken) < most and room > 0:
            number = heapq.heappop(self._ready)
            entry = self._entries.get(number)
            if entry is None or entry.state is not State.READY or not self._may_go(entry):
                continue
            for each in self._run(entry, per_key):
                if len(taken) >= most or room <= 0:
                    break
                taken.append(self._lease(each, until, tab))
                room -= each.size
        return taken

    def _run(self, entry: Entry, per_key: int) -> list[Entry]:
        """A message, and those of its key that may follow it in the same delivery."""
        queue = self._queue(entry)
        if queue is None:
            return [entry]
        numbers = queue.numbers[: per_key or None]
        return list(takewhile(lambda each: each.state is State.READY, map(self._entries.__getitem__, numbers)))

    def _queue(self, entry: Entry) -> Queue | None:
        """The queue of a message's key; None: it has no order to keep."""
        return self._queues.get(entry.key) if entry.key and self.terms.ordered else None

    def _may_go(self, entry: Entry) -> bool:
        """A message of a key goes when it is the first of it, and none of the key is out."""
        queue = self._queue(entry)
        return queue is None or (not queue.out and queue.numbers[0] == entry.number)

    def _lease(self, entry: Entry, until: float, tab: Tab | None) -> Delivery:
        self._leases += 1
        entry.state, entry.until, entry.lease, entry.tab = State.LEASED, until, self._leases, tab
        entry.attempts += 1
        queue = self._queue(entry)
        if queue is not None:
            queue.out += 1
        if tab is not None:
            tab.messages += 1
            tab.bytes += entry.size
        heapq.heappush(self._due, (until, entry.number))
        return Delivery(entry.number, entry.lease, entry.attempts, entry.size)

    def held(self, handle: Handle, now: float) -> bool:
        """Whether a lease is the last one of its message, and has not run out."""
        entry = self._entries.get(handle.number)
        return entry is not None and entry.state is State.LEASED and entry.lease == handle.lease and entry.until > now

    def ack(self, handles: Iterable[Handle], now: float) -> tuple[list[Entry], list[Handle]]:
        """Settle messages; returns them, and the handles that are no good where delivery is exactly once.

        Elsewhere a late acknowledgement counts, as long as the message is there.
        """
        self.settle(now)
        settled, invalid = [], []
        for handle in handles:
            if self.terms.exact and not self.held(handle, now):
                invalid.append(handle)
            elif handle.number in self._entries:
                settled.append(self._entries[handle.number])
                self.remove(handle.number)
        return settled, invalid

    def extend(self, handles: Iterable[Handle], seconds: float, now: float) -> list[Handle]:
        """Move the deadline of leases to `seconds` from now; 0 gives the messages back. Returns those that are over."""
        self.settle(now)
        over = []
        for handle in handles:
            if not self.held(handle, now):
                over.append(handle)
            elif seconds > 0:
                entry = self._entries[handle.number]
                entry.until = now + seconds
                heapq.heappush(self._due, (entry.until, entry.number))
            else:
                self._come_back(self._entries[handle.number], now)
        return over

    def remove(self, number: int) -> bool:
        """Forget a message; False when it is not there."""
        entry = self._entries.get(number)
        if entry is None:
            return False
        self._end(entry)
        entry.state = State.GONE
        del self._entries[number]
        queue = self._queue(entry)
        if queue is not None:
            queue.numbers.remove(number)
            self._offer(queue)
            if not queue.numbers:
                del self._queues[entry.key]
        return True

    def is_stale(self, now: float) -> bool:
        """Whether a message has waited too long."""
        oldest = next(iter(self._entries.values()), None)
        return oldest is not None and oldest.published <= now - self.terms.retention_s

    def expired(self, now: float) -> list[int]:
        """Remove the messages that have waited too long; returns their numbers. The oldest come first in the order."""
        oldest = now - self.terms.retention_s
        gone = []
        for number, entry in self._entries.items():
            if entry.published > oldest:
                break
            gone.append(number)
        for number in gone:
            self.remove(number)
        return gone

    def settle(self, now: float) -> None:
        """Let leases and rests end whose time is over."""
        while self._due and self._due[0][0] <= now:
            until, number = heapq.heappop(self._due)
            entry = self._entries.get(number)
            if entry is None or entry.until > until or entry.state is State.READY:
                continue  # it is gone, or has been given more time
            if entry.state is State.LEASED:
                self._come_back(entry, entry.until)
            else:
                self._wake(entry)

    def revive(self, number: int) -> None:
        """Deliver a dead letter again, since nobody could take it."""
        entry = self._entries.get(number)
        if entry is not None and entry.state is State.RESTING:
            self._wake(entry)

    def _come_back(self, entry: Entry, when: float) -> None:
        """Take a message back that was not acknowledged in time, and those of its key that went out after it."""
        followers = self._followers(entry)
        for each in (entry, *followers):
            self._end(each)
        for each in followers:
            each.attempts -= 1  # nobody has refused it
            each.state, each.until = State.READY, 0
        most = self.terms.attempts_most
        pause = backoff_s(self.terms.backoff_s, entry.attempts)
        if most and entry.attempts >= most:
            entry.state, entry.until = State.RESTING, float("inf")
            self.dead.append(entry.number)
        elif pause:
            entry.state, entry.until = State.RESTING, when + pause
            heapq.heappush(self._due, (entry.until, entry.number))
        else:
            self._wake(entry)

    def _followers(self, entry: Entry) -> list[Entry]:
        queue = self._queue(entry)
        later = [] if queue is None else [number for number in queue.numbers if number > entry.number]
        return [each for each in map(self._entries.__getitem__, later) if each.state is State.LEASED]

    def _wake(self, entry: Entry) -> None:
        entry.state, entry.until = State.READY, 0
        queue = self._queue(entry)
        if queue is None:
            heapq.heappush(self._ready, entry.number)
        else:
            self._offer(queue)

    def _offer(self, queue: Queue) -> None:
        """Let the first message of a key go next, if it may."""
        if queue.numbers and not queue.out and self._entries[queue.numbers[0]].state is State.READY:
            heapq.heappush(self._ready, queue.numbers[0])

    def _end(self, entry: Entry) -> None:
        """End a lease, if there is one."""
        if entry.state is not State.LEASED:
            return
        queue = self._queue(entry)
        if queue is not None:
            queue.out -= 1
        if entry.tab is not None:
            entry.tab.messages -= 1
            entry.tab.bytes -= entry.size
            entry.tab = None

    def next_due(self) -> float | None:
        """When the next lease or rest may end; None: there is none."""
        while self._due:
            until, number = self._due[0]
            entry = self._entries.get(number)
            if entry is not None and entry.state is not State.READY and entry.until == until:
                return until if until != float("inf") else None
            heapq.heappop(self._due)
        return None


def backoff_s(bounds: tuple[float, float] | None, attempts: int) -> float:
    """How long a message rests after so many deliveries: the shortest time, doubled each time, up to the longest."""
    if bounds is None:
        return 0
    return min(bounds[0] * (1 << min(max(attempts - 1, 0), ENOUGH)), bounds[1])
