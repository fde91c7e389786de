"""Fields that a spec says nothing of: held at the default, seen when a hand changes them, left where found."""

import pytest
import yaml

from reconciler.kinds.run_service.container import DEFAULTS
from reconciler.kinds.run_service.fields import SERVICE, TEMPLATE
from tests.operating import HELLO, REGION, spec

NAME = f"projects/local/locations/{REGION}/services/churn"
BY_HAND = {
    "container.args": ("template.containers", {"args": ["--a"]}),
    "container.workingDir": ("template.containers", {"working_dir": "/"}),
    "container.livenessProbe": (
        "template.containers",
        {"liveness_probe": {"http_get": {"path": "/"}, "period_seconds": 60}},
    ),
    "container.startupProbe": ("template.containers", {"startup_probe": {"http_get": {"path": "/"}}}),
    "container.cpuIdle": ("template.containers", {"resources": {"cpu_idle": False}}),
    "container.startupCpuBoost": ("template.containers", {"resources": {"startup_cpu_boost": False}}),
    "template.sessionAffinity": ("template", {"session_affinity": True}),
    "template.executionEnvironment": ("template", {"execution_environment": "EXECUTION_ENVIRONMENT_GEN2"}),
    "template.vpcAccess": ("template", {"vpc_access": {"connector": "c", "egress": "ALL_TRAFFIC"}}),
    "template.encryptionKey": (
        "template",
        {"encryption_key": "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"},
    ),
    "template.minInstanceCount": ("template.scaling", {"min_instance_count": 1}),
    "service.description": ("", {"description": "by hand"}),
    "service.customAudiences": ("", {"custom_audiences": ["https://a.example"]}),
    "service.defaultUriDisabled": ("", {"default_uri_disabled": True}),
    "service.binaryAuthorization": ("", {"binary_authorization": {"use_default": True}}),
    "service.launchStage": ("", {"launch_stage": "BETA"}),
}
"""What somebody sets, and where."""


def api(operator):
    return operator.api("google.cloud.run_v2", "services", "Services")


def meddle(operator):
    """Somebody sets all of it, by Google's client."""
    live = api(operator).get_service(request={"name": NAME})
    for place, said in BY_HAND.values():
        target = live
        for part in filter(None, place.split(".")):
            target = getattr(target, part)
            target = target[0] if part == "containers" else target
        for name, value in said.items():
            if name == "resources":
                for inner, each in value.items():
                    setattr(target.resources, inner, each)
            else:
                setattr(target, name, value)
    api(operator).update_service(request={"service": live}).result()


def changed(operator, *specs):
    """Fields of the service that the plan changes: `container.args[0]` is of `container.args`."""
    (change,) = [c for c in operator.plan(*specs).plan.changes if c.address.kind == "run_service" and c.changes]
    return {".".join(each.path.split("[")[0].split(".")[:2]) for each in change.changes}, change


def test_what_a_hand_changes_is_seen_and_taken_back(operator):
    """Every one of the fields, though the spec says none of them; afterwards all are as a new service has them."""
    operator.apply(spec())
    meddle(operator)

    seen, change = changed(operator, spec())
    report = operator.apply(spec())

    assert seen == BY_HAND.keys()
    assert change.reason == "config drift: changed outside mlservice"
    assert not report.failed
    assert operator.differences(spec()) == []
    live = api(operator).get_service(request={"name": NAME})
    assert (live.description, live.template.session_affinity) == ("", False)
    assert list(live.template.containers[0].args) == []
    assert live.template.containers[0].resources.cpu_idle


def test_the_fields_that_a_hand_can_change_are_those_of_the_tables():
    """A row that is added here stands above, or in this list with its reason."""
    by_others = {
        "container.command": "the stand-in image has no other",
        "container.dependsOn": "needs another container",
        "container.name": "a container that others add may need it, so it is left",
        "container.port": "another test: probes follow it",
        "container.protocol": "the stand-in image speaks HTTP/1",
        "container.readinessProbe": "as the other probes",
        "template.healthCheckDisabled": "as sessionAffinity",
        "template.encryptionKeyRevocationAction": "goes with a key that can be revoked",
        "template.encryptionKeyShutdownDuration": "goes with a key that can be revoked",
        "template.serviceMesh": "a mesh must be there",
        "service.iapEnabled": "goes with IAP's agent",
        "service.scalingMode": "goes with a number",
        "service.manualInstanceCount": "goes with a mode",
    }
    rows = {f"container.{key}" for key in DEFAULTS}
    rows |= {f"template.{key}" for key in TEMPLATE} | {f"service.{key}" for key in SERVICE}

    assert rows == BY_HAND.keys() | by_others.keys()


def test_what_was_there_before_it_was_taken_over_is_left(operator):
    """Though the spec says nothing of it, nor after an edit of something else."""
    container = {
        "image": HELLO,
        "args": ["--a"],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "cpu_idle": True},
    }
    made = {
        "containers": [container],
        "session_affinity": True,
        "service_account": "",
        "max_instance_request_concurrency": 80,
    }
    request = {"parent": NAME.rpartition("/services")[0], "service_id": "churn", "service": {"template": made}}
    api(operator).create_service(request=request).result()
    there = spec(management={"adopt": "Always", "deletion": "Delete"})

    operator.apply(there)
    assert operator.differences(there) == []
    operator.apply({**there, "spec": {**there["spec"], "env": {"A": "1"}}})

    live = api(operator).get_service(request={"name": NAME})
    assert (list(live.template.containers[0].args), live.template.session_affinity) == (["--a"], True)


SAID = {
    "container": {"args": ["--a"], "port": 9090, "health": "/", "startup": "30s"},
    "execution": {"sessionAffinity": True},
    "network": {"network": "default", "egress": "AllTraffic"},
    "scaling": {"revisionMinInstances": 1},
    "sidecars": {"beside": {"image": HELLO, "env": {"PORT": "0"}}},
    "revision": {"labels": {"tier": "gold"}},
    "cloudRun": {"launchStage": "BETA"},
}


def test_what_leaves_the_spec_goes_back(operator):
    """There and back again: the template is as it was made first, but for its stamps."""
    operator.apply(spec())
    before = api(operator).get_service(request={"name": NAME})
    operator.apply(spec(**SAID))
    assert operator.differences(spec(**SAID)) == []
    between = api(operator).get_service(request={"name": NAME})

    operator.apply(spec())

    after = api(operator).get_service(request={"name": NAME})
    assert operator.differences(spec()) == []
    assert [each.name for each in between.template.containers] == ["server", "beside"]
    for each in (before, after):
        each.template.annotations.clear()
        each.template.containers[0].name = ""  # it came with the sidecar, and harms nobody
    assert after.template == before.template
    assert after.launch_stage == before.launch_stage


def move_port(operator):
    """Somebody lets the other container take the requests."""
    live = api(operator).get_service(request={"name": NAME})
    first, other = live.template.containers
    other.ports, first.ports = list(first.ports), []
    other.env, first.env = [], [{"name": "PORT", "value": "0"}]
    first.startup_probe = first.liveness_probe = None
    api(operator).update_service(request={"service": live}).result()


def shape(operator):
    """Of each container its name, whether it has the port, and its memory."""
    live = api(operator).get_service(request={"name": NAME})
    return [(each.name, bool(each.ports), each.resources.limits["memory"]) for each in live.template.containers]


def test_a_port_moved_by_hand_into_a_sidecar_is_taken_back(operator):
    """It is named in the plan; afterwards each container is what it was, and there is no third one."""
    said = spec(sidecars={"beside": {"image": HELLO, "memory": "256Mi", "env": {"PORT": "0"}}})
    operator.apply(said)
    before, cost = shape(operator), operator.plan(said).plan.costs["churn"]
    move_port(operator)

    plan = operator.plan(said).plan
    (change,) = [c for c in plan.changes if c.address.kind == "run_service" and c.changes]
    moved = shape(operator)
    report = operator.apply(said)

    assert before == [("server", True, "1024Mi"), ("beside", False, "256Mi")]
    assert moved == [("server", False, "1024Mi"), ("beside", True, "256Mi")]
    assert "takes the port back from container beside" in change.consequence
    assert change.reason == "config drift: changed outside mlservice"
    assert plan.costs["churn"] == cost, "no container is paid for twice"
    assert not report.failed
    assert shape(operator) == before
    assert operator.differences(said) == []


def test_a_port_moved_to_a_container_of_others_is_taken_back(operator):
    """That container stays, without the port: only ours is put right."""
    operator.apply(spec())
    live = api(operator).get_service(request={"name": NAME})
    live.template.containers[0].name = "app"
    limits = {"cpu": "1", "memory": "512Mi"}
    live.template.containers.append(
        {"name": "proxy", "image": "gcr.io/cloudrun/hello", "resources": {"limits": limits, "cpu_idle": True}}
    )
    live.template.containers[1].env = [{"name": "PORT", "value": "0"}]
    api(operator).update_service(request={"service": live}).result()
    cost = operator.plan(spec()).plan.costs["churn"]
    move_port(operator)

    moved, costs = shape(operator), operator.plan(spec()).plan.costs["churn"]
    report = operator.apply(spec())

    assert moved == [("app", False, "1024Mi"), ("proxy", True, "512Mi")]
    assert costs == cost, "no container is paid for twice"
    assert not report.failed
    assert shape(operator) == [("app", True, "1024Mi"), ("proxy", False, "512Mi")]
    assert operator.differences(spec()) == []


@pytest.mark.parametrize("count", [8])
def test_a_region_is_taken_over_with_one_plan(operator, count, tmp_path):
    """Services made through Google's client: a file each, and the plan of all of them is empty."""
    from reconciler.engine.importing import import_all  # noqa: PLC0415 - beside what it is about

    parent = NAME.rpartition("/services")[0]
    for number in range(count):
        container = {"image": HELLO, "args": [f"--{number}"], "env": [{"name": "N", "value": str(number)}]}
        request = {"parent": parent, "service_id": f"s{number}", "service": {"template": {"containers": [container]}}}
        api(operator).create_service(request=request).result()

    texts = {name: text for name, text, notes in import_all(operator.session(), REGION) if not notes}
    specs = [yaml.safe_load(text) for text in texts.values()]
    report = operator.apply(*specs)

    assert len(texts) == count
    assert not report.failed
    assert operator.differences(*specs) == []
    assert [*import_all(operator.session(), REGION)] == []
