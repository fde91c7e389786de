"""Cloud Scheduler jobs: they fire the triggers of a spec that go by the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import Address
from reconciler.core.flow import Flow, Group
from reconciler.core.kind import Kind, Permissions, Roles
from reconciler.core.naming import fingerprint, note, noted
from reconciler.core.objects import Desired, Observed, Wanted
from reconciler.core.reference import Ref
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.durations import seconds
from reconciler.gcp.light import types_module
from reconciler.kinds import pubsub_topic
from schemas.sections.events import Topic

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService
    from schemas.sections.retraining import Trigger

NAME = "scheduler_job"
_PACKAGE = "google.cloud.scheduler_v1"
_PAGE = 500
_NEWS = ("schedule_time", "last_attempt_time", "status")
"""What a job tells of its runs; a run is no change of the job."""
_POST = ("POST", "HTTP_METHOD_UNSPECIFIED")
_BARE_HOST = "https://host/".count("/")


@dataclass(frozen=True, slots=True)
class SchedulerJob:
    """The fields we manage. Every other field of the live job is left as found.

    Args:
        schedule: Cron, five fields.
        time_zone: A name of the tz database.
        description: Carries our mark: jobs have no labels.
        uri: What is called, without a slash after a bare host; empty for a job that publishes.
        account: E-mail of the account that the call proves to be; empty for none.
        audience: Whom that proof is for; empty where `scope` is said.
        scope: What the call may do as that account, for Google's own APIs, which want no proof but a permission; empty
            for a proof.
        topic: Full name of the topic that is published to, in the job's project; empty for a job that calls.
        attributes: Of the message.
        attempt_deadline_s: Patience with one call, 15 to 1800; 0 for a job that publishes, which has none.
        retry_count: Further attempts after one that failed, 0 to 5.
        max_retry_s: How long there may be further ones; 0 for no limit.
        min_backoff_s: Before the second attempt, 1 or more: Google reads 0 as its default.
        max_backoff_s: Between later ones.
        max_doublings: How often the wait is doubled, 1 or more for the same reason.
        paused: Whether it runs at all. Methods of its own switch that.
        by_hand: Another method of the call than POST, and a body: Google's APIs do something else by them, or nothing.
    """

    schedule: str
    time_zone: str
    description: str
    uri: str | Ref
    account: str | Ref
    audience: str | Ref
    scope: str
    topic: str
    attributes: Mapping[str, str]
    attempt_deadline_s: int
    retry_count: int
    max_retry_s: int
    min_backoff_s: int
    max_backoff_s: int
    max_doublings: int
    paused: bool
    by_hand: Mapping[str, str] = field(default_factory=dict)


def address_of(service: MLService, trigger: Trigger) -> Address:
    """Give the address of a trigger's job. No service has `_` in its name, so no two jobs meet."""
    return Address(NAME, service.spec.region, f"{service.name}_{trigger.name}")


def retrain_topic(service: MLService) -> Topic:
    """Give the topic of ours that every trigger of a service publishes to."""
    return Topic(topic=f"{service.name}-retrain", create=True)


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want a job per schedule, and the topic that it publishes to."""
    for trigger in service.spec.triggers:
        if trigger.when.schedule is not None:
            topic = retrain_topic(service)
            here = pubsub_topic.address_of(topic.topic, facts.project)
            yield pubsub_topic.wanted(topic, service.name, facts, "triggers")
            fields = _publishing(service, trigger, pubsub_topic.full_name(here, facts.project))
            yield Desired(address_of(service, trigger), fields, service.name, needs=frozenset({here}))


def _publishing(service: MLService, trigger: Trigger, topic: str) -> SchedulerJob:
    return publishing(
        trigger.when.schedule or "",
        trigger.when.time_zone,
        f"Trigger {trigger.name} of {service.name}. {note(service.name)}",
        topic,
        {"trigger": trigger.name, "service": service.name, "region": service.spec.region},
    )


def publishing(
    schedule: str, time_zone: str, description: str, topic: str, attributes: Mapping[str, str]
) -> SchedulerJob:
    """Give a job that publishes a message.

    Args:
        schedule: Cron, five fields.
        time_zone: A name of the tz database.
        description: For people; carries our mark.
        topic: Full name of the topic.
        attributes: Of the message.
    """
    return SchedulerJob(
        schedule=schedule,
        time_zone=time_zone,
        description=description,
        uri="",
        account="",
        audience="",
        scope="",
        topic=topic,
        attributes=attributes,
        attempt_deadline_s=0,
        retry_count=3,
        max_retry_s=0,
        min_backoff_s=5,
        max_backoff_s=3600,
        max_doublings=5,
        paused=False,
    )


def from_api(live: Any) -> SchedulerJob:
    """Turn a live job into our record; what the server makes of our words ends here.

    Source:
        kinds.md 5: a slash may be added to a bare host.
    """
    http, message, retry = live.http_target, live.pubsub_target, live.retry_config
    return SchedulerJob(
        schedule=live.schedule,
        time_zone=live.time_zone,
        description=live.description,
        uri=http.uri.removesuffix("/") if http.uri.count("/") == _BARE_HOST else http.uri,
        account=http.oidc_token.service_account_email or http.oauth_token.service_account_email,
        audience=http.oidc_token.audience,
        scope=http.oauth_token.scope,
        topic=message.topic_name,
        attributes=dict(message.attributes),
        attempt_deadline_s=0 if message.topic_name else seconds(live.attempt_deadline),
        retry_count=retry.retry_count,
        max_retry_s=seconds(retry.max_retry_duration),
        min_backoff_s=seconds(retry.min_backoff_duration),
        max_backoff_s=seconds(retry.max_backoff_duration),
        max_doublings=retry.max_doublings,
        paused=live.state.name == "PAUSED",
        by_hand={} if message.topic_name else dict(_by_hand(http)),
    )


def _by_hand(http: Any) -> Iterator[tuple[str, str]]:
    """Give what of a call is not as we make them; a body's words, which may be a secret, are not told.

    Source:
        comment of `HttpTarget.http_method`: POST where it is left out.
    """
    if http.http_method.name not in _POST:
        yield "http_target.http_method", http.http_method.name
    if http.body:
        yield "http_target.body", "(set, not shown)"


class SchedulerJobClient:
    """Thin and idempotent over Google's client."""

    MASK: Mapping[str, str] = {
        "schedule": "schedule",
        "time_zone": "time_zone",
        "description": "description",
        "uri": "http_target",
        "account": "http_target",
        "audience": "http_target",
        "scope": "http_target",
        "topic": "pubsub_target",
        "attributes": "pubsub_target",
        "attempt_deadline_s": "attempt_deadline",
        "retry_count": "retry_config",
        "max_retry_s": "retry_config",
        "min_backoff_s": "retry_config",
        "max_backoff_s": "retry_config",
        "max_doublings": "retry_config",
        "by_hand": "http_target",
    }

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(_PACKAGE, "cloud_scheduler", "CloudScheduler")
        self._types = types_module(_PACKAGE, "job")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[SchedulerJob]]:
        """List the jobs of one region."""
        wanted = {address.name: address for address in addresses}
        location = addresses[0].location
        with calling("list", f"{NAME}/{location}"):
            request = {"parent": f"projects/{self._project}/locations/{location}", "page_size": _PAGE}
            found = list(self._api.list_jobs(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            name = live.name.rpartition("/")[2]
            if name in wanted:
                yield observed(wanted[name], live)

    def create(self, want: Desired[SchedulerJob]) -> None:
        """Create it; synchronous. One that is to be paused is so a moment later."""
        job = self._types.Job(name=self._name(want.address))
        _write(job, want.fields)
        with calling("create", want.address):
            request = {"parent": job.name.partition("/jobs/")[0], "job": job}
            self._api.create_job(request=request, timeout=CALL_TIMEOUT_S)
            if want.fields.paused:
                self._api.pause_job(request={"name": job.name}, timeout=CALL_TIMEOUT_S)

    def update(
        self, want: Desired[SchedulerJob], seen: Observed[SchedulerJob], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed parts, and pause or resume it. A part that is named is written whole."""
        job = type(seen.live)(seen.live)
        _write(job, want.fields)
        fields = {change.field for change in changes}
        paths = sorted({self.MASK[field] for field in fields if field in self.MASK})
        with calling("update", want.address):
            if paths:
                request = {"job": job, "update_mask": {"paths": paths}}
                self._api.update_job(request=request, timeout=CALL_TIMEOUT_S)
            if "paused" in fields:
                switch = self._api.pause_job if want.fields.paused else self._api.resume_job
                switch(request={"name": job.name}, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[SchedulerJob]) -> None:
        """Delete it. What it started goes on."""
        try:
            with calling("delete", seen.address):
                self._api.delete_job(request={"name": self._name(seen.address)}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return

    def _name(self, address: Address) -> str:
        return f"projects/{self._project}/locations/{address.location}/jobs/{address.name}"


def observed(address: Address, live: Any) -> Observed[SchedulerJob]:
    """Say what a live job is."""
    fields, problem = from_api(live), ""
    if live.state.name == "DISABLED":
        problem = "Cloud Scheduler disabled it after an error"
    if live.state.name == "UPDATE_FAILED":
        # It may run by what it was before: whatever it shows has to be written again (comment of `Job.State`).
        fields, problem = replace(fields, schedule=""), "an update of it failed half way"
    said = {name: value for name, value in type(live).to_dict(live).items() if name not in _NEWS}
    return Observed(
        address,
        fields,
        version=fingerprint(said),
        mark=noted(live.description),
        problem=problem,
        output={"name": live.name, "next": live.schedule_time.isoformat() if live.schedule_time else ""},
        live=live,
    )


def _write(job: Any, fields: SchedulerJob) -> None:
    """Write our fields, and leave what others set inside the same parts, such as headers."""
    job.schedule, job.time_zone, job.description = fields.schedule, fields.time_zone, fields.description
    if fields.topic:
        job.pubsub_target.topic_name = fields.topic
        job.pubsub_target.attributes = dict(fields.attributes)
    else:
        job.http_target.uri, job.http_target.body = fields.uri, b""
        job.http_target.http_method = type(job.http_target.http_method).POST
        _write_token(job.http_target, fields)
    job.attempt_deadline = timedelta(seconds=fields.attempt_deadline_s) if fields.attempt_deadline_s else None
    retry = job.retry_config
    retry.retry_count, retry.max_doublings = fields.retry_count, fields.max_doublings
    retry.max_retry_duration = timedelta(seconds=fields.max_retry_s)
    retry.min_backoff_duration = timedelta(seconds=fields.min_backoff_s)
    retry.max_backoff_duration = timedelta(seconds=fields.max_backoff_s)


def _write_token(target: Any, fields: SchedulerJob) -> None:
    """Write whose proof or permission the call carries: setting the one clears the other."""
    if fields.scope:
        target.oauth_token = {"service_account_email": fields.account, "scope": fields.scope}
    else:
        target.oauth_token = None
        token = {"service_account_email": fields.account, "audience": fields.audience}
        target.oidc_token = token if fields.account else None


def flows(want: Desired[SchedulerJob], service: MLService, project: str) -> Iterator[Flow]:
    """Say which topic it wakes."""
    del service
    if want.fields.topic:
        yield Flow(want.address, pubsub_topic.address_of(want.fields.topic, project), want.fields.schedule)


KIND = Kind(
    name=NAME,
    title="Cloud Scheduler job",
    fields=SchedulerJob,
    desired=desired,
    connect=SchedulerJobClient,
    paid=paid.Paid(fires=paid.fields("schedule", "paused"), fires_by_itself=True, counted="jobs"),
    group=Group.TRAINING,
    flows=flows,
    acts_on=frozenset({"triggers.name", "triggers.when.schedule", "triggers.when.timeZone"}),
    permissions=Permissions(
        read=("cloudscheduler.jobs.list",),
        write=("cloudscheduler.jobs.create", "cloudscheduler.jobs.update", "cloudscheduler.jobs.delete"),
    ),
    apis=("cloudscheduler.googleapis.com",),
    roles=Roles(read=("roles/cloudscheduler.viewer",), write=("roles/cloudscheduler.admin",)),
    # Jobs have no etag (kinds.md 2.2).
    fenced=False,
    uses=frozenset({"iam_member", "pubsub_topic", "service_account"}),
    before=frozenset({"functions_function", "run_job"}),
)
