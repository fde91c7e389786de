"""A world in which deliveries repeat, race and die: what the retraining function must be right in, without any cloud.

Every call that the function makes is a step, before and after which it may die, and at which another instance may run.
"""

import json
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from runtime.retraining.closing import Progress, Stage, sweep
from runtime.retraining.decision import BEGUN, VERDICTS, Event, Evidence
from runtime.retraining.guards import Guard, Guards
from runtime.retraining.handling import Desk, Moved, NotNow, NotStarted, handle
from runtime.retraining.outcome import Evaluation
from runtime.retraining.runs import History
from runtime.retraining.taking import NotRegistered, Policy, UnderWay, live, take_in
from runtime.retraining.verdicts import Live

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
TIMEOUT = timedelta(hours=6)


class Died(BaseException):
    """The instance is gone. No code of ours can catch it."""


@dataclass
class Job:
    """A training that somebody started.

    Args:
        key: Of its run.
        live: Folder of the model that served when it was claimed.
        quality: What it measures of its model; None where it writes no metrics file.
        measured: What it measures of the live model; None where it does not.
    """

    key: str
    live: str = ""
    quality: float | None = None
    measured: float | None = None
    stage: Stage = Stage.GOING


@dataclass
class Version:
    """A version in the registry, which may be there only after a while."""

    key: str
    artifact: str
    there: bool = False


ALIAS = "champion"
POLICIES = (
    Policy(registers=True, evaluation=Evaluation("auroc", min_gain=0.005), alias=ALIAS, moves=ALIAS),
    Policy(registers=True, evaluation=Evaluation("auroc"), moves="candidate"),
    Policy(registers=True, alias=ALIAS, moves=ALIAS),
    Policy(registers=False),
)


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
    verdicts: dict = field(default_factory=dict)
    told: Counter = field(default_factory=Counter)
    jobs: list = field(default_factory=list)
    policy: Policy = POLICIES[0]
    versions: list = field(default_factory=list)
    aliases: dict = field(default_factory=dict)
    moves: list = field(default_factory=list)
    others: list = field(default_factory=list)
    depth: int = 0

    def step(self):
        """What may happen at any moment."""
        if self.luck.random() < self.deadly:
            raise Died
        if self.others and self.depth < 2 and self.luck.random() < self.racing:
            self.depth += 1
            try:
                if self.luck.random() < 0.3:
                    self.sweep()
                else:
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
        if decision.action in VERDICTS:
            self.verdicts[event.key] = decision.to_json()
        elif event.key not in self.decisions or decision.action in BEGUN:
            self.decisions[event.key] = decision.to_json()
        self.step()

    # ---- who trains

    def find(self, key):
        self.step()
        return next((f"jobs/{index}" for index, job in enumerate(self.jobs) if job.key == key), None)

    def start(self, run, _event):
        self.step()
        if self.luck.random() < self.refusing:
            raise NotStarted("the image is not there")
        quality = self.luck.choice([None, *(0.7 + number / 100 for number in range(9))])
        measured = self.quality_of(run.live) if self.luck.random() < 0.5 else None
        self.jobs.append(Job(run.key, run.live, quality, measured))
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
        return take_in(run, self.desk, self, self.policy)

    # ---- what trainings leave, and the registry

    def job_of(self, key):
        return next(job for job in self.jobs if job.key == key)

    def quality_of(self, artifact):
        """How good a model is, by its folder."""
        return next((job.quality for job in self.jobs if artifact == f"gs://runs/{job.key}/"), None)

    def metrics(self, run):
        self.step()
        job = self.job_of(run.key)
        if job.quality is None:
            return None
        live = {} if job.measured is None else {"live": {"auroc": job.measured}}
        return json.dumps({"auroc": job.quality, **live}).encode()

    def model(self, run):
        self.step()
        return f"gs://runs/{run.key}/"

    def named(self, alias):
        self.step()
        number = int(alias) if alias.isdigit() else self.aliases.get(alias)
        return None if number is None else Live(self.versions[number - 1].artifact, str(number))

    def register(self, run, artifact, _about):
        self.step()
        if any(not each.there for each in self.versions):
            raise UnderWay("an upload has not ended")
        self.step()
        for number, each in enumerate(self.versions, 1):
            if each.key == run.key and each.there:
                return str(number)
        if self.luck.random() < self.refusing / 2:
            raise NotRegistered("the registry is full")
        self.versions.append(Version(run.key, artifact))
        number = len(self.versions)
        self.step()
        if self.luck.random() < 0.3:
            raise UnderWay("it takes long")
        self.versions[number - 1].there = True
        self.step()
        return str(number)

    def promote(self, version, alias):
        self.step()
        before = self.aliases.get(alias)
        self.aliases[alias] = int(version)
        if before != int(version):
            self.moves.append((before, int(version)))
        self.step()

    def tell(self, _decision, event):
        self.step()
        self.told[event.key] += 1

    # ---- what happens

    @property
    def desk(self):
        return Desk(self, self, self.guards, Evidence, lambda: self.now, self.tell, self.serving)

    def serving(self, history):
        """The folder of the model that serves."""
        found = live(history, self, self.policy)
        return found.artifact if found else ""

    def deliver(self, event):
        """One delivery. True when it is acknowledged."""
        try:
            handle(event, self.desk)
        except (Died, NotNow):
            return False
        return True

    def sweep(self):
        for version in self.versions:
            version.there = version.there or self.luck.random() < 0.5 or self.deadly == 0
        with suppress(Died):
            sweep(self.desk, self, TIMEOUT)

    def calm(self):
        """Nothing goes wrong any more."""
        self.deadly = self.racing = self.refusing = 0.0

    def runs(self):
        return History.from_json(self.history).runs


def some_guards(luck):
    """Limits as people might write them; in every second story hardly any, so that many trainings end."""
    if luck.random() < 0.5:
        return Guards(cooldown=timedelta(), max_per_day=1000, max_concurrent=3, failures=100)
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


def play(seed, *, steps=40):
    """A random story, which ends with every event delivered until it is acknowledged."""
    luck = random.Random(seed)  # noqa: S311 - no secret
    chances = luck.choice([0, 0.05, 0.2]), luck.choice([0, 0.1, 0.3]), luck.choice([0, 0.2])
    world = World(some_guards(luck), luck, *chances, policy=luck.choice(POLICIES))
    events, waiting = [], []
    for number in range(steps):
        act = luck.random()
        going = [job for job in world.jobs if job.stage is Stage.GOING]
        if act < 0.3:
            event = some_event(luck, number, world.now)
            events.append(event)
            waiting.append(event)
            world.others = events[-5:]
        elif act < 0.5 and events:
            event = luck.choice(waiting or events)
            if world.deliver(event) and event in waiting and luck.random() < 0.8:  # the acknowledgement may get lost
                waiting.remove(event)
        elif act < 0.6:
            world.now += timedelta(minutes=luck.choice([1, 11, 61, 700]))
        elif act < 0.75 and going:
            luck.choice(going).stage = luck.choice([Stage.SUCCEEDED] * 4 + [Stage.FAILED, Stage.GONE])
        elif act < 0.77 and world.policy.alias and any(each.there for each in world.versions):
            there = [number for number, each in enumerate(world.versions, 1) if each.there]
            world.aliases[world.policy.alias] = luck.choice(there)  # somebody moves it by hand
        else:
            world.sweep()
        yield world, events
    world.calm()
    for _ in range(6):
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
    yield from registered_wrongly(world)
    month = world.guards.max_per_month
    if month and max(Counter((at.year, at.month) for at, _ in started).values(), default=0) > month:
        yield "too many in a month"


def registered_wrongly(world):
    """What must never be in the registry, in words."""
    more = [key for key, count in Counter(each.key for each in world.versions).items() if count > 1]
    if more:
        yield f"two versions for {more}"
    if world.policy.evaluation is None:
        return
    for before, after in world.moves:
        one, other = (world.quality_of(world.versions[n - 1].artifact) if n else None for n in (before, after))
        if other is None:
            yield f"version {after}, which nobody measured, was promoted"
        elif one is not None and one > other:
            yield f"version {after} ({other}) took the place of {before} ({one}), which is better"


def unfinished(world, events):
    """What must be once every event was delivered to its end."""
    missing = [event.key for event in events if event.key not in world.decisions]
    if missing:
        yield f"no decision on {missing}"
    claims = [run.key for run in world.runs().values() if run.status == "Claimed"]
    if claims:
        yield f"{claims} claimed and never started"
    open_still = [run.key for run in world.runs().values() if run.going and world.job_of(run.key).stage != Stage.GOING]
    if open_still:
        yield f"{open_still} ended, and were not closed"
    made = {run.key for run in world.runs().values() if run.status == "Succeeded"} if world.policy.registers else set()
    if made != {each.key for each in world.versions if each.there} & made or made - world.verdicts.keys():
        yield f"{made} succeeded, but not each is a version with a verdict"
    for alias, number in world.aliases.items():
        moved = [after for _, after in world.moves[-1:] if after == number]
        if moved and world.verdicts[world.versions[number - 1].key]["action"] != "Promote":
            yield f"{alias} was given to version {number}, and the verdict says otherwise"
    untold = [key for key in world.decisions if not world.told[key]]
    if untold:
        yield f"nobody was told of {untold}"
