"""What is known of messages in memory: the backlog of each subscription, and who holds which message.

All of it can be read from the store again (`holders`). One lock guards it; whoever holds that lock does no I/O, and
whoever also needs the store's transaction takes that one first.

Light to import: an emulator whose Pub/Sub nobody uses loads none of Google's messages.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from emulator.apis.pubsub.backlog import Backlog, Entry, Terms
from emulator.apis.pubsub.filters import Filter


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a message without its content.

    Attributes:
        number: Its place in the order of publishing; also its id.
        size: In bytes.
        published: Seconds since 1970, on the emulator's clock.
        key: Its ordering key.
        attempts: How often it was delivered.
    """

    number: int
    size: int
    published: float
    key: str = ""
    attempts: int = 0

    @classmethod
    def of(cls, entry: Entry) -> "Note":
        """Of a message in a backlog."""
        return cls(entry.number, entry.size, entry.published, entry.key, entry.attempts)

    def entry(self) -> Entry:
        """As it waits in a backlog."""
        return Entry(self.number, self.size, self.published, self.key, self.attempts)


@dataclass(frozen=True, slots=True)
class Push:
    """Where a subscription pushes, as far as the data plane needs it.

    Attributes:
        endpoint: Address.
        account: Whose identity token is sent; empty: none is.
        audience: Whom it is for.
        bare: Whether the body is the message's data alone.
        metadata: Whether a bare message's other fields are headers.
    """

    endpoint: str
    account: str = ""
    audience: str = ""
    bare: bool = False
    metadata: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """The table of BigQuery that a subscription writes to.

    Attributes:
        table: `project.dataset.table`.
        by_topic: Whether the topic's schema says what is in a message.
        by_table: Whether a message is JSON by the table's columns.
        metadata: Whether the message's own fields are columns, too.
        drops: Whether what the table has no column for is dropped.
        account: Who writes; empty: Google's own account of the project.
    """

    table: str
    by_topic: bool = False
    by_table: bool = False
    metadata: bool = False
    drops: bool = False
    account: str = ""


@dataclass(eq=False, slots=True)
class Line:
    """One subscription at work.

    Attributes:
        name: Of the subscription.
        topic: Whose messages it gets; empty once it gets none.
        matches: What its filter lets through; None: everything.
        backlog: What it has to deliver.
        acked: Settled messages that are kept for a seek, by number.
        changed: Wakes those who wait for its messages.
        push: Where it pushes; None: it is pulled, or written somewhere.
        sheet: The table it writes to; None: it writes to none.
        dead_letter_topic: Where dead letters go.
        pulled: Whether messages wait for somebody to pull them.
        detached: Whether it has been cut off from its topic.
        alive: False once the subscription is gone.
        events: How often those who wait were told to look.
        armed: For when a timer is set; None: none is.
        pushing: How many workers push its messages.
        writing: Whether a worker writes its rows.
    """

    name: str
    changed: threading.Condition
    topic: str = ""
    matches: Filter | None = None
    backlog: Backlog = field(default_factory=lambda: Backlog(Terms()))
    acked: dict[int, Note] = field(default_factory=dict)
    push: Push | None = None
    sheet: Sheet | None = None
    dead_letter_topic: str = ""
    pulled: bool = True
    detached: bool = False
    alive: bool = True
    events: int = 0
    armed: float | None = None
    pushing: int = 0
    writing: bool = False

    def stir(self) -> None:
        """Let those who wait look again."""
        with self.changed:
            self.events += 1
            self.changed.notify_all()

    def wait(self, seen: int, within_s: float | None) -> bool:
        """Wait for something new, after the events seen so far, for so long (real seconds). False: wait no more."""
        with self.changed:
            news = self.changed.wait_for(lambda: self.events != seen or not self.alive, within_s)
            return news and self.alive


@dataclass(frozen=True, slots=True)
class Route:
    """Where the messages of a topic go.

    Attributes:
        lines: Its subscriptions.
        keepers: Names under which its messages are kept besides: snapshots, and the topic itself.
        schema: Name of the schema that messages must fit; empty: any will do.
        binary: Whether they are encoded as binary.
    """

    lines: tuple[Line, ...]
    keepers: tuple[str, ...]
    schema: str = ""
    binary: bool = False


class Broker:
    """Everything in memory. Made by `holders.broker`, which reads it from the store.

    Attributes:
        lock: Guards all that is below.
        lines: Subscriptions by name.
        kept: Messages that topics and snapshots keep: by holder, then number.
        holders: How many hold a message, by number.
        routes: Where topics lead, as far as that was asked; forgotten at every change.
        begun: Who is told of arrivals.
        arrivals: Told of a line that may have something to deliver, with the lock held.
        closed: Whether the emulator stops.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.lines: dict[str, Line] = {}
        self.kept: dict[str, dict[int, Note]] = {}
        self.holders: Counter[int] = Counter()
        self.routes: dict[str, Route] = {}
        self.begun: set[str] = set()
        self.arrivals: list[Callable[[Line], None]] = []
        self.closed = False

    def line(self, name: str) -> Line:
        """The line of a subscription, made now if it is not there."""
        with self.lock:
            if name not in self.lines:
                self.lines[name] = Line(name, threading.Condition(self.lock))
            return self.lines[name]

    def remove(self, name: str) -> None:
        """Take a subscription away; who waits for its messages is told."""
        with self.lock:
            line = self.lines.pop(name, None)
            self.routes.clear()
            if line is not None:
                line.alive, line.push, line.sheet = False, None, None
                line.changed.notify_all()

    def arrived(self, notes: Mapping[str, list[Note]]) -> None:
        """Let messages wait: by subscription or keeper."""
        with self.lock:
            for name, found in notes.items():
                self.holders.update(note.number for note in found)
                line = self.lines.get(name)
                if line is None:
                    self.kept.setdefault(name, {}).update((note.number, note) for note in found)
                    continue
                for note in found:
                    line.backlog.add(note.entry())
                self.wake(line)

    def wake(self, line: Line) -> None:
        """Tell those who wait for a line's messages that there may be some. With the lock held."""
        line.stir()
        for tell in self.arrivals:
            tell(line)

    def let_go(self, numbers: Iterable[int]) -> list[int]:
        """One holder less for each of these; returns those that nobody holds any more."""
        with self.lock:
            free = []
            for number in numbers:
                self.holders[number] -= 1
                if self.holders[number] <= 0:
                    del self.holders[number]
                    free.append(number)
            return free

    def close(self, *, stopping: bool) -> None:
        """End every wait: the emulator stops, or everything is forgotten."""
        with self.lock:
            self.closed = stopping
            self.arrivals.clear()
            self.begun.clear()
            for line in self.lines.values():
                line.alive, line.push, line.sheet = False, None, None
                line.changed.notify_all()
