"""A world in which deliveries repeat, race and die: what the retraining function must be right in, without any cloud.

Every call that the function makes is a step, before and after which it may die, and at which another instance may run.
"""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from runtime.retraining.closing import Progress, Stage, sweep
from runtime.retraining.decision import Action, Event, Evidence
from runtime.retraining.guards import Guard, Guards
from runtime.retraining.handling import Desk, Moved, NotNow, NotStarted, handle
from runtime.retraining.runs import History

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
TIMEOUT = timedelta(hours=6)


class Died(BaseException):
    """The instance is gone. No code of ours can catch it."""


@dataclass
class Job:
    """A training that somebody started."""

    key: str
    stage: Stage = Stage.GOING


@dataclass
class World:
    """All there is, and what happens to the calls.

    Args:
        guards: As the spec says.
        luck: Decides where instances die and race.
        deadly: Chance that an instance dies at a step.
        racing: Chance that another delivery is acted on at a step.
    """

    guards: Guards
    luck: random.Random
    deadly: float = 0.0
    racing: float = 0.0
    refusing: float = 0.0
    now: datetime = START
    history: dict = field(default_factory=lambda: History().to_json())
    generation: int = 0
    decisions: dict = field(default_factory=dict)
    told: Counter = field(default_factory=Counter)
    jobs: list = field(default_factory=list)
    taken_in: Counter = field(default_factory=Counter)
    others: list = field(default_factory=list)
    depth: int = 0

    def step(self):
        """What may happen at any moment."""
        if self.luck.random() < self.deadly:
            raise Died
        if self.others and self.depth < 2 and self.luck.random() < self.racing:
            self.depth += 1
            try:
                self.deliver(self.luck.choice(self.others))
            finally:
                self.depth -= 1

    # ---- the ledger

    def read(self):
        self.step()
        return History.from_json(self.history), self.generation

    def write(self, history, generation):
        self.step()
        if generation != self.generation:
            raise Moved
        self.history, self.generation = history.to_json(), generation + 1
        self.step()

    def recorded(self, key):
        self.step()
        return self.decisions.get(key)

    def record(self, decision, event, _now):
        self.step()
        if event.key not in self.decisions or decision.action is Action.START:
            self.decisions[event.key] = decision.to_json()
        self.step()

    # ---- who trains

    def find(self, key):
        self.step()
        return next((f"jobs/{index}" for index, job in enumerate(self.jobs) if job.key == key), None)

    def start(self, key, _event):
        self.step()
        if self.luck.random() < self.refusing:
            raise NotStarted("the image is not there")
        self.jobs.append(Job(key))
        name = f"jobs/{len(self.jobs) - 1}"
        self.step()
        return name

    def progress(self, run):
        self.step()
        return Progress(self.jobs[int(run.name.split("/")[1])].stage)

    def cancel(self, run):
        self.step()
        self.jobs[int(run.name.split("/")[1])].stage = Stage.CANCELLED

    def take_in(self, run):
        self.step()
        self.taken_in[run.key] += 1
        return "better"

    def tell(self, _decision, event):
        self.step()
        self.told[event.key] += 1

    # ---- what happens

    @property
    def desk(self):
        return Desk(self, self, self.guards, Evidence, lambda: self.now, self.tell)

    def deliver(self, event):
        """One delivery. True when it is acknowledged."""
        try:
            handle(event, self.desk)
        except (Died, NotNow):
            return False
        return True

    def sweep(self):
        with suppress(Died):
            sweep(self.desk, self, TIMEOUT)

    def calm(self):
        """Nothing goes wrong any more."""
        self.deadly = self.racing = self.refusing = 0.0

    def runs(self):
        return History.from_json(self.history).runs


def some_guards(luck):
    """Limits as people might write them."""
    return Guards(
        cooldown=timedelta(hours=luck.choice([0, 1, 24])),
        max_per_day=luck.choice([1, 2, 5]),
        max_per_month=luck.choice([None, 3, 8]),
        max_concurrent=luck.choice([1, 1, 2]),
        failures=luck.choice([1, 3]),
        pause=timedelta(days=luck.choice([1, 7])),
    )


def some_event(luck, number, now):
    """An event; a person's overrides a guard now and then."""
    force = frozenset(luck.sample(sorted(Guard), 2)) if luck.random() < 0.1 else frozenset()
    return Event(f"event-{number}", luck.choice(["weekly", "new-data", "on-drift"]), now, force=force, by="ann")


def play(seed, *, steps=25):
    """A random story, which ends with every event delivered until it is acknowledged."""
    luck = random.Random(seed)  # noqa: S311 - no secret
    world = World(
        some_guards(luck), luck, luck.choice([0, 0.05, 0.2]), luck.choice([0, 0.1, 0.3]), luck.choice([0, 0.2])
    )
    events, waiting = [], []
    for number in range(steps):
        act = luck.random()
        if act < 0.4:
            event = some_event(luck, number, world.now)
            events.append(event)
            waiting.append(event)
            world.others = events[-5:]
        elif act < 0.7 and events:
            event = luck.choice(waiting or events)
            if world.deliver(event) and event in waiting and luck.random() < 0.8:  # the acknowledgement may get lost
                waiting.remove(event)
        elif act < 0.8:
            world.now += timedelta(minutes=luck.choice([1, 11, 61, 700]))
        elif act < 0.9 and world.jobs:
            job = luck.choice(world.jobs)
            job.stage = (
                luck.choice([Stage.SUCCEEDED, Stage.FAILED, Stage.GONE]) if job.stage is Stage.GOING else job.stage
            )
        else:
            world.sweep()
        yield world, events
    world.calm()
    for _ in range(4):
        for event in events:
            world.deliver(event)
        world.now += timedelta(minutes=11)
        world.sweep()
        yield world, events


def breaches(world):
    """What must never be, in words; empty when all is well."""
    twice = [key for key, count in Counter(job.key for job in world.jobs).items() if count > 1]
    if twice:
        yield f"two trainings for {twice}"
    forced = {run.key for run in world.runs().values() if run.forced}
    started = sorted((r.claimed, r.key) for r in world.runs().values() if r.counts and r.key not in forced)
    going = [job for job in world.jobs if job.stage is Stage.GOING and job.key not in forced]
    if len(going) > world.guards.max_concurrent:
        yield f"{len(going)} trainings at once"
    for (one, _), (other, key) in pairwise(started):
        if other - one < world.guards.cooldown:
            yield f"{key} started {other - one} after another"
    if max(Counter(at.date() for at, _ in started).values(), default=0) > world.guards.max_per_day:
        yield "too many in a day"
    month = world.guards.max_per_month
    if month and max(Counter((at.year, at.month) for at, _ in started).values(), default=0) > month:
        yield "too many in a month"


def unfinished(world, events):
    """What must be once every event was delivered to its end."""
    missing = [event.key for event in events if event.key not in world.decisions]
    if missing:
        yield f"no decision on {missing}"
    claims = [run.key for run in world.runs().values() if run.status == "Claimed"]
    if claims:
        yield f"{claims} claimed and never started"
    untold = [key for key in world.decisions if not world.told[key]]
    if untold:
        yield f"nobody was told of {untold}"
