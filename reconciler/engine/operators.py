"""The job that reconciles, as people steer it: what is there, its passes, start, pause, resume."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from reconciler.core import errors
from reconciler.core.canary import Build
from reconciler.core.inventory import Inventory, Key
from reconciler.engine.canary import proceed
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.oversight import oversight_of
from reconciler.engine.reports import Reports
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.kinds.monitoring_alert_policy import SILENT, address_of
from schemas.operator import PREFIX, is_operators

_LOOK = "mlservice operator status"
RUN_ONE = "another pass writes it anew: mlservice operator run"
_MAKE = "it was deleted; install makes it again: mlservice install"
_RUN, _SCHEDULER = "google.cloud.run_v2", "google.cloud.scheduler_v1"
_MONITORING = "google.cloud.monitoring_v3"


@dataclass(frozen=True, slots=True)
class Installed:
    """The operator of a project.

    Args:
        session: The run's means.
        inventory: What it consists of.
    """

    session: Session
    inventory: Inventory

    @classmethod
    def find(cls, session: Session) -> Installed:
        """Find it.

        Raises:
            UsageError: There is none, or there are several.
        """
        keys = InventoryStore(session).read_all()
        found = [inventory for key, inventory in sorted(keys.items()) if is_operators(key[1])]
        if len(found) > 1:
            named = ", ".join(f"{each.service.removeprefix(PREFIX)} in {each.region}" for each in found)
            hint = f"a project has one; mlservice destroy {PREFIX}NAME --region REGION removes another"
            raise errors.UsageError(f"several operators are installed in this project: {named}", hint=hint)
        if not found:
            raise errors.UsageError("no operator is installed in this project", hint="mlservice install")
        return cls(session, found[0])

    @property
    def key(self) -> Key:
        """Region and owner, as inventories know it."""
        return self.inventory.region, self.inventory.service

    @property
    def name(self) -> str:
        """Its name."""
        return self.inventory.service.removeprefix(PREFIX)

    @property
    def reports(self) -> Reports:
        """What its passes did."""
        return Reports(self.session, self.name)

    def run(self, *more: str) -> str:
        """Start a pass now; gives the name of the execution.

        Args:
            more: Arguments for this pass alone, after those of the job.
        """
        name = self._full("run_job")
        request: dict[str, Any] = {"name": name}
        with _hinting(), calling("run", f"job {name.rpartition('/')[2]}"):
            if more:
                job = self._jobs.get_job(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
                given = [*job.template.template.containers[0].args, *more]
                request["overrides"] = {"container_overrides": [{"args": given}]}
            operation = self._jobs.run_job(request=request, timeout=CALL_TIMEOUT_S)
        return str(operation.metadata.name.rpartition("/")[2])

    def wait(self, execution: str, *, timeout_s: float) -> bool:
        """Wait for a pass to end; tells whether it ended well.

        Raises:
            Unavailable: It has not ended in that time.
        """
        clock = self.session.clock
        until = clock.monotonic() + timeout_s
        while clock.monotonic() < until:
            found = self._execution(execution)
            if found.completion_time:
                return bool(found.succeeded_count == found.task_count)
            clock.sleep(0.5)
        raise errors.Unavailable(
            "wait for", f"execution {execution}", "it has not ended", hint="mlservice operator status"
        )

    def _execution(self, execution: str) -> Any:
        name = f"{self._full('run_job')}/executions/{execution}"
        with calling("read", f"execution {execution}"):
            return self._executions.get_execution(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)

    def held(self) -> list[dict[str, Any]]:
        """Give what the latest passes held, of every shard that there is: build, specs and addresses with reasons.

        Raises:
            UsageError: A report cannot be read: nobody knows what is held.
        """
        status = self.status()
        if status["unreadable"]:
            raise errors.UsageError(f"it is not known what is held: {'; '.join(status['unreadable'])}", hint=RUN_ONE)
        return [report["canary"] for report in status["passes"] if report.get("canary")]

    def proceed(self, found: Sequence[Mapping[str, Any]], by: str) -> tuple[Build, int]:
        """Let the held version go on with these specs; gives which one, and how many changes it held.

        Args:
            found: What is held, as somebody has seen it.
            by: Who says so.

        Raises:
            UsageError: Nothing is held, or shards hold different things: the next pass will tell.
            Conflict: Somebody else said something at this moment.
        """
        if not found:
            raise errors.UsageError("nothing is held: the last pass did all that it had to", hint=_LOOK)
        asked = {(json.dumps(each["build"], sort_keys=True), each["specs"]) for each in found}
        if len(asked) > 1:
            why = "shards hold different versions or specs: a pass is at work"
            raise errors.UsageError(why, hint="wait until it has ended, and look again: mlservice operator status")
        build = Build.from_json(found[0]["build"])
        at = self.session.clock.now().isoformat(timespec="seconds")
        proceed(self.reports, build, found[0]["specs"], {"by": by, "at": at})
        return build, sum(len(each["held"]) for each in found)

    def pause(self) -> bool:
        """Let no pass start by itself, and nobody wait for one; tells whether any did."""
        switched = self._switch("pause", "PAUSED")
        self._watch(watched=False)
        return switched

    def resume(self) -> bool:
        """Let passes start by themselves again, and people be told when none does; tells whether none did."""
        switched = self._switch("resume", "ENABLED")
        self._watch(watched=True)
        return switched

    def _watch(self, *, watched: bool) -> None:
        """Switch the alert on passes that are missing, if there is one."""
        here = address_of(self.inventory.service, SILENT)
        entry = self.inventory.entries.get(here)
        if entry is None or not entry.server_name:
            return
        policy = {"name": entry.server_name, "enabled": watched}
        with _hinting(), calling("switch", here):
            request = {"alert_policy": policy, "update_mask": {"paths": ["enabled"]}}
            self._alerts.update_alert_policy(request=request, timeout=CALL_TIMEOUT_S)

    def _switch(self, verb: str, wanted: str) -> bool:
        """Pause or resume the schedule. One that is as wanted is left: Google refuses to pause what is paused."""
        name = self._full("scheduler_job")
        with _hinting(), calling(verb, f"schedule {name.rpartition('/')[2]}"):
            found = self._schedules.get_job(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
            if found.state.name == wanted:
                return False
            getattr(self._schedules, f"{verb}_job")(request={"name": name}, timeout=CALL_TIMEOUT_S)
        return True

    def status(self) -> dict[str, Any]:
        """Say what there is: job, schedule, the latest pass of each shard, bundle, what needs somebody."""
        names = {address: entry.server_name for address, entry in self.inventory.entries.items()}
        seen = self.session.observe(names)
        schedule = next((one for one in seen.values() if one.address.kind == "scheduler_job"), None)
        job = next((one for one in seen.values() if one.address.kind == "run_job"), None)
        page = next((one for one in seen.values() if one.address.kind == "run_service"), None)
        latest = self.reports.read()
        oversight = oversight_of(self.name, self.session.clock.now(), seen, latest)
        return {
            "name": self.name,
            "region": self.inventory.region,
            "schedule": schedule.fields.schedule if schedule else "",
            "timeZone": schedule.fields.time_zone if schedule else "",
            "paused": bool(schedule and schedule.fields.paused),
            "next": str(schedule.output.get("next", "")) if schedule and not schedule.fields.paused else "",
            "image": job.fields.image if job else "",
            "shards": job.fields.tasks if job else 0,
            "page": str(page.output.get("uri", "")) if page else "",
            "unreadable": list(latest.unreadable),
            "missing": sorted(str(address) for address in names if address not in seen),
            "lastPass": oversight.last,
            "problems": [*_ill(seen.values()), *oversight.problems],
            "needsYou": [{"name": each.name, "why": each.alarm} for each in oversight.alarms()],
            "passes": [report.to_json() for report in oversight.reports],
        }

    def reported(self, execution: str) -> list[dict[str, Any]]:
        """Give what the shards of one execution reported; nothing of those that another one came after."""
        return [report for report in self.reports.latest() if report["execution"] == execution]

    def _full(self, kind: str) -> str:
        """Give the full name of a part.

        Raises:
            NotFoundError: The inventory does not list it: an install did not end.
        """
        for address in sorted(self.inventory.entries):
            if address.kind == kind:
                project = self.session.connection.project
                return f"projects/{project}/locations/{address.location}/jobs/{address.name}"
        raise errors.NotFoundError("find", f"the operator's {kind}", "it is not there", hint="mlservice install")

    @property
    def _jobs(self) -> Any:
        return self.session.connection.client(_RUN, "jobs", "Jobs")

    @property
    def _executions(self) -> Any:
        return self.session.connection.client(_RUN, "executions", "Executions")

    @property
    def _alerts(self) -> Any:
        return self.session.connection.client(_MONITORING, "alert_policy_service", "AlertPolicyService")

    @property
    def _schedules(self) -> Any:
        return self.session.connection.client(_SCHEDULER, "cloud_scheduler", "CloudScheduler")


@contextmanager
def _hinting() -> Iterator[None]:
    """Say of a part that is gone how it comes back."""
    try:
        yield
    except errors.NotFoundError as error:
        raise errors.NotFoundError(error.verb, error.address, error.why, hint=_MAKE) from error


def _ill(seen: Any) -> Iterator[str]:
    for one in seen:
        if one.problem:
            yield f"{one.address}: {one.problem}"
