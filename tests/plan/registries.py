"""Generated registries and fleets: images are pushed, tagged, deployed and left, and cleaned every night.

What is needed is worked out here a second time, from what was done and not from what is there.
"""

import hashlib
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from google.cloud.artifactregistry_v1.types import repository
from google.protobuf.duration_pb2 import Duration

from emulator.apis.artifactregistry.rules import Candidate, matched
from reconciler.core import keeping
from reconciler.core.cleanup import Action, Policy, Tags, Version
from reconciler.core.keeping import Fleet, Running

HOST = "europe-west1-docker.pkg.dev"
REPOSITORY = "projects/acme/locations/europe-west1/repositories/ml"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 45
GIB = 2**30
PACKAGES = ("scorer", "team/ranker", "train")


@dataclass
class Revision:
    """A revision, and why it is there."""

    name: str
    key: tuple[str, str]
    created: datetime
    ready: bool = True


@dataclass
class Service:
    """A service of some environment: revisions, oldest first, shares and tags by revision."""

    name: str
    revisions: list[Revision] = field(default_factory=list)
    shares: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class World:
    """One registry with its policies, and the services and jobs of one project."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - the same seed, the same world
        self.now = BEGIN
        self.versions: dict[tuple[str, str], Version] = {}
        self.services = [Service(f"europe-west{1 + n % 2}/s{n}") for n in range(self.dice.randint(1, 6))]
        self.jobs: dict[str, tuple[str, str]] = {}
        self.policies = [keeping.KEEPS, *self.strange()]
        self.removed: list[tuple[str, str]] = []
        self.lost: list[tuple[str, str]] = []
        self.worst_bytes = 0
        for _ in range(self.dice.randint(3, 25)):
            self.push(self.now - timedelta(days=self.dice.uniform(0, 200)))

    def strange(self) -> list[Policy]:
        """Policies of ours and of others, some of which would delete everything."""
        dice, found = self.dice, []
        for number in range(dice.randint(1, 6)):
            action = dice.choice([Action.DELETE, Action.DELETE, Action.KEEP])
            if action is Action.KEEP and dice.random() < 0.5:
                found.append(Policy(f"p{number}", action, newest=dice.randint(1, 8)))
                continue
            tags = dice.choice(list(Tags))
            found.append(
                Policy(
                    f"p{number}",
                    action,
                    tags=tags,
                    tag_prefixes=("v",) if tags is Tags.TAGGED and dice.random() < 0.5 else (),
                    version_prefixes=("sha256:a", "sha256:1") if dice.random() < 0.2 else (),
                    package_prefixes=(dice.choice(["scorer", "team/"]),) if dice.random() < 0.3 else (),
                    older_than_s=dice.choice([None, 3600, 7 * 86400, 30 * 86400]),
                    newer_than_s=dice.choice([None, None, None, 10 * 86400]),
                )
            )
        return found

    def push(self, when: datetime) -> Version:
        """Push an image under a tag that moves, or none; sometimes an index of two images."""
        package, parts = self.dice.choice(PACKAGES), ()
        if self.dice.random() < 0.2:
            parts = tuple(self._add(package, when).digest for _ in range(2))
        return self._add(package, when, parts, self.dice.choice(["latest", "v1", "v2", None]))

    def _add(self, package, when, parts=(), tag=None):
        digest = f"sha256:{hashlib.sha256(str(self.dice.random()).encode()).hexdigest()}"
        made = Version(package, digest, when, (), self.dice.randint(1, 4 * GIB), parts)
        self.versions[made.key] = made
        if tag:
            self._untag(package, tag)
            self.tag(made.key, tag)
        return made

    def tag(self, key, name):
        """Give a version a tag."""
        self.versions[key] = replace(self.versions[key], tags=(*self.versions[key].tags, name))

    def _untag(self, package, name):
        for key, each in list(self.versions.items()):
            if key[0] == package and name in each.tags:
                self.versions[key] = replace(each, tags=tuple(tag for tag in each.tags if tag != name))

    def deploy(self, service: Service) -> None:
        """Deploy any version there is, old ones too: it is tagged before a revision names it, as apply does."""
        key = self.dice.choice(sorted(self.versions))
        self.claim(key)
        name = f"r{len(service.revisions):04}"
        service.revisions.append(Revision(name, key, self.now, ready=self.dice.random() < 0.9))
        if service.revisions[-1].ready or len(service.revisions) == 1:
            self.shift(service)

    def claim(self, key) -> None:
        """Give a version, and what it is an index of, the tags that keep it."""
        for each in (key, *((key[0], part) for part in self.versions[key].parts)):
            if each in self.versions and keeping.tag_of("acme", each[1]) not in self.versions[each].tags:
                self.tag(each, keeping.tag_of("acme", each[1]))

    def shift(self, service: Service) -> None:
        """Move traffic: all to the newest, a part of it, or back to one of the last five that were ready.

        What gets traffic or an address of its own is tagged before, as apply does: it may be an old one.
        """
        ready = [each.name for each in service.revisions if each.ready] or [service.revisions[-1].name]
        back = self.dice.choice(ready[-keeping.WINDOW_REVISIONS :])
        part = self.dice.choice([100, 100, 50, 10])
        service.shares = {ready[-1]: 100} if part == 100 else {back: 100 - part, ready[-1]: part}
        service.tags = {"candidate": self.dice.choice(ready)} if self.dice.random() < 0.3 else service.tags
        named = {*service.shares, *service.tags.values()}
        for each in service.revisions:
            if each.name in named and each.key in self.versions:
                self.claim(each.key)

    def fleet(self) -> Fleet:
        """What looking at the project shows."""
        revisions = [
            Running(
                service.name,
                each.name,
                (f"{HOST}/acme/ml/{each.key[0]}@{each.key[1]}",),
                each.created,
                each.ready,
                service.shares.get(each.name, 0),
                tuple(tag for tag, name in service.tags.items() if name == each.name),
                latest=each is service.revisions[-1],
            )
            for service in self.services
            for each in service.revisions
        ]
        jobs = {f"job {name}": (f"{HOST}/acme/ml/{key[0]}@{key[1]}",) for name, key in self.jobs.items()}
        return Fleet(revisions, jobs)

    def settle(self) -> None:
        """Tag what is needed and release what is not, as the end of an apply does."""
        versions = list(self.versions.values())
        wanted, _ = keeping.of_repository(keeping.needed(self.fleet(), self.now), REPOSITORY, versions)
        found = keeping.tagging("acme", versions, wanted, known=True)
        for each in found.add:
            self.tag(each.key, keeping.tag_of("acme", each.digest))
        for each in found.release:
            self._untag(each.package, keeping.tag_of("acme", each.digest))

    def night(self) -> None:
        """Let Google's rules take what they take, the emulator's; of an index they may take the parts."""
        rules = [google(each) for each in self.policies]
        gone = matched(
            rules,
            [Candidate(*each.key, each.tags, each.uploaded, each.parts) for each in self.versions.values()],
            self.now,
        )
        needed = self.truth()
        for each in gone:
            key = (each.package, each.digest)
            self.removed.append(key)
            if key in needed:
                self.lost.append(key)
            del self.versions[key]

    def truth(self) -> set[tuple[str, str]]:
        """What must not go: by what was done, and by none of the reconciler's code."""
        keys = set(self.jobs.values())
        for service in self.services:
            ready = [each for each in service.revisions if each.ready]
            recent = [each for each in service.revisions if self.now - each.created <= timedelta(days=30)]
            named = {*service.shares, *service.tags.values()}
            keys |= {each.key for each in service.revisions if each.name in named}
            keys |= {each.key for each in (*ready[-5:], *recent, *service.revisions[-1:])}
        parts = {(package, part) for package, digest in keys if (package, digest) in self.versions
                 for part in self.versions[package, digest].parts}  # fmt: skip
        return (keys | parts) & set(self.versions)

    def live(self) -> None:
        """Let days pass, each with pushes, deployments, a job that changes; an apply now and then; and a night."""
        for _ in range(DAYS):
            for _ in range(self.dice.randint(0, 2)):
                self.push(self.now)
            for service in self.services:
                if self.versions and self.dice.random() < 0.3:
                    self.deploy(service)
                elif service.revisions and self.dice.random() < 0.2:
                    self.shift(service)
            if self.versions and self.dice.random() < 0.1:
                self.jobs["train"] = key = self.dice.choice(sorted(self.versions))
                self.claim(key)
            if self.dice.random() < 0.7:
                self.settle()
            self.now += timedelta(days=1, seconds=self.dice.uniform(-3000, 3000))
            self.night()
        self.settle()
        self.night()

    @property
    def beyond_bytes(self) -> int:
        """Bytes that only a tag of ours keeps, of what is not needed."""
        rules = [google(each) for each in self.policies if each is not keeping.KEEPS]
        goes = matched(
            rules,
            [Candidate(*each.key, each.tags, each.uploaded, each.parts) for each in self.versions.values()],
            self.now,
        )
        needed = self.truth()
        keys = {(each.package, each.digest) for each in goes} - needed
        return sum(self.versions[key].size_bytes for key in keys)

    @property
    def needed_bytes(self) -> int:
        """Bytes of what is needed."""
        return sum(self.versions[key].size_bytes for key in self.truth())

    @property
    def kept_bytes(self) -> int:
        """Bytes of everything that is left."""
        return sum(each.size_bytes for each in self.versions.values())


def google(policy: Policy):
    """A policy as Google's message."""
    types = repository
    action = types.CleanupPolicy.Action[policy.action.name]
    if policy.newest is not None:
        newest = types.CleanupPolicyMostRecentVersions(
            keep_count=policy.newest, package_name_prefixes=policy.package_prefixes
        )
        made = types.CleanupPolicy(id=policy.name, action=action, most_recent_versions=newest)
        return types.CleanupPolicy.pb(made)
    condition = types.CleanupPolicyCondition(
        tag_state=types.CleanupPolicyCondition.TagState[policy.tags.name],
        tag_prefixes=policy.tag_prefixes,
        version_name_prefixes=policy.version_prefixes,
        package_name_prefixes=policy.package_prefixes,
    )
    message = types.CleanupPolicy.pb(types.CleanupPolicy(id=policy.name, action=action, condition=condition))
    for name in ("older_than", "newer_than"):
        if (age := getattr(policy, f"{name}_s")) is not None:
            getattr(message.condition, name).CopyFrom(Duration(seconds=int(age)))
    return message
