"""Quotas of Cloud Run in plans: told before Google refuses, of containers together, and of old and new revisions."""

from google.cloud import run_v2

from reconciler.core.quota import Claim
from reconciler.kinds.run_service.claims import claim_of
from tests.operating import HELLO, spec

CPU, MEMORY = "CpuAllocPerProjectRegion", "MemAllocPerProjectRegion"
TWO = {"cpu": 2, "memory": "1Gi"}


def told(operator, *specs):
    """Notes on quotas, by where in the file."""
    return [note.text for note in operator.plan(*specs).plan.notes if "PerProjectRegion" in note.text]


def limited(operator, **settings):
    operator.emulator.control("PUT", "settings", settings)


def grant(operator, quota, value):
    """Somebody asks for more, and gets it."""
    asked = {"service": "run.googleapis.com", "quota_id": quota, "dimensions": {"region": "europe-west1"}}
    preference = {**asked, "quota_config": {"preferred_value": value}}
    quotas = operator.api("google.cloud.cloudquotas_v1", "cloud_quotas", "CloudQuotas")
    quotas.create_quota_preference(parent="projects/local/locations/global", quota_preference=preference)


def test_what_google_would_refuse_is_in_the_plan(operator):
    """Sizes of all containers count; the plan says what fits, and what fits is applied without a note."""
    limited(operator, run_cpu_quota=8, run_memory_quota_gib=40)
    beside = {"agent": {"image": HELLO, "cpu": 1, "memory": "512Mi"}}
    large = spec(resources=TWO, sidecars=beside, scaling={"maxInstances": 3})

    [note] = told(operator, large)

    assert (
        f"europe-west1 allows 8 vCPU of {CPU}, and 3 instances of 3 vCPU may take 9 vCPU: Google refuses that" in note
    )
    assert "at most 2 fit" in note
    refused = operator.apply(large)
    assert refused.failed
    assert "set to 2 or fewer" in str(refused.failed)
    grant(operator, CPU, 9000)
    assert told(operator, large) == []
    assert not operator.apply(large).failed


def test_old_revisions_count_while_versions_change(operator):
    """That which serves, and one that has an address of its own; not one that nobody reaches. Nothing is told after."""
    limited(operator, run_cpu_quota=10)
    first = spec(resources=TWO, scaling={"maxInstances": 3})
    operator.apply(first)
    second = spec(resources=TWO, scaling={"maxInstances": 3}, env={"A": "1"})
    [serving] = operator.service().traffic_statuses
    old = operator.service().latest_ready_revision.rpartition("/")[2]

    [note] = told(operator, second)
    operator.apply(second)

    assert serving.percent == 100
    assert f"beside 6 vCPU of {old}, 12 vCPU while both have instances" in note
    assert told(operator, second) == []


def test_nothing_is_read_where_nothing_starts(operator):
    """A plan that changes nothing, or only labels, asks no quota, though it is too small by now."""
    wanted = spec(resources=TWO, scaling={"maxInstances": 3})
    operator.apply(wanted)
    limited(operator, run_cpu_quota=1)
    operator.emulator.control("DELETE", "calls")

    assert told(operator, wanted) == []
    labelled = {**wanted, "metadata": {"name": "churn", "labels": {"team": "a"}}}
    assert told(operator, labelled) == []
    assert not [name for name in operator.emulator.calls() if "Quota" in name]


def test_who_may_not_look_is_told_only_what_is_large(operator):
    """Cloud Quotas is off: what a new project has is enough for one service, and not for the other."""
    usage = operator.api("google.cloud.service_usage_v1", "service_usage", "ServiceUsage")
    usage.disable_service(request={"name": "projects/local/services/cloudquotas.googleapis.com"}).result(timeout=20)

    small = operator.plan(spec(resources=TWO)).plan
    large = operator.plan(spec(resources=TWO, scaling={"maxInstances": 30})).plan

    assert not [note for note in small.notes if "vCPU" in note.text]
    [note] = [note for note in large.notes if "vCPU" in note.text]
    assert "30 instances of 2 vCPU may take 60 vCPU; a new project has 20 vCPU in a region, and what" in note.text
    assert "is not known: cannot read the quotas of Cloud Run" in note.text
    assert "mlservice.yaml:" in note.where


def test_an_apply_does_not_wait_for_quotas(operator):
    """Cloud Quotas does not answer: it is asked once, and the service is made."""
    operator.emulator.faults({"method": "*/ListQuotaInfos", "times": None, "status": "UNAVAILABLE"})
    operator.emulator.control("DELETE", "calls")

    report = operator.apply(spec())

    assert not report.failed
    assert operator.emulator.calls()["google.api.cloudquotas.v1.CloudQuotas/ListQuotaInfos"] == 1


def test_a_version_that_nobody_reaches_may_count_where_a_gpu_comes(operator):
    """Its ceiling is in no file any more: the plan names it, before Google does with a number alone."""
    operator.apply(spec(scaling={"maxInstances": 10}))
    old = operator.service().latest_ready_revision.rpartition("/")[2]
    operator.apply(spec(scaling={"maxInstances": 2}))
    card = {"gpu": "nvidia-l4", "cpu": 4, "memory": "16Gi"}

    [note] = told(operator, spec(resources=card, scaling={"maxInstances": 2}))

    assert "europe-west1 allows 3 GPUs of NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion" in note
    assert f"Google may count {old} as well, which gets no requests and may have 10 instances" in note


def test_sizes_of_a_revision_are_those_of_all_its_containers():
    """As its message says them, with Cloud Run's defaults where it says nothing."""
    limits = {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"}
    containers = [run_v2.Container(resources={"limits": limits}), run_v2.Container()]
    template = {"containers": containers, "node_selector": {"accelerator": "nvidia-l4"}}

    found = claim_of(run_v2.Revision(name="a/b/r1", **template, gpu_zonal_redundancy_disabled=True))

    assert found == Claim("r1", 100, 5000, 16 * 1024 + 512, "nvidia-l4")
