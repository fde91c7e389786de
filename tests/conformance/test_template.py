"""A record written into Google's message reads back as itself, whatever the message held before; no emulator."""

from dataclasses import fields, replace

import pytest
from google.cloud.run_v2.types import k8s_min, revision_template, service
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.diff import diff_fields
from reconciler.core.objects import Desired, Observed
from reconciler.kinds.run_service.container import DEFAULTS
from reconciler.kinds.run_service.quantities import cpu_millis, memory_mib
from reconciler.kinds.run_service.record import KEYED, OUTSIDE_TEMPLATE, Runs, RunService, TrafficShare
from reconciler.kinds.run_service.refining import refine
from reconciler.kinds.run_service.template import columns, plain, read_template, write_template
from reconciler.kinds.run_service.traffic import read_traffic, write_traffic
from tests.strategies.containers import beside, containers, templates

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)
NAMES = st.sampled_from(["A", "B", "LONG_NAME", "lower"])
FEATURES = st.dictionaries(TEXT, st.fixed_dictionaries({"type": st.sampled_from(["number", "string"])}), max_size=4)
MODELS = st.just({}) | st.builds(lambda uri, features: {"uri": uri, "features": features}, TEXT, FEATURES)
SHARES = st.lists(st.builds(TrafficShare, st.sampled_from(["latest", "churn-1", "churn-2"]), st.integers(1, 100), TEXT))


@st.composite
def records(draw):
    """A record as `refine` leaves it: nothing is unsaid."""
    model = draw(MODELS)
    secrets = draw(st.dictionaries(NAMES, st.sampled_from(["token:1", "projects/p/secrets/s:7"])))
    gpu = draw(st.sampled_from(["", "nvidia-l4"]))
    mounts, sidecars = draw(beside())
    if gpu and sidecars and draw(st.booleans()):
        sidecars[max(sidecars)]["gpu"] = 1
    return RunService(
        image=draw(TEXT),
        model=model,
        columns=columns(model),
        runtime=draw(st.dictionaries(TEXT, TEXT | st.integers(), max_size=2)),
        version=draw(st.sampled_from(["", "v1", "2026-11-20"])),
        attempt=draw(st.sampled_from(["", "20261122t000000"])),
        env={k: v for k, v in draw(st.dictionaries(NAMES, TEXT)).items() if k not in secrets},
        secrets=secrets,
        container=draw(containers()),
        mounts=mounts,
        sidecars=sidecars,
        template=draw(templates()),
        cpu_millis=draw(st.integers(80, 999) | st.sampled_from([1000, 2000, 8000])),
        memory_mib=draw(st.integers(128, 32768)),
        gpu=gpu,
        gpu_zonal_redundancy=bool(gpu) and draw(st.booleans()),
        concurrency=draw(st.integers(1, 1000)),
        timeout_s=draw(st.integers(1, 3600)),
        min_instances=0,
        max_instances=draw(st.integers(1, 100)),
        service_account=draw(TEXT),
        ingress="All",
        invoker_check=True,
        labels={},
        traffic=(),
        service={},
    )


def read(template):
    """As a client reads it."""
    return read_template(template, plain(template))


def in_template(record):
    return {name: getattr(record, name) for name in RunService.__dataclass_fields__ if name not in OUTSIDE_TEMPLATE}


@seed(1)
@settings(max_examples=60, deadline=None, database=None)
@given(records(), records())
def test_a_record_reads_back_whatever_was_there_before(one, other):
    """Write one record, then the other over it with the keys that go: each reads back exactly."""
    template = revision_template.RevisionTemplate()
    write_template(template, one)
    assert read(template) == in_template(one)

    changes = diff_fields(other, one, {name: frozenset(getattr(one, name)) for name in KEYED})
    write_template(template, other, changes)

    assert read(template) == in_template(other)


@seed(1)
@settings(max_examples=60, deadline=None, database=None)
@given(SHARES)
def test_traffic_reads_back(shares):
    """Shares survive Google's message, in an order of ours; none at all means everything to the latest."""
    live = service.Service(traffic=write_traffic(shares))

    assert read_traffic(live) == (tuple(sorted(shares)) or (TrafficShare("latest", 100),))


@pytest.fixture
def wanted():
    """Some record, of which the container's fields are unsaid."""
    sizes = {"cpu_millis": 1000, "memory_mib": 512, "gpu": "", "gpu_zonal_redundancy": False, "concurrency": 80}
    counts = {"timeout_s": 300, "min_instances": 0, "max_instances": 3}
    maps = {key: {} for key in sorted(KEYED | {"model", "runtime"})}
    texts = {"image": "image", "version": "", "attempt": "", "service_account": "", "ingress": "All"}
    return RunService(columns=(), invoker_check=True, traffic=(), **sizes, **counts, **maps, **texts)


def test_what_we_do_not_manage_stays(wanted):
    """HTTP/2, a probe, a sidecar, mounts, a network and annotations of somebody's own are left as found."""
    sidecar = k8s_min.Container(name="proxy", image="proxy", volume_mounts=[{"name": "v", "mount_path": "/v"}])
    asking = {"path": "/health/ready", "port": 8080, "http_headers": [{"name": "X", "value": "1"}]}
    probe = {"period_seconds": 10, "failure_threshold": 24, "initial_delay_seconds": 3, "http_get": asking}
    ours = k8s_min.Container(
        name="app",
        ports=[{"name": "h2c", "container_port": 8080}],
        startup_probe=probe,
        args=["--a"],
        volume_mounts=[{"name": "v", "mount_path": "/w"}],
    )
    template = revision_template.RevisionTemplate(
        containers=[sidecar, ours],
        annotations={"theirs": "1"},
        volumes=[{"name": "v", "empty_dir": {"medium": "MEMORY"}}, {"name": "unused", "secret": {"secret": "s"}}],
        vpc_access={"connector": "c"},
    )
    before = revision_template.RevisionTemplate(template)

    write_template(template, replace(wanted, timeout_s=9))

    assert template.containers[0] == sidecar
    assert (template.volumes, template.annotations) == (before.volumes, {"theirs": "1"})
    assert template.vpc_access == before.vpc_access
    for name in ("ports", "startup_probe", "args", "volume_mounts"):
        assert getattr(template.containers[1], name) == getattr(before.containers[1], name)
    assert template.containers[1].image == "image"


def test_probes_follow_the_port(wanted):
    """A probe that asked at the port of before asks at the new one; another port of somebody's is left."""
    template = revision_template.RevisionTemplate()
    write_template(template, replace(wanted, container=DEFAULTS))
    template.containers[0].startup_probe = {"http_get": {"path": "/ready", "port": 8080}}
    template.containers[0].liveness_probe = {"http_get": {"path": "/live", "port": 8081}}

    write_template(template, replace(wanted, container={"port": 9090}))

    assert template.containers[0].startup_probe.http_get.port == 9090
    assert template.containers[0].liveness_probe.http_get.port == 8081


def test_a_gpu_that_a_container_of_others_uses_stays(wanted):
    """The accelerator is the instance's: it goes with the last container that uses it."""
    limits = {"cpu": "6", "memory": "16Gi", "nvidia.com/gpu": "1"}
    page = k8s_min.Container(name="page", ports=[{"container_port": 8080}])
    engine = k8s_min.Container(name="engine", image="ollama", resources={"limits": limits})
    template = revision_template.RevisionTemplate(
        containers=[page, engine], node_selector={"accelerator": "nvidia-l4"}, gpu_zonal_redundancy_disabled=True
    )
    seen = RunService(**{**{f.name: getattr(wanted, f.name) for f in fields(RunService)}, **read(template)})
    there = Observed(Address("run_service", "r", "n"), seen, output={"runs": Runs()})

    refined = refine(Desired(there.address, replace(wanted, template={}), "n"), there)
    write_template(template, refined)

    assert template.node_selector.accelerator == "nvidia-l4"
    assert template.gpu_zonal_redundancy_disabled
    assert template.containers[1].resources.limits == limits
    assert "nvidia.com/gpu" not in template.containers[0].resources.limits


@pytest.mark.parametrize(
    ("quantity", "mib"), [("512Mi", 512), ("16Gi", 16384), ("1G", 954), ("536870912", 512), ("1024Ki", 1)]
)
def test_memory_is_read_in_every_unit(quantity, mib):
    """Kubernetes quantities, binary and decimal."""
    assert memory_mib(quantity) == mib


@pytest.mark.parametrize(("quantity", "millis"), [("1", 1000), ("0.5", 500), ("80m", 80), ("1000m", 1000)])
def test_cpu_is_read_in_every_unit(quantity, millis):
    """Whole, fractional and in thousandths."""
    assert cpu_millis(quantity) == millis
