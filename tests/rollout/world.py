"""A world in which rollouts happen: people, git, Google and runs that die do what they like, as a seed says."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from reconciler.core.rollout.carried import carried_out, share_of
from reconciler.core.rollout.deciding import next_step
from reconciler.core.rollout.evidence import Evidence
from reconciler.core.rollout.freezing import Closed, frozen_until
from reconciler.core.rollout.judging import Judged, Verdict
from reconciler.core.rollout.orders import subject
from reconciler.core.rollout.policy import Policy, Target
from reconciler.core.rollout.position import (
    CANDIDATE,
    LATEST,
    SHADOW,
    STABLE,
    Hand,
    Known,
    Live,
    Phase,
    Share,
    Version,
    Wanted,
    attempted,
    literal,
    locate,
    serving_of,
    untried,
)
from reconciler.core.rollout.record import ORDER, REJECTED, ROLLOUT, VERBS, Order, as_annotation, merged, read
from reconciler.core.rollout.series import Check
from reconciler.core.rollout.step import Wait
from schemas.sections.rollout import (
    GateMode,
    OnFailure,
    OnInsufficientData,
    OnMetricsMissing,
    Strategy,
    Supersede,
    WhenStableFails,
)

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
GOOD = Evidence(
    (Judged("errors", Verdict.PASS, "fine", samples=9999),),
    {name: Check(passed=True, why="fine") for name in ("smoke", "replay")},
    60.0,
)
BACK = frozenset({Phase.ROLLED_BACK, Phase.STEADY})


def judged(verdict, gate="errors", **more):
    """A gate that says so."""
    return Judged(gate, verdict, f"{gate} say {verdict}", **more)


@dataclass
class World:
    """A service, its spec, and what is kept of it elsewhere.

    Attributes:
        random: What everything comes from.
        live: The service.
        inventory: Rejections that the inventory knows.
        base: Version of the spec.
        policy: Of the spec.
        now: The time.
        tags: Of strangers, which are to survive: tag and revision.
        orphan: Somebody took away what says that the tag for copies is ours.
        log: What happened, for whoever reads a failure.
    """

    random: random.Random
    live: Live = field(default_factory=Live)
    inventory: tuple = ()
    base: str = "v0"
    policy: Policy = field(default_factory=Policy)
    waits_for: str = ""
    now: datetime = START
    tags: set = field(default_factory=set)
    orphan: bool = False
    log: list = field(default_factory=list)

    def rollout(self):
        """Where it stands."""
        split = self.split() if self.policy.strategy is Strategy.MANUAL else ()
        policy = replace(self.policy, split=self.words()) if split else self.policy
        return locate(Wanted(self.base, policy, split), self.live, Known(self.inventory, self.waits_for))

    def words(self):
        """The spec's split, in its own words."""
        return f"{self.base} {self.policy.keep_percent}"

    def split(self):
        """What the words mean now: everything to the newest, or a part to the one before."""
        here = [name for name in literal(self.live.traffic) if name != LATEST]
        if not self.policy.keep_percent or not here:
            return (Share(LATEST, 100),)
        keep = self.policy.keep_percent
        return tuple(sorted((Share(LATEST, 100 - keep), Share(min(here), keep))))

    def serving(self):
        """Percent by version hash."""
        found = {}
        hashes = {each.revision: each.hash for each in self.live.versions}
        for name, percent in serving_of(self.live).items():
            found[hashes[name]] = found.get(hashes[name], 0) + percent
        return found

    def pass_(self, evidence, *, killed="", ready=True):
        """One pass, and what must hold of every one. Returns its step."""
        rollout = self.rollout()
        evidence = evidence if rollout.compared else replace(evidence, gates=())
        kept = rollout.record.checks if rollout.record else {}
        evidence = replace(evidence, checks={**evidence.checks, **kept})
        step = next_step(rollout, evidence, self.now)
        made = attempted(self.base, step.attempt) in {each.hash for each in self.live.versions}
        alone = {untried(each) for each in self.serving()} == {self.base}
        manual = rollout.policy.strategy is Strategy.MANUAL
        assert not (step.create and made and alone) or manual, "what serves is made once more"
        self.log.append((str(rollout.phase), str(rollout.hand), rollout.percent, step.event, step.why, step.refused))
        assert step.why
        assert step == next_step(rollout, evidence, self.now)
        before, known = self.serving(), merged(read(self.live.annotations).rejected, self.inventory)
        if killed == "before":
            return step
        live = self.live
        if step.writes:
            self.live = carried_out(live, step, self.base, self.now, ready=ready)
            if step.create:  # what is made has the slot for copies, if the spec asks for one
                newest, *others = self.live.versions
                copies = self.policy.shadow_s is not None
                self.live = replace(self.live, versions=(replace(newest, copies=copies), *others))
            assert self.live != live, "nothing was changed by a write"
        self._held(rollout, evidence, step, before, known)
        if killed != "after" and step.record is not None:
            self.inventory = step.rejected
        return step

    def _held(self, rollout, evidence, step, before, known):
        after, live = self.serving(), self.live
        assert not step.writes or sum(share.percent for share in live.traffic) == 100
        if (
            step.writes
            and step.traffic is not None
            and not self.orphan
            and any(share.tag == SHADOW and (share.tag, share.revision) not in self.tags for share in live.traffic)
        ):
            assert step.event == "shadowed", "copies go on, and are counted among its requests"
        there = {(share.tag, share.revision) for share in live.traffic if share.tag}
        if rollout.policy.strategy is not Strategy.MANUAL:
            assert self.tags <= there
        else:
            spoken = {(s.tag, s.revision) for s in live.traffic if s.tag and s.tag not in {CANDIDATE, STABLE, SHADOW}}
            self.tags = spoken | {each for each in self.tags if each[0] == SHADOW and each in there}
        more = {each for each in after if after[each] > before.get(each, 0)} if step.writes else set()
        back = step.phase in BACK or step.event in {"started", "split"}
        refused = {each.version for each in known if not each.cleared}
        manual = rollout.policy.strategy is Strategy.MANUAL
        # What goes back goes to what served before, whatever was said of that once.
        again = {s.version for s in step.rejected if s.cleared} | {
            rollout.stable.hash if rollout.stable and back else ""
        }
        assert manual or not more & (refused - again), "a rejected version"
        goes_up = {each for each in more if rollout.candidate and each == rollout.candidate.hash} if not back else set()
        if step.event == "finished" or goes_up:
            self._went_up(rollout, evidence, step)
        if step.wait not in {None, Wait.FROZEN, Wait.PAUSED}:
            assert not step.writes
        if rollout.phase is Phase.PREVIEW and step.phase is Phase.PREVIEW and step.record and rollout.record:
            assert step.record.checks.items() >= rollout.record.checks.items(), "what passed is asked again"
            passed = {each for each in rollout.policy.checks if evidence.checks[each].passed}
            assert step.event != "checked" or passed <= step.record.checks.keys(), "what passed is not kept"
        if step.event == "rolled back":
            assert rollout.candidate is None or subject(rollout) in {s.version for s in step.rejected if not s.cleared}
            assert rollout.candidate is None or not after.get(subject(rollout))
        self._goes_back(rollout, evidence, step)

    def _went_up(self, rollout, evidence, step):
        policy, name = rollout.policy, rollout.candidate.revision
        percent = share_of(self.live, name)
        over = step.event and rollout.order is not None and rollout.order.ignore_gates
        rise = percent > rollout.percent
        if rise:
            most = max(policy.percent(rollout.number + 1), rollout.percent)
            whole = rollout.number >= policy.final or rollout.record.first
            assert percent <= (100 if whole else most), "more than one step"
            assert frozen_until(policy.freezes, policy.zone, self.now) is None or rollout.record.first
            assert not rollout.record.paused or over or rollout.record.first
        if rise and policy.mode is GateMode.ENFORCE and not over:
            # Copies that the spec asks for no more are over: whoever took the word out wants them not to be waited for.
            judged = rollout.phase is Phase.STEP or (rollout.shadowed and policy.shadow_s is not None)
            assert not evidence.of(Verdict.FAIL)
            assert not judged or not evidence.of(Verdict.MISSING)
            late = self.now - rollout.record.started >= timedelta(seconds=policy.deadline_s)
            waits = not (late and policy.on_insufficient_data is OnInsufficientData.PROCEED)
            assert not judged or not waits or not evidence.of(Verdict.NOT_ENOUGH_DATA)
            hurried = rollout.record.hurried or (rollout.order is not None and rollout.order.verb == "promote")
            held = self.now >= rollout.record.since + timedelta(seconds=policy.hold_s(rollout.step))
            alike = policy.when_stable_fails is WhenStableFails.PROCEED and any(each.alike for each in evidence.gates)
            assert not judged or held or hurried or alike, "a hold was cut short"
            asked = rollout.phase in {Phase.PREVIEW, Phase.STEP} and policy.asks(rollout.step)
            assert not asked or hurried, "nobody approved"
        if rise and rollout.phase is Phase.PREVIEW:
            assert over or all(evidence.checks[each].passed for each in policy.checks)
            assert over or policy.shadow_s is None or rollout.shadowed or rollout.unshadowed, "it had no copies"

    def _goes_back(self, rollout, evidence, step):
        """What fails goes back, whatever else there is to wait for."""
        policy = rollout.policy
        judged = rollout.phase in {Phase.STEP, Phase.BAKE} or rollout.shadowed
        bad = judged and evidence.of(Verdict.FAIL) and rollout.stable is not None
        over = rollout.order is not None and rollout.order.ignore_gates and not step.refused
        acts = policy.mode is GateMode.ENFORCE and policy.on_failure is OnFailure.ROLLBACK
        if bad and acts and not over and policy.strategy is not Strategy.MANUAL and rollout.hand is Hand.NONE:
            assert rollout.candidate is None or not self.serving().get(rollout.candidate.hash), "it still serves"

    # What others do.

    def moment(self):
        """Something happens."""
        do = self.random.choice(
            [
                *[self.a_pass] * 16,
                *[self.time_passes] * 5,
                *[self.an_order] * 3,
                *[self.a_hand] * 2,
                self.git,
                self.gates,
                self.a_stranger,
                self.a_tag,
                self.google,
                self.forgotten,
                self.other_region,
            ]
        )
        do()

    def a_pass(self):
        """One that may die."""
        killed = self.random.choice(["", "", "", "before", "after"])
        self.pass_(self.evidence(), killed=killed, ready=self.random.random() < 0.7)

    def evidence(self):
        """Anything."""
        pick = self.random.choice
        likely = [Verdict.PASS] * 12 + [*Verdict]
        gates = tuple(
            judged(
                pick(likely),
                gate,
                alike=pick([True, False]),
                stale=pick([True, False]),
                needed=10,
                samples=pick([3, 20]),
            )
            for gate in ("errors", "latency")
        )
        checks = {
            name: Check(passed=pick([True, True, True, False, None]), why="looked at") for name in ("smoke", "replay")
        }
        return Evidence(gates, checks, pick([None, 0.0, 0.5, 60.0]))

    def time_passes(self):
        """Mostly onwards."""
        minutes = self.random.choice([1, 5, 15, 60, 600, 3000, 20000, -3])
        self.now += timedelta(minutes=minutes)

    def an_order(self):
        """Of a person who may be late."""
        rollout, pick = self.rollout(), self.random.choice
        version = pick([subject(rollout), subject(rollout), rollout.wanted, "v1", "nobody's"])
        step = pick([rollout.number, rollout.number, 0, 1, 2])
        flags = {"everything": pick([False, True]), "ignore_gates": pick([False, False, True])}
        order = Order(
            pick(VERBS), version, step, "ana", self.now, str(self.random.random()), **flags, reason=pick(["", "so"])
        )
        self.annotate(ORDER, as_annotation(order))
        self.log.append(order)

    def annotate(self, name, text):
        """Write, or take away."""
        kept = {key: value for key, value in self.live.annotations.items() if key != name}
        self.live = replace(self.live, annotations={**kept, **({name: text} if text else {})})

    def a_hand(self):
        """In the console."""
        names = [each.revision for each in self.live.versions if each.ready]
        if not names:
            return
        some = self.random.sample(names, min(len(names), self.random.choice([1, 1, 1, 2, 2, 3])))
        cuts = sorted(self.random.sample(range(1, 100), len(some) - 1))
        percents = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
        kept = [Share(share.revision, 0, share.tag) for share in self.live.traffic if share.tag]
        self.live = replace(self.live, traffic=(*map(Share, some, percents), *kept))
        self.log.append(("hand", self.live.traffic))

    def git(self):
        """Another version, one that was there before, or other words about how it goes out."""
        if self.random.random() < 0.6:
            self.base = f"v{self.random.randrange(5)}"
            self.log.append(("git", self.base))
            return
        self.policy = any_policy(self.random)
        self.log.append(("policy", self.policy))

    def gates(self):
        """The same steps, other rules."""
        pick = self.random.choice
        self.policy = replace(
            self.policy,
            mode=pick([*GateMode]),
            on_failure=pick([*OnFailure]),
            when_stable_fails=pick([*WhenStableFails]),
            on_metrics_missing=pick([*OnMetricsMissing]),
        )

    def a_stranger(self):
        """Somebody deploys with another tool."""
        version = Version(f"rev-{len(self.live.versions) + 1:05}", "foreign", ready=True, created=self.now)
        self.live = replace(self.live, versions=(version, *self.live.versions))
        self.log.append(("foreign", version.revision))

    def a_tag(self):
        """Somebody wants an address for a revision."""
        names = [each.revision for each in self.live.versions]
        if names and len(self.tags) < 3:
            tag, name = self.random.choice([SHADOW, *(f"t{number}" for number in range(9))]), self.random.choice(names)
            if any(share.tag == tag for share in self.live.traffic):
                return
            if tag == SHADOW and (self.rollout().record is None or self.rollout().record.shadow):
                return  # nothing would tell it from ours
            self.tags.add((tag, name))
            self.live = replace(self.live, traffic=(*self.live.traffic, Share(name, 0, tag)))

    def google(self):
        """The newest revision becomes ready, or does not."""
        if self.live.versions:
            first, *others = self.live.versions
            if first.ready:
                return
            first = self.random.choice(
                [
                    replace(first, ready=True, failed="", capacity=False),
                    replace(first, failed="the container {} exited"),
                    replace(first, failed="no quota", capacity=True),
                ]
            )
            self.live = replace(self.live, versions=(first, *others))

    def forgotten(self):
        """Annotations are gone, or somebody wrote nonsense there."""
        name = self.random.choice([ROLLOUT, REJECTED, ORDER])
        if name == REJECTED:
            self.inventory = merged(self.inventory, read(self.live.annotations).rejected)
        if name == ROLLOUT:  # nothing says any more whose the tag for copies is
            self.orphan |= any(share.tag == SHADOW for share in self.live.traffic)
            self.tags = {each for each in self.tags if each[0] != SHADOW}
        self.annotate(name, self.random.choice(["", "", "{", "[1]", '{"v":1}', "null"]))
        self.log.append(("forgotten", name))

    def other_region(self):
        """Another region goes first, or has ended."""
        self.waits_for = self.random.choice(["", "europe-west4"])

    # The way out.

    def out(self):
        """From wherever this is, patience and a person's few words lead to what is wanted. Returns the steps taken."""
        self.policy, self.waits_for = replace(self.policy, freezes=()), ""
        taken = []
        for _ in range(60):
            if not all(each.ready for each in self.live.versions):
                ready = tuple(replace(each, ready=True, failed="", capacity=False) for each in self.live.versions)
                self.live = replace(self.live, versions=ready)
            step = self.pass_(GOOD)
            taken.append((str(step.phase), step.event, step.why, step.refused))
            if self.arrived(step):
                return taken
            self.help(step)
            self.now += timedelta(hours=30)
        raise AssertionError(taken[-8:])

    def arrived(self, step):
        """Whether what is wanted serves, and nothing is to be written."""
        return not step.writes and step.phase is Phase.STEADY and set(self.serving()) >= {self.rollout().wanted}

    def help(self, step):
        """What a person would do who reads why it waits."""
        rollout = self.rollout()
        verb = {
            Phase.ROLLED_BACK: "retry",
            Phase.FAILED: "retry",
            Phase.PINNED: "resume",
            Phase.STEADY: "retry",
        }.get(rollout.phase, "promote")
        if step.wait is Wait.PAUSED:
            verb = "resume"
        if (
            rollout.phase is Phase.PINNED
            and rollout.hand is Hand.OTHERS
            and rollout.policy.strategy is not Strategy.MANUAL
        ):
            name = max(rollout.serving, key=lambda each: (rollout.serving[each], each))
            self.live = replace(self.live, traffic=(Share(name, 100),))
            self.tags = set()
            return
        version = rollout.wanted if rollout.phase is Phase.STEADY else subject(rollout)
        if step.writes and verb == "promote":
            return
        self.annotate(ORDER, as_annotation(Order(verb, version, rollout.number, "ana", self.now, str(self.now))))


def any_policy(source):
    """Words about how a version goes out."""
    pick = source.choice
    strategy = pick([Strategy.CANARY, Strategy.CANARY, Strategy.CANARY, *Strategy])
    percents = sorted(source.sample([1, 5, 10, 25, 50, 75, 100], pick([1, 2, 3])))
    steps = tuple(Target(percent, pick([0, 900, 3600]), pick([False, False, True])) for percent in percents)
    day = source.randrange(7) * 1440
    return Policy(
        strategy,
        steps if strategy is Strategy.CANARY else (),
        errors=0.01,
        on_failure=pick([OnFailure.ROLLBACK, OnFailure.ROLLBACK, OnFailure.HOLD]),
        on_insufficient_data=pick([*OnInsufficientData]),
        on_metrics_missing=pick([*OnMetricsMissing]),
        when_stable_fails=pick([*WhenStableFails]),
        mode=pick([GateMode.ENFORCE, GateMode.ENFORCE, GateMode.ENFORCE, GateMode.REPORT]),
        supersede=pick([*Supersede]),
        approval=strategy is Strategy.BLUE_GREEN and pick([True, False]),
        bake_s=pick([0, 0, 1800]),
        keep_s=pick([0, 0, 86400]),
        keep_percent=pick([0, 0, 1]),
        checks=pick([(), ("smoke",), ("smoke", "replay")]),
        shadow_s=pick([None, None, 1800]),
        shadow_percent=10,
        freezes=pick([(), (), (Closed(day, (day + 2000) % 10080),)]),
    )


def story(seed, moments=30):
    """Run one sequence; returns the world in the end."""
    source = random.Random(seed)  # noqa: S311 - a story, no secret
    world = World(source, policy=any_policy(source))
    if source.random() < 0.8:  # most services are there already
        world.out()
        world.base = "v1"
    for _ in range(moments):
        world.moment()
    return world
