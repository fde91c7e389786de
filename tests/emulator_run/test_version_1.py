"""Version 1 and version 2 of Cloud Run are two forms of the same services and jobs."""

import json
from urllib.parse import urlsplit

import pytest
from google.cloud import run_v2
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator import cloud
from emulator.apis.run import checks
from emulator.apis.run.defaults import fill_job, fill_service
from emulator.apis.run.messages import Job, Service
from emulator.apis.run.writes import OUTPUT
from emulator.apis.run_v1 import view, written
from emulator.apis.run_v1.annotations import GOOGLE
from emulator.core.resources import apply_mask
from emulator.wire.transcoding import to_dict
from tests.conftest import HTTP
from tests.emulator_run.cloud import HELLO, PARENT, Cloud, short
from tests.emulator_run.cloud import service as wanted_service

REGION = PARENT.rpartition("/")[2]
SERVICES = f"/v1/{PARENT}/services"
JOBS = "/apis/run.googleapis.com/v1/namespaces/local"
TASK = "us-docker.pkg.dev/cloudrun/container/job"
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=12)
TRUE = st.sampled_from([True])
CALLED = st.sampled_from(["key", "projects/other/secrets/key"])


@pytest.fixture(scope="module")
def a_world(tmp_path_factory):
    """A cloud that nobody serves, for generated services: nothing is stored in it."""
    made = cloud.build(tmp_path_factory.mktemp("world"))
    yield made
    cloud.stop(made)


def some(**fields):
    """An object that has some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def labels():
    return st.dictionaries(WORDS, WORDS, max_size=2)


def annotations():
    return st.dictionaries(WORDS.map("example.com/{}".format), TEXTS, max_size=2)


PROBE = st.fixed_dictionaries(
    {"timeoutSeconds": st.integers(1, 5), "periodSeconds": st.integers(5, 9), "failureThreshold": st.integers(1, 9)},
    optional={"initialDelaySeconds": st.integers(1, 9)},
).flatmap(
    lambda found: st.sampled_from(
        [
            found | {"httpGet": {"path": "/up", "port": 8080, "httpHeaders": [{"name": "A", "value": "b"}]}},
            found | {"tcpSocket": {"port": 8080}},
            found | {"grpc": {"port": 8080, "service": "health"}},
        ]
    )
)
VARIABLE = st.one_of(
    TEXTS.map(lambda text: {"value": text}),
    st.tuples(CALLED, st.sampled_from(["latest", "3"])).map(
        lambda found: {"valueSource": {"secretKeyRef": {"secret": found[0], "version": found[1]}}}
    ),
)
VARIABLES = st.lists(VARIABLE, max_size=3).map(
    lambda found: [{"name": f"N{index}"} | each for index, each in enumerate(found)]
)
VOLUMES = {
    "/key": CALLED.map(
        lambda name: {
            "secret": {"secret": name, "items": [{"path": "a", "version": "2", "mode": 256}], "defaultMode": 256}
        }
    ),
    "/scratch": some(sizeLimit=st.just("64Mi")).map(lambda found: {"emptyDir": found | {"medium": "MEMORY"}}),
    "/share": st.booleans().map(lambda only: {"nfs": {"server": "10.0.0.1", "path": "/x", "readOnly": only}}),
    "/bucket": some(readOnly=TRUE, mountOptions=st.just(["implicit-dirs", "uid=1"])).map(
        lambda found: {"gcs": found | {"bucket": "b"}}
    ),
    "/cloudsql": st.just({"cloudSqlInstance": {"instances": ["p:r:one", "p:r:two"]}}),
}
"""By where they are mounted."""


@st.composite
def pods(draw, *, probes=(), idle=None):
    """Containers and volumes; `idle`: what the processor does between requests, of services."""
    places = draw(st.lists(st.sampled_from(sorted(VOLUMES)), unique=True))
    places.sort(key="/cloudsql".__eq__)  # version 1 has no place for it among the others, and writes it last
    mounts = [{"name": place.strip("/"), "mountPath": place} for place in places]
    sized = st.just({"limits": {"cpu": "1000m", "memory": "1Gi"}} | ({} if idle is None else {"cpuIdle": idle}))
    first = {"name": st.just("main"), "image": st.just(HELLO), "resources": sized, "volumeMounts": st.just(mounts)}
    more = {"args": st.lists(TEXTS, max_size=2), "env": VARIABLES, "workingDir": st.just("/app")}
    containers = [draw(st.fixed_dictionaries(first, optional=more | dict.fromkeys(probes, PROBE)))]
    if draw(st.booleans()):
        sql = [each for each in mounts if each["name"] == "cloudsql"]
        beside = {"name": st.just("beside"), "image": st.just(HELLO), "resources": sized, "volumeMounts": st.just(sql)}
        containers.append(draw(st.fixed_dictionaries(beside)))
        containers[0] |= {"dependsOn": ["beside"]}
        containers[0] |= {"ports": [{"name": "h2c", "containerPort": 9000}]} if idle is not None else {}
    if idle is not None and draw(st.booleans()):
        containers[0]["resources"] = containers[0]["resources"] | {"startupCpuBoost": True}
    volumes = [{"name": place.strip("/")} | draw(VOLUMES[place]) for place in places]
    return {"containers": containers, "volumes": volumes}


RUNS = {
    "serviceAccount": st.just("me@local.iam.gserviceaccount.com"),
    "timeout": st.integers(1, 900).map("{}s".format),
    "executionEnvironment": st.just("EXECUTION_ENVIRONMENT_GEN2"),
    "encryptionKey": st.just("projects/p/locations/l/keyRings/r/cryptoKeys/k"),
    "vpcAccess": st.sampled_from(
        [
            {"connector": "projects/p/locations/l/connectors/c", "egress": "ALL_TRAFFIC"},
            {"networkInterfaces": [{"network": "n", "subnetwork": "s", "tags": ["t"]}], "egress": "ALL_TRAFFIC"},
        ]
    ),
    "nodeSelector": st.just({"accelerator": "nvidia-l4"}),
    "gpuZonalRedundancyDisabled": TRUE,
}
OWNED = {
    "labels": labels(),
    "annotations": annotations(),
    "client": WORDS,
    "clientVersion": WORDS,
    "binaryAuthorization": st.sampled_from(
        [{"useDefault": True}, {"policy": "projects/p/platforms/cloudRun/policies/x", "breakglassJustification": "y"}]
    ),
}


@st.composite
def services(draw):
    """A service of version 2, with some of all that version 1 has a word for."""
    scaling = some(minInstanceCount=st.integers(1, 3), maxInstanceCount=st.integers(3, 9)).filter(bool)
    template = draw(pods(probes=("startupProbe", "livenessProbe", "readinessProbe"), idle=draw(st.booleans())))
    template |= draw(
        some(
            **RUNS,
            revision=st.just("s-named"),
            labels=labels(),
            annotations=annotations(),
            scaling=scaling,
            maxInstanceRequestConcurrency=st.integers(1, 99),
            sessionAffinity=TRUE,
            healthCheckDisabled=TRUE,
            serviceMesh=st.just({"mesh": "projects/p/locations/global/meshes/m"}),
            encryptionKeyRevocationAction=st.sampled_from(["PREVENT_NEW", "SHUTDOWN"]),
            encryptionKeyShutdownDuration=st.just("7200s"),
        )
    )
    latest = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 70, "tag": "new"}
    named = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "s-00001-abc"}
    own = some(
        **OWNED,
        description=TEXTS,
        ingress=st.sampled_from(
            [f"INGRESS_TRAFFIC_{name}" for name in ("ALL", "INTERNAL_ONLY", "INTERNAL_LOAD_BALANCER", "NONE")]
        ),
        scaling=st.one_of(scaling, st.just({"scalingMode": "MANUAL", "manualInstanceCount": 0})),
        invokerIamDisabled=TRUE,
        defaultUriDisabled=TRUE,
        iapEnabled=TRUE,
        customAudiences=st.just(["https://a.example.com"]),
        traffic=st.just([latest, named | {"percent": 30}, named | {"tag": "old"}]),
    )
    return draw(own) | {"template": template}


@st.composite
def jobs(draw):
    """A job of version 2."""
    task = draw(pods(probes=("startupProbe",))) | draw(some(**RUNS, maxRetries=st.integers(0, 3)))
    counts = some(
        parallelism=st.integers(1, 3), taskCount=st.integers(3, 9), labels=labels(), annotations=annotations()
    )
    return draw(some(**OWNED)) | {"template": draw(counts) | {"template": task}}


def nothing_but_input(message):
    kept = type(message)()
    apply_mask(kept, message, ["*"], keep=OUTPUT)
    return to_dict(kept)


FORMS = {
    "service": (services(), Service, fill_service, view.service, written.service),
    "job": (jobs(), Job, fill_job, view.job, written.job),
}


@pytest.mark.parametrize("sort", FORMS)
def test_what_version_1_reads_and_writes_back_is_the_same(a_world, request, sort):
    """Read, changed in nothing and written by version 1, a service or a job is what it was in version 2."""
    made, shape, fill, show, read = FORMS[sort]

    def stored(wanted):
        message = json_format.ParseDict(wanted | {"name": f"{PARENT}/{sort}s/s"}, shape())
        fill(a_world, message, "local")
        return message

    @settings(
        max_examples=2 * request.config.getoption("--cases"),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(made)
    def holds(wanted):
        before = stored(wanted)
        seen = json.loads(json.dumps(show(a_world, to_dict(before))))
        assert nothing_but_input(stored(read(seen))) == nothing_but_input(before)

    holds()


class Version1:
    """Version 1 as gcloud speaks it: the region stands in front of the host."""

    def __init__(self, emulator):
        self._url = emulator.http
        self._host = {"host": f"{REGION}-{urlsplit(emulator.http).netloc}"}

    def ask(self, verb, path, body=None, **query):
        return HTTP.request(verb, self._url + path, json=body, params=query, headers=self._host, timeout=60)

    def __call__(self, verb, path, body=None, *, status=200, **query):
        answer = self.ask(verb, path, body, **query)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
def v1(emulator):
    return Version1(emulator)


def hello(**about):
    container = {"image": HELLO, "env": [{"name": "A", "value": "1"}]}
    spec = {"template": {"spec": {"containers": [container]}}}
    return {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": about, "spec": spec}


def settled(v1, found):
    """The service once its newest write is done, as its operation gives it."""
    operation = found["metadata"]["annotations"]["run.googleapis.com/operation-id"]
    done = v1("POST", f"/v1/{PARENT}/operations/{operation}:wait", {"timeout": "30s"})
    assert done["done"], done
    return done["response"]


def test_a_service_of_version_1_reads_right_in_version_2(emulator, v1):
    """Labels, annotations, fields that are annotations in version 1, and what a client says of itself."""
    kept = {"example.com/mine": "yes", "run.googleapis.com/ingress": "internal", "run.googleapis.com/client-name": "me"}
    made = v1("POST", SERVICES, hello(name="hello", labels={"team": "a"}, annotations=kept))
    assert made["metadata"]["generation"] == 1
    ready = settled(v1, made)
    seen = Cloud(emulator).get()

    assert {each["type"]: each["status"] for each in ready["status"]["conditions"]}["Ready"] == "True"
    assert ready["status"]["url"] == seen.uri
    assert (dict(seen.labels), dict(seen.annotations)) == ({"team": "a"}, {"example.com/mine": "yes"})
    assert (seen.client, seen.ingress) == ("me", run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY)
    assert seen.template.containers[0].env[0].value == "1"
    assert seen.template.containers[0].resources.cpu_idle  # what version 1 means by saying nothing


def test_a_service_that_is_written_back_unchanged_stays_as_it_is(emulator, v1):
    """No generation, no revision, nothing of ours lost; what version 2 made, version 1 may write back."""
    run = Cloud(emulator)
    made = wanted_service(env={"A": "1"})
    made.labels, made.annotations = {"managed-by": "mlservice"}, {"mlservice.dev/owner": "hello"}
    before = run.create(wanted=made)
    again = settled(v1, v1("PUT", f"{SERVICES}/hello", v1("GET", f"{SERVICES}/hello")))

    after = run.get()
    assert (after.generation, after.labels, after.annotations) == (1, before.labels, before.annotations)
    assert after.template == before.template
    assert run.revision_ids() == [short(before.latest_ready_revision)]
    assert again["status"]["observedGeneration"] == 1


def test_a_write_for_another_version_is_a_conflict(emulator, v1):
    """Who has read an older service is told so, and writes nothing."""
    settled(v1, v1("POST", SERVICES, hello(name="hello")))
    older = v1("GET", f"{SERVICES}/hello")
    newer = {**older, "metadata": {**older["metadata"], "labels": {"who": "first"}}}
    settled(v1, v1("PUT", f"{SERVICES}/hello", newer))

    refused = v1("PUT", f"{SERVICES}/hello", {**older, "metadata": {**older["metadata"], "labels": {}}}, status=409)
    assert refused["error"]["status"] == "ABORTED"
    assert "was specified but current version is" in refused["error"]["message"]
    assert dict(Cloud(emulator).get().labels) == {"who": "first"}
    v1("POST", SERVICES, hello(name="hello"), status=409)


def test_traffic_moves_by_version_1(emulator, v1):
    """A tag, a revision without traffic, then its share; the status names addresses as version 2 does."""
    first = settled(v1, v1("POST", SERVICES, hello(name="hello")))["status"]["latestReadyRevisionName"]
    changed = v1("GET", f"{SERVICES}/hello")
    changed["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "2"}]
    changed["spec"]["traffic"] = [{"revisionName": first, "percent": 100}, {"latestRevision": True, "tag": "new"}]
    status = settled(v1, v1("PUT", f"{SERVICES}/hello", changed))["status"]

    assert [(each["revisionName"], each.get("percent", 0)) for each in status["traffic"]] == [
        (first, 100),
        (status["latestReadyRevisionName"], 0),
    ]
    assert status["traffic"][1]["url"] == Cloud(emulator).get().traffic_statuses[1].uri
    assert first != status["latestReadyRevisionName"]


@pytest.mark.parametrize(
    ("where", "value", "named"),
    [
        pytest.param(("metadata", "annotations"), {"run.googleapis.com/zip": "x"}, "run.googleapis.com/zip", id="own"),
        pytest.param(("spec", "template", "spec"), {"runtimeClassName": "x"}, "runtimeClassName", id="of-the-spec"),
        pytest.param(("spec", "template", "spec", "containers", 0), {"envFrom": [{}]}, "envFrom", id="of-a-container"),
        pytest.param(("spec", "traffic"), [{"configurationName": "x"}], "configurationName", id="of-traffic"),
    ],
)
def test_what_is_not_served_is_named(emulator, v1, where, value, named):
    """A word of version 1 that is not emulated refuses the whole write, and says which word it was."""
    sent = hello(name="hello", annotations={})
    sent["spec"]["traffic"] = []
    *path, last = where
    place = sent
    for step in path:
        place = place[step]
    place[last] = value if isinstance(value, list) else {**place[last], **value}

    refused = v1("POST", SERVICES, sent, status=501)
    assert refused["error"]["status"] == "UNIMPLEMENTED"
    assert named in refused["error"]["message"]
    assert list(Cloud(emulator).services.list_services(parent=PARENT)) == []


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"spec": []}, id="a-list"),
        pytest.param({"spec": {"template": {"spec": {"containers": "no"}}}}, id="a-text"),
        pytest.param({"spec": {"template": {"spec": {"timeoutSeconds": "soon"}}}}, id="no-number"),
        pytest.param({"metadata": []}, id="no-metadata"),
        pytest.param({"kind": "Route"}, id="another-kind"),
        pytest.param(
            {"spec": {"template": {"metadata": {"annotations": {"run.googleapis.com/secrets": 1}}}}}, id="digits"
        ),
    ],
)
def test_what_cannot_be_read_is_refused(v1, broken):
    """A request of the wrong shape is the caller's mistake."""
    refused = v1("POST", SERVICES, hello(name="hello") | broken, status=400)
    assert refused["error"]["status"] == "INVALID_ARGUMENT"


def test_a_dry_run_writes_nothing(emulator, v1):
    """It shows what would be, with what Cloud Run fills in."""
    seen = v1("POST", SERVICES, hello(name="hello"), dryRun="all")

    assert seen["spec"]["template"]["spec"]["timeoutSeconds"] == 300
    assert list(Cloud(emulator).services.list_services(parent=PARENT)) == []


def test_a_job_is_made_run_and_deleted(emulator, v1):
    """By version 1; executions and tasks are found by the labels that gcloud asks for."""
    task = {"template": {"spec": {"containers": [{"image": TASK}], "maxRetries": 0}}}
    sent = {"metadata": {"name": "nightly"}, "spec": {"template": {"spec": {"taskCount": 2} | task}}}
    v1("POST", f"{JOBS}/jobs", sent)
    override = {"containerOverrides": [{"args": ["x"], "env": [{"name": "B", "value": "2"}]}], "timeoutSeconds": 60}
    begun = v1("POST", f"{JOBS}/jobs/nightly:run", {"overrides": override})
    ended, run = settled(v1, begun), Cloud(emulator)
    assert ended["status"]["succeededCount"] == 2

    [seen] = v1("GET", f"{JOBS}/executions", labelSelector="run.googleapis.com/job = nightly")["items"]
    assert {each["type"]: each["status"] for each in seen["status"]["conditions"]} == {
        "Completed": "True",
        "Started": "True",
    }
    assert seen["spec"]["template"]["spec"]["timeoutSeconds"] == "60"
    chosen = f"run.googleapis.com/execution = {seen['metadata']['name']},run.googleapis.com/runningState in (Succeeded)"
    tasks = v1("GET", f"{JOBS}/tasks", labelSelector=chosen)["items"]
    assert [each["status"]["index"] for each in tasks] == [0, 1]
    assert "items" not in v1("GET", f"{JOBS}/tasks", labelSelector=chosen.replace("Succeeded", "Failed,Running"))
    v1("GET", f"{JOBS}/tasks", labelSelector="never !! this", status=400)
    assert v1("GET", f"{JOBS}/jobs/nightly")["status"]["executionCount"] == 1

    v1("DELETE", f"{JOBS}/executions/{seen['metadata']['name']}")
    assert list(run.executions.list_executions(parent=f"{PARENT}/jobs/nightly")) == []
    v1("DELETE", f"{JOBS}/jobs/nightly")
    assert list(run.jobs.list_jobs(parent=PARENT)) == []


def test_a_service_is_deleted(emulator, v1):
    """One that is not there is a 404, in Cloud Run's words."""
    settled(v1, v1("POST", SERVICES, hello(name="hello")))
    v1("DELETE", f"{SERVICES}/hello")

    assert list(Cloud(emulator).services.list_services(parent=PARENT)) == []
    assert "of kind 'SERVICE'" in v1("DELETE", f"{SERVICES}/hello", status=404)["error"]["message"]
    v1("PUT", f"{SERVICES}/hello", hello(name="hello"), status=404)


def test_a_write_counts_as_that_of_version_2(emulator, v1):
    """There is one behaviour: its calls are counted and its faults met, whichever version asks."""
    emulator.faults({"method": "*Services/CreateService", "status": "UNAVAILABLE"})
    v1("POST", SERVICES, hello(name="hello"), status=503)

    assert emulator.calls()["google.cloud.run.v2.Services/CreateService"] == 1


def test_only_the_head_of_an_answer_may_be_asked_for(v1):
    """Of one and of all: as much as the answer says without its body."""
    settled(v1, v1("POST", SERVICES, hello(name="hello")))

    for path, status in ((f"{SERVICES}/hello", 200), (SERVICES, 200), (f"{SERVICES}/none", 404)):
        assert v1.ask("HEAD", path).status_code == status


def test_a_time_to_wait_that_is_none_is_refused(v1):
    """In words, as every value of the wrong sort."""
    operation = v1("POST", SERVICES, hello(name="hello"))["metadata"]["annotations"]["run.googleapis.com/operation-id"]
    refused = v1("POST", f"/v1/{PARENT}/operations/{operation}:wait", {"timeout": "soon"}, status=400)

    assert refused["error"]["status"] == "INVALID_ARGUMENT"


def test_a_write_needs_its_region(emulator):
    """The host without a region serves lists of every region, and takes no writes."""
    answer = HTTP.post(f"{emulator.http}{JOBS}/jobs", json={"metadata": {"name": "nightly"}})

    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_every_reserved_name_is_read_or_refused():
    """The groups that version 1 keeps for itself are those that version 2 lets nobody use."""
    assert set(GOOGLE) == set(checks.GOOGLES)
