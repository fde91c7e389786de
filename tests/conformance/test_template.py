"""A record written into Google's message reads back as itself, whatever the message held before; no emulator."""

from dataclasses import replace

import pytest
from google.cloud.run_v2.types import k8s_min, revision_template, service
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from reconciler.kinds.run_service.record import OUTSIDE_TEMPLATE, RunService, StartupProbe, TrafficShare
from reconciler.kinds.run_service.template import columns, cpu_millis, memory_mib, read_template, write_template
from reconciler.kinds.run_service.traffic import read_traffic, write_traffic

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)
NAMES = st.sampled_from(["A", "B", "LONG_NAME", "lower"])
FEATURES = st.dictionaries(TEXT, st.fixed_dictionaries({"type": st.sampled_from(["number", "string"])}), max_size=4)
MODELS = st.just({}) | st.builds(lambda uri, features: {"uri": uri, "features": features}, TEXT, FEATURES)
SHARES = st.lists(st.builds(TrafficShare, st.sampled_from(["latest", "churn-1", "churn-2"]), st.integers(1, 100), TEXT))
PROBES = st.builds(
    StartupProbe, st.sampled_from(["", "/", "/health/ready"]), *(st.integers(1, most) for most in (240, 240, 60))
)


@st.composite
def records(draw):
    """A record as `refine` leaves it: nothing is unsaid."""
    model = draw(MODELS)
    secrets = draw(st.dictionaries(NAMES, st.sampled_from(["token:1", "projects/p/secrets/s:7"])))
    gpu = draw(st.sampled_from(["", "nvidia-l4"]))
    return RunService(
        image=draw(TEXT),
        model=model,
        columns=columns(model),
        runtime=draw(st.dictionaries(TEXT, TEXT | st.integers(), max_size=2)),
        version=draw(st.sampled_from(["", "v1", "2026-11-20"])),
        attempt=draw(st.sampled_from(["", "20261122t000000"])),
        env={k: v for k, v in draw(st.dictionaries(NAMES, TEXT)).items() if k not in secrets},
        secrets=secrets,
        port=draw(st.integers(1, 65535)),
        cpu_millis=draw(st.integers(80, 999) | st.sampled_from([1000, 2000, 8000])),
        memory_mib=draw(st.integers(128, 32768)),
        cpu_always=draw(st.booleans()),
        startup_boost=draw(st.booleans()),
        gpu=gpu,
        gpu_zonal_redundancy=bool(gpu) and draw(st.booleans()),
        concurrency=draw(st.integers(1, 1000)),
        timeout_s=draw(st.integers(1, 3600)),
        min_instances=0,
        max_instances=draw(st.integers(1, 100)),
        startup=draw(PROBES),
        liveness=draw(st.sampled_from(["", "/health/live"])),
        service_account=draw(TEXT),
        ingress="All",
        invoker_check=True,
        labels={},
        traffic=(),
    )


def in_template(record):
    return {name: getattr(record, name) for name in RunService.__dataclass_fields__ if name not in OUTSIDE_TEMPLATE}


@seed(1)
@settings(max_examples=60, deadline=None, database=None)
@given(records(), records())
def test_a_record_reads_back_whatever_was_there_before(one, other):
    """Write one record, then the other over it with the keys that go: each reads back exactly."""
    template = revision_template.RevisionTemplate()
    write_template(template, one)
    assert read_template(template) == in_template(one)

    gone = (one.env.keys() | one.secrets.keys()) - (other.env.keys() | other.secrets.keys())
    write_template(template, other, gone=frozenset(gone))

    assert read_template(template) == in_template(other)


@seed(1)
@settings(max_examples=60, deadline=None, database=None)
@given(SHARES)
def test_traffic_reads_back(shares):
    """Shares survive Google's message, in an order of ours; none at all means everything to the latest."""
    live = service.Service(traffic=write_traffic(shares))

    assert read_traffic(live) == (tuple(sorted(shares)) or (TrafficShare("latest", 100),))


@pytest.fixture
def wanted():
    """Some record."""
    probe = StartupProbe("/health/ready", 10, 24, 5)
    return RunService("image", {}, (), {}, "", "", {}, {}, 8080, 1000, 512, False, True, "", False, 80, 300, 0, 3, probe, "", "", "All", True, {}, ())  # fmt: skip  # noqa: E501, FBT003 - one record, one line


def test_what_we_do_not_manage_stays(wanted):
    """HTTP/2, headers of a probe, a sidecar, volumes and annotations are left as found."""
    sidecar = k8s_min.Container(name="proxy", image="proxy")
    asking = {"path": "/health/ready", "port": 8080, "http_headers": [{"name": "X", "value": "1"}]}
    waiting = {"period_seconds": 10, "failure_threshold": 24, "timeout_seconds": 5, "initial_delay_seconds": 3}
    probe = {**waiting, "http_get": asking}
    ours = k8s_min.Container(name="app", ports=[{"name": "h2c", "container_port": 8080}], startup_probe=probe)
    template = revision_template.RevisionTemplate(containers=[sidecar, ours], annotations={"theirs": "1"})

    write_template(template, replace(wanted, timeout_s=9))

    assert template.containers[0] == sidecar
    assert template.containers[1].ports[0].name == "h2c"
    assert template.containers[1].startup_probe.initial_delay_seconds == 3
    assert template.containers[1].startup_probe.http_get.http_headers[0].name == "X"
    assert template.annotations == {"theirs": "1"}
    assert template.containers[1].image == "image"


def test_probes_follow_the_port(wanted):
    """A probe that asked at the port of before asks at the new one; another port of somebody's is left."""
    template = revision_template.RevisionTemplate()
    write_template(template, wanted)
    template.containers[0].liveness_probe = {"http_get": {"path": "/live", "port": 8081}}

    write_template(template, replace(wanted, port=9090, liveness="/live"))

    assert template.containers[0].startup_probe.http_get.port == 9090
    assert template.containers[0].liveness_probe.http_get.port == 8081


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
