"""A fleet that the job reconciles in shards, each a process of its own, any of which may die."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.iam.v1 import iam_policy_pb2

from tests.operating import BUCKET, REGION, Operator, spec
from tests.warm import Process, commands

ORDERS = {
    "name": "m",
    "region": REGION,
    "environment": "",
    "drift": "Correct",
    "deletes": 1000,
    "timeZone": "Etc/UTC",
    "freeze": [],
    "runtimeImage": "",
}
READING = ("Get", "List", "storage.objects.list", "storage.objects.get", "storage.buckets.get", "storage.buckets.list")
PATIENCE_S = 90.0


def fleet(count: int, invoker: str = "") -> list[dict[str, Any]]:
    """Services that share a repository; each eighth answers events to one topic, whose policy has a member of each.

    Args:
        count: How many.
        invoker: Who may call them besides.
    """
    plain: dict[str, Any] = {"registry": {"repository": "ml"}}
    if invoker:
        plain["access"] = {"invokers": [f"user:{invoker}@example.com"]}
    answering = {
        **plain,
        "events": {"requests": {"topic": "orders"}, "answers": {"topic": "scores", "create": True}},
        "notifications": [{"pubsub": "alerts"}],
    }
    return [spec(f"s{number:03}", **(plain if number % 8 else answering)) for number in range(count)]


@dataclass
class Shards:
    """The job's tasks over one folder of specs.

    Attributes:
        operator: On whose cloud.
        count: How many tasks there are.
    """

    operator: Operator
    count: int = 2
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.operator.folder

    def furnish(self) -> None:
        """Start anew with the topics that others make."""
        self.operator.emulator.reset()
        publisher = self.operator.api("google.pubsub_v1", "publisher", "Publisher")
        for topic in ("orders", "alerts"):
            publisher.create_topic(request={"name": f"projects/local/topics/{topic}"})

    def start(self, index: int) -> Process:
        """Start one task, as Cloud Run would."""
        told = {
            "MLSERVICE_EMULATOR_STATE": str(self.operator.emulator.state),
            "MLSERVICE_OPERATOR": json.dumps(ORDERS),
            "CLOUD_RUN_TASK_INDEX": str(index),
            "CLOUD_RUN_TASK_COUNT": str(self.count),
        }
        log = (self.folder / f"{index}.log").open("wb")
        with log:
            return commands().run(
                "reconciler.cli",
                "reconcile",
                "--local",
                "mlservice.yaml",
                folder=self.folder,
                env={**os.environ, **told},
                streams=(subprocess.DEVNULL, subprocess.DEVNULL, log.fileno()),
            )

    def run(self) -> list[int]:
        """Make a whole pass, all shards at once; gives their exit codes."""
        running = [self.start(index) for index in range(self.count)]
        return [process.wait(timeout=PATIENCE_S) for process in running]

    def log(self) -> list[dict[str, Any]]:
        """What the last tasks wrote."""
        texts = [(self.folder / f"{index}.log").read_text() for index in range(self.count)]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def reports(self) -> list[dict[str, Any]]:
        """The reports of the last pass, by shard."""
        bucket = self.operator.connection.storage.bucket(BUCKET)
        blobs = [bucket.blob(f"operators/m/latest/{index}.json") for index in range(self.count)]
        return [json.loads(blob.download_as_bytes()) for blob in blobs]

    def states(self) -> dict[str, list[str]]:
        """What became of each service in the last pass, as every shard that looked at it says."""
        found: dict[str, list[str]] = {}
        for report in self.reports():
            for name, service in report["services"].items():
                found.setdefault(name, []).append(service["state"])
        return found

    def finish(self) -> bool:
        """Make a whole pass, which must go well; tells whether it took over a lock of somebody who died."""
        codes, log = self.run(), self.log()
        assert codes == [0] * self.count, [line for line in log if line["severity"] not in {"INFO", "NOTICE"}]
        return any("taking over" in line["message"] for line in log)

    def killed(self, rule: dict[str, Any]) -> bool:
        """Make a pass of which one shard is killed while a call of its hangs; the others go on to their end.

        Args:
            rule: A fault rule: which call, and whether before or after its work.

        Returns:
            Whether any got that far.
        """
        faults = self.operator.emulator
        faults.faults({**rule, "times": 1, "hang": True})
        running = [self.start(index) for index in range(self.count)]
        until = time.monotonic() + PATIENCE_S
        reached = False
        while running and time.monotonic() < until:
            running = [process for process in running if process.poll() is None]
            reached = faults.control("GET", "faults")[0]["waiting"] > 0
            if reached and len(running) == 1:
                break
            time.sleep(0.02)
        for process in running:
            process.kill()
            process.wait()
        faults.forget_the_dead()
        return reached

    @contextmanager
    def held(self, rule: dict[str, Any], *others: int) -> Iterator[Process]:
        """Hold the first shard at a call of its while the block runs, and let it go on afterwards, to a good end.

        Args:
            rule: A fault rule: which call.
            others: Shards that make their pass meanwhile.
        """
        faults = self.operator.emulator
        faults.faults({**rule, "times": 1, "hang": True})
        process = self.start(0)
        until = time.monotonic() + PATIENCE_S
        while not faults.control("GET", "faults")[0]["waiting"] and time.monotonic() < until:
            assert process.poll() is None, self.log()
            time.sleep(0.02)
        for index in others:
            assert self.start(index).wait(timeout=PATIENCE_S) == 0
        yield process
        faults.faults()
        assert process.wait(timeout=PATIENCE_S) == 0

    def points(self) -> int:
        """How many calls of one pass change something."""
        self.operator.emulator.control("DELETE", "calls")
        self.finish()
        counts = self.operator.emulator.calls()
        return sum(n for name, n in counts.items() if not name.split("/")[-1].startswith(READING))


def world(operator: Operator) -> dict[str, Any]:
    """What there is, by Google's clients, without what differs from one run to the next: times, numbers, versions."""
    place = f"projects/local/locations/{REGION}"
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    subscriber = operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    channels = operator.api("google.cloud.monitoring_v3", "notification_channel_service", "NotificationChannelService")
    registry = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    topics = sorted(topic.name for topic in publisher.list_topics(request={"project": "projects/local"}))
    return {
        "services": {one.name: (dict(one.labels), dict_of_env(one)) for one in operator.services()},
        "repositories": [(one.name, dict(one.labels)) for one in registry.list_repositories(request={"parent": place})],
        "accounts": sorted(one.email for one in accounts.list_service_accounts(request={"name": "projects/local"})),
        "channels": [one.type_ for one in channels.list_notification_channels(request={"name": "projects/local"})],
        "subscriptions": sorted(
            one.name for one in subscriber.list_subscriptions(request={"project": "projects/local"})
        ),
        "policies": {topic: bindings(publisher, topic) for topic in topics},
        "inventories": {
            key: (sorted(map(str, each.entries)), each.lock) for key, each in operator.inventories().items()
        },
    }


def dict_of_env(service: Any) -> dict[str, str]:
    """The variables of a service's container."""
    return {variable.name: variable.value for variable in service.template.containers[0].env}


def bindings(api: Any, resource: str) -> dict[str, list[str]]:
    """Who has which role."""
    policy = api.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=resource))
    return {binding.role: sorted(binding.members) for binding in policy.bindings}
