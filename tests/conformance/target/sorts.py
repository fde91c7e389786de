"""The sorts of objects that runs make: which request makes one, how it is found, and how it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.api_core.exceptions import Forbidden
from google.iam.v1 import iam_policy_pb2, options_pb2

from reconciler.gcp.calls import CALL_TIMEOUT_S, READING
from tests.conformance.target.connection import Target
from tests.conformance.target.journal import account_of, run_in
from tests.conformance.target.plain import PLAIN
from tests.conformance.target.sort import Found, Seen, Sort, seen_as


def _listed(api: tuple[str, str, str], method: str, field: str, *, regional: bool) -> Callable[[Target], Found]:
    def find(target: Target) -> Found:
        parent = target.at.here if regional else target.at.top
        call = getattr(target.api(*api), method)
        for item in call(request={field: parent}, retry=READING, timeout=CALL_TIMEOUT_S):
            yield seen_as(item.name, _labels(item))

    return find


def _labels(item: Any) -> Mapping[str, str]:
    return getattr(item, "user_labels", None) or getattr(item, "labels", None) or {}


def _deleted(api: tuple[str, str, str], method: str, field: str, **more: Any) -> Callable[[Target, str], Any]:
    def remove(target: Target, name: str) -> None:
        done = getattr(target.api(*api), method)(request={field: name, **more}, timeout=CALL_TIMEOUT_S)
        if hasattr(done, "result"):
            done.result(timeout=target.connection.patience_s)

    return remove


def _sort(
    name: str, api: tuple[str, str, str], service: str, noun: str, called: str, *, field: str = "name", **options: Any
) -> Sort:
    """A sort whose API is like most: `parent` of a list, `Create…`, `list_…s`, `delete_…`."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in noun).lstrip("_")
    plural = f"{snake[:-1]}ies" if snake.endswith("y") else f"{snake}s"
    regional = "{parent}" in called or name == "scheduler_job"
    listed = _listed(api, f"list_{plural}", options.pop("listed", "parent"), regional=options.pop("regional", regional))
    return Sort(name, f"/{service}/Create{noun}", called, listed, _deleted(api, f"delete_{snake}", field, **options))


def _objectives(target: Target) -> Found:
    """Those of each service: of a project's there is no list of all."""
    api = target.api(*PROMISES)
    for service in api.list_services(request={"parent": target.at.top}, retry=READING, timeout=CALL_TIMEOUT_S):
        request = {"parent": service.name}
        for item in api.list_service_level_objectives(request=request, retry=READING, timeout=CALL_TIMEOUT_S):
            yield seen_as(item.name, _labels(item))


def _budgets(target: Target) -> Found:
    """Those of the project, by what they are called; none where its billing account is not ours to look at."""
    billing, request = target.api(*BILLING), {"name": target.at.top}
    try:
        info = billing.get_project_billing_info(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
        asked = {"parent": info.billing_account_name, "scope": target.at.top}
        found = target.api(*BUDGETS).list_budgets(request=asked, timeout=CALL_TIMEOUT_S) if asked["parent"] else ()
        for item in found:
            yield Seen(item.name, run_in(item.display_name))
    except Forbidden:
        return


def _buckets(target: Target) -> Found:
    for bucket in target.connection.storage.list_buckets(project=target.at.project, timeout=CALL_TIMEOUT_S):
        yield seen_as(bucket.name, _labels(bucket))


def _without_bucket(target: Target, name: str) -> None:
    storage = target.connection.storage
    for blob in list(storage.list_blobs(name, timeout=CALL_TIMEOUT_S)):
        blob.delete(timeout=CALL_TIMEOUT_S)
    storage.bucket(name).delete(timeout=CALL_TIMEOUT_S)


def _sinks(target: Target) -> Found:
    """Log sinks, which name themselves without their project."""
    request = {"parent": target.at.top}
    for sink in target.api(*LOGGING).list_sinks(request=request, retry=READING, timeout=CALL_TIMEOUT_S):
        yield seen_as(f"{target.at.top}/sinks/{sink.name}", {})


def _projects(target: Target) -> Any:
    return target.api("google.cloud.resourcemanager_v3", "projects", "Projects")


def _policy(target: Target) -> Any:
    options = options_pb2.GetPolicyOptions(requested_policy_version=3)
    request = iam_policy_pb2.GetIamPolicyRequest(resource=target.at.top, options=options)
    return _projects(target).get_iam_policy(request=request, timeout=CALL_TIMEOUT_S)


def _grants(target: Target) -> Found:
    members = {member for binding in _policy(target).bindings for member in binding.members}
    for member in sorted(members):
        yield Seen(member, run_in(account_of(member)))


def _without_grants(target: Target, member: str) -> None:
    """Take a member out of the project's policy; where somebody was faster, whoever asked asks again."""
    policy = _policy(target)
    kept = [binding for binding in policy.bindings if list(binding.members) != [member]]
    for binding in kept:
        if member in binding.members:
            binding.members.remove(member)
    kept = list(map(_copied, kept))
    del policy.bindings[:]
    policy.bindings.extend(kept)
    request = iam_policy_pb2.SetIamPolicyRequest(resource=target.at.top, policy=policy)
    _projects(target).set_iam_policy(request=request, timeout=CALL_TIMEOUT_S)


def _copied(binding: Any) -> Any:
    """A binding that lives on without the policy it was in."""
    made = type(binding)()
    made.CopyFrom(binding)
    return made


PROMISES = ("google.cloud.monitoring_v3", "service_monitoring_service", "ServiceMonitoringService")
BILLING = ("google.cloud.billing_v1", "cloud_billing", "CloudBilling")
BUDGETS = ("google.cloud.billing.budgets_v1", "budget_service", "BudgetService")
IAM = ("google.cloud.iam_admin_v1", "iam", "IAM")
LOGGING = ("google.cloud.logging_v2", "config_service_v2", "ConfigServiceV2")
_RUN = "google.cloud.run.v2"
SORTS = (
    _sort(
        "function",
        ("google.cloud.functions_v2", "function_service", "FunctionService"),
        "google.cloud.functions.v2.FunctionService",
        "Function",
        "{parent}/functions/{functionId}",
    ),
    _sort(
        "scheduler_job",
        ("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler"),
        "google.cloud.scheduler.v1.CloudScheduler",
        "Job",
        "{job[name]}",
    ),
    _sort(
        "subscription",
        ("google.pubsub_v1", "subscriber", "Subscriber"),
        "google.pubsub.v1.Subscriber",
        "Subscription",
        "{name}",
        field="subscription",
        listed="project",
    ),
    _sort(
        "run_service",
        ("google.cloud.run_v2", "services", "Services"),
        f"{_RUN}.Services",
        "Service",
        "{parent}/services/{serviceId}",
    ),
    _sort("run_job", ("google.cloud.run_v2", "jobs", "Jobs"), f"{_RUN}.Jobs", "Job", "{parent}/jobs/{jobId}"),
    _sort(
        "topic",
        ("google.pubsub_v1", "publisher", "Publisher"),
        "google.pubsub.v1.Publisher",
        "Topic",
        "{name}",
        field="topic",
        listed="project",
    ),
    _sort(
        "secret",
        ("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService"),
        "google.cloud.secretmanager.v1.SecretManagerService",
        "Secret",
        "{parent}/secrets/{secretId}",
        regional=False,
    ),
    _sort(
        "repository",
        ("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry"),
        "google.devtools.artifactregistry.v1.ArtifactRegistry",
        "Repository",
        "{parent}/repositories/{repositoryId}",
    ),
    Sort(
        "budget",
        "/google.cloud.billing.budgets.v1.BudgetService/CreateBudget",
        "{parent}/budgets/?",
        _budgets,
        _deleted(BUDGETS, "delete_budget", "name"),
    ),
    _sort(
        "alert_policy",
        ("google.cloud.monitoring_v3", "alert_policy_service", "AlertPolicyService"),
        "google.monitoring.v3.AlertPolicyService",
        "AlertPolicy",
        "{name}/alertPolicies/?",
        listed="name",
    ),
    _sort(
        "uptime_check",
        ("google.cloud.monitoring_v3", "uptime_check_service", "UptimeCheckService"),
        "google.monitoring.v3.UptimeCheckService",
        "UptimeCheckConfig",
        "{parent}/uptimeCheckConfigs/?",
        regional=False,
    ),
    _sort(
        "notification_channel",
        ("google.cloud.monitoring_v3", "notification_channel_service", "NotificationChannelService"),
        "google.monitoring.v3.NotificationChannelService",
        "NotificationChannel",
        "{name}/notificationChannels/?",
        listed="name",
        force=True,
    ),
    Sort(
        "slo",
        "/google.monitoring.v3.ServiceMonitoringService/CreateServiceLevelObjective",
        "{parent}/serviceLevelObjectives/{serviceLevelObjectiveId}",
        _objectives,
        _deleted(PROMISES, "delete_service_level_objective", "name"),
    ),
    _sort(
        "monitored_service",
        PROMISES,
        "google.monitoring.v3.ServiceMonitoringService",
        "Service",
        "{parent}/services/{serviceId}",
        regional=False,
    ),
    Sort(
        "log_sink",
        "/google.logging.v2.ConfigServiceV2/CreateSink",
        "{parent}/sinks/{sink[name]}",
        _sinks,
        _deleted(LOGGING, "delete_sink", "sink_name"),
    ),
    *PLAIN,
    Sort("bucket", "POST /storage/v1/b", "{name}", _buckets, _without_bucket),
    Sort(
        "role",
        "/google.iam.admin.v1.IAM/CreateRole",
        "{parent}/roles/{roleId}",
        _listed(IAM, "list_roles", "parent", regional=False),
        _deleted(IAM, "delete_role", "name"),
    ),
    Sort("grant", "", "", _grants, _without_grants),
    Sort(
        "account",
        "/google.iam.admin.v1.IAM/CreateServiceAccount",
        "{name}/serviceAccounts/{accountId}",
        _listed(IAM, "list_service_accounts", "name", regional=False),
        _deleted(IAM, "delete_service_account", "name"),
    ),
)
"""In the order in which they go: what stands on others first."""
