"""What Google refuses, the emulator refuses, over both wires: each row has its source in the docstring of its rule."""

import re

import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1, monitoring_v3, resourcemanager_v3, run_v2, scheduler_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.type import expr_pb2

from emulator.identity import cel
from tests.conftest import HTTP
from tests.emulator.clients import both_wires, client
from tests.emulator_run.cloud import HELLO, PARENT

JOB_IMAGE = "us-docker.pkg.dev/cloudrun/container/job"
PROJECT = "projects/local"
L4, PRO = run_v2.NodeSelector(accelerator="nvidia-l4"), run_v2.NodeSelector(accelerator="nvidia-rtx-pro-6000")


def job(*, image=JOB_IMAGE, args=(), env=(), **limits):
    """A job's template of one container."""
    of = {name: limits.pop(name) for name in ("timeout", "node_selector") if name in limits}
    gpu = {"nvidia.com/gpu": "1"} if "node_selector" in of else {}
    resources = run_v2.ResourceRequirements(limits={**limits, **gpu})
    container = run_v2.Container(image=image, args=args, env=env, resources=resources)
    return run_v2.Job(template={"template": run_v2.TaskTemplate(containers=[container], **of)})


def create_job(emulator, wire, wanted, parent=PARENT):
    """Ask whether a job could be made; nothing is."""
    api = client(emulator, run_v2.JobsClient, wire)
    api.create_job(request={"parent": parent, "job_id": "train", "job": wanted, "validate_only": True})


def create_service(emulator, wire, wanted, parent=PARENT):
    """Ask whether a service could be made; nothing is."""
    api = client(emulator, run_v2.ServicesClient, wire)
    api.create_service(request={"parent": parent, "service_id": "a", "service": wanted, "validate_only": True})


@both_wires
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(job(cpu="500m"), "Must be at least 1", id="half-a-cpu"),
        pytest.param(job(cpu="3", memory="4Gi"), "3 is not one of 1, 2, 4, 6, 8", id="three-cpu"),
        pytest.param(job(cpu="16", memory="32Gi"), "16 is not one of 1, 2, 4, 6, 8", id="sixteen-cpu"),
        pytest.param(job(cpu="4", memory="1Gi"), "must be between 2048Mi", id="four-cpu-and-a-gibibyte"),
        pytest.param(job(cpu="6", memory="2Gi"), "must be between 4096Mi", id="six-cpu-and-two"),
        pytest.param(job(cpu="8", memory="2Gi"), "must be between 4096Mi", id="eight-cpu-and-two"),
        pytest.param(job(cpu="8", memory="64Gi"), "and 32Gi", id="sixty-four-gibibytes"),
        pytest.param(job(memory="256Mi"), "Must be at least 512Mi", id="little-memory"),
        pytest.param(job(memory="lots"), "'lots' is not a quantity", id="no-memory"),
        pytest.param(job(disk="1Gi"), "'disk' is not supported", id="another-limit"),
        pytest.param(job(cpu="2", memory="8Gi", node_selector=L4), "requires at least 4 CPU", id="gpu-cpu"),
        pytest.param(job(cpu="4", memory="8Gi", node_selector=L4), "requires at least 16Gi", id="gpu-memory"),
        pytest.param(
            job(cpu="8", memory="32Gi", node_selector=L4, timeout={"seconds": 3601}), "at most 3600", id="gpu-and-time"
        ),
        pytest.param(job(args=["a\0b"]), "NUL", id="nul-in-an-argument"),
        pytest.param(job(env=[run_v2.EnvVar(name="A", value="x\0y")]), "NUL", id="nul-in-a-variable"),
    ],
)
def test_a_job_of_a_size_that_is_none_is_refused(shared_emulator, wire, wanted, message):
    """CPU, memory, GPU and its hour (constraints.md 2.1 and 2.2); no program can be given a NUL."""
    with pytest.raises(exceptions.BadRequest, match=re.escape(message)):
        create_job(shared_emulator, wire, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        job(),
        job(cpu="1", memory="4Gi"),
        job(cpu="8", memory="4Gi", timeout={"seconds": 168 * 3600}),
        job(cpu="8", memory="32Gi", node_selector=L4, timeout={"seconds": 3600}),
        job(cpu="20", memory="80Gi", node_selector=PRO),
    ],
    ids=["left-out", "one", "eight", "l4", "pro"],
)
def test_a_job_of_a_size_that_is_one_is_taken(shared_emulator, wanted):
    """At the ends of the same rules."""
    create_job(shared_emulator, "grpc", wanted, parent=f"{PROJECT}/locations/europe-west4")


@both_wires
@pytest.mark.parametrize(("selector", "region"), [(L4, "europe-west3"), (PRO, "europe-west1")], ids=["l4", "pro"])
def test_a_gpu_where_google_has_none_is_refused(shared_emulator, wire, selector, region):
    """Of jobs and of services alike (constraints.md 2.2)."""
    parent = f"{PROJECT}/locations/{region}"
    limits = {"cpu": "20", "memory": "80Gi", "nvidia.com/gpu": "1"}
    container = run_v2.Container(image=HELLO, resources=run_v2.ResourceRequirements(limits=limits))
    template = run_v2.RevisionTemplate(containers=[container], node_selector=selector)

    with pytest.raises(exceptions.BadRequest, match=f"is not available in {region}"):
        create_job(shared_emulator, wire, job(cpu="20", memory="80Gi", node_selector=selector), parent)
    with pytest.raises(exceptions.BadRequest, match=f"is not available in {region}"):
        create_service(shared_emulator, wire, run_v2.Service(template=template), parent)


@both_wires
@pytest.mark.parametrize(
    ("location", "refused"),
    [
        ("europe-west99", exceptions.Forbidden),
        ("us", exceptions.Forbidden),
        ("europe-west1-b", exceptions.Forbidden),
        ("-", exceptions.BadRequest),
    ],
)
def test_nothing_is_made_where_there_is_no_place(shared_emulator, wire, location, refused):
    """Google does not tell a place that is none from one that is closed; `-` is for lists."""
    parent = f"{PROJECT}/locations/{location}"
    scheduler = client(shared_emulator, scheduler_v1.CloudSchedulerClient, wire)
    target = scheduler_v1.HttpTarget(uri="https://example.com")
    timed = scheduler_v1.Job(name=f"{parent}/jobs/a", schedule="0 0 * * *", http_target=target)

    with pytest.raises(refused, match=re.escape(location)):
        create_job(shared_emulator, wire, job(), parent)
    with pytest.raises(refused, match=re.escape(location)):
        create_service(shared_emulator, wire, run_v2.Service(), parent)
    with pytest.raises(refused, match=re.escape(location)):
        scheduler.create_job(parent=parent, job=timed)


@both_wires
def test_repositories_may_be_in_a_larger_place_that_is_one(shared_emulator, wire):
    """Artifact Registry has multi-regions (constraints.md 6)."""
    api = client(shared_emulator, artifactregistry_v1.ArtifactRegistryClient, wire)
    repository = artifactregistry_v1.Repository(format_="DOCKER")

    with pytest.raises(exceptions.Forbidden, match="locations/mars"):
        api.create_repository(parent=f"{PROJECT}/locations/mars", repository=repository, repository_id=f"a-{wire}")
    made = api.create_repository(parent=f"{PROJECT}/locations/europe", repository=repository, repository_id=f"a-{wire}")
    assert made.result(timeout=20).name == f"{PROJECT}/locations/europe/repositories/a-{wire}"


@both_wires
def test_a_cleanup_policy_has_an_id_of_a_length(shared_emulator, wire):
    """Fewer than 128 characters (constraints.md 1)."""
    api = client(shared_emulator, artifactregistry_v1.ArtifactRegistryClient, wire)
    policy = {"action": "DELETE", "condition": {"older_than": Duration(seconds=60)}}
    for name, fits in (("b" * 127, True), ("b" * 128, False)):
        repository = artifactregistry_v1.Repository(format_="DOCKER", cleanup_policies={name: policy})
        request = {"parent": PARENT, "repository": repository, "repository_id": f"long-{wire}"}
        if fits:
            api.create_repository(request=request).result(timeout=20)
        else:
            with pytest.raises(exceptions.BadRequest, match="1 to 127 characters"):
                api.create_repository(request=request)


@both_wires
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"remote_repository_config": {"description": "x"}}, "only valid for repositories of mode REMOTE_REPOSITORY"),
        ({"virtual_repository_config": {}}, "only valid for repositories of mode VIRTUAL_REPOSITORY"),
        ({"maven_config": {"allow_snapshot_overwrites": True}}, "only valid for repositories of format MAVEN"),
    ],
)
def test_a_repository_has_no_configuration_of_another_sort(shared_emulator, wire, config, message):
    """Each field's comment says which format or mode it is for."""
    api = client(shared_emulator, artifactregistry_v1.ArtifactRegistryClient, wire)
    repository = artifactregistry_v1.Repository(format_="DOCKER", **config)

    with pytest.raises(exceptions.BadRequest, match=message):
        api.create_repository(parent=PARENT, repository=repository, repository_id="sorted")


def probed(**asked):
    """A service whose container is asked by HTTP how it is."""
    probe = run_v2.Probe(http_get=run_v2.HTTPGetAction(**asked))
    return service(startup_probe=probe)


def service(**container):
    """A service of one container."""
    return run_v2.Service(template={"containers": [run_v2.Container(image=HELLO, **container)]})


def timed(**target):
    """A job of Cloud Scheduler that calls an address."""
    name = f"{PARENT}/jobs/timed"
    return scheduler_v1.Job(name=name, schedule="0 0 * * *", http_target={"uri": "https://a.example.com/", **target})


def create_timed(emulator, wire, wanted):
    """Make such a job."""
    client(emulator, scheduler_v1.CloudSchedulerClient, wire).create_job(parent=PARENT, job=wanted)


def create_pushed(emulator, wire, endpoint):
    """Make a subscription that pushes to an address."""
    client(emulator, PublisherClient, wire).create_topic(name=f"{PROJECT}/topics/control-{wire}")
    wanted = {"name": f"{PROJECT}/subscriptions/pushed", "topic": f"{PROJECT}/topics/control-{wire}"}
    subscriber = client(emulator, SubscriberClient, wire)
    try:
        subscriber.create_subscription(request={**wanted, "push_config": {"push_endpoint": endpoint}})
    finally:
        client(emulator, PublisherClient, wire).delete_topic(topic=wanted["topic"])


def create_check(emulator, wire, **http):
    """Make an uptime check, over the one wire that there is."""
    del wire
    resource = {"type": "uptime_url", "labels": {"host": "a.example.com"}}
    config = monitoring_v3.UptimeCheckConfig(display_name="a", monitored_resource=resource, http_check=http)
    api = client(emulator, monitoring_v3.UptimeCheckServiceClient)
    api.create_uptime_check_config(parent=PROJECT, uptime_check_config=config)


OF_LINES = {
    "probe-path-nul": (create_service, probed(path="/a\0b")),
    "probe-path-line": (create_service, probed(path="/a HTTP/1.1\r\nX: y")),
    "probe-path-delete": (create_service, probed(path="/a\x7f")),
    "probe-header": (create_service, probed(path="/", http_headers=[{"name": "A", "value": "b\r\nX: y"}])),
    "probe-header-name": (create_service, probed(path="/", http_headers=[{"name": "A B", "value": "b"}])),
    "directory": (create_service, service(working_dir="/a\0b")),
    "command": (create_service, service(command=["a\0b"])),
    "variable": (create_service, service(env=[{"name": "A\0", "value": "b"}])),
    "address": (create_timed, timed(uri="https://a.example.com/\n")),
    "address-in-the-middle": (create_timed, timed(uri="https://a.example.com/a\tb")),
    "header": (create_timed, timed(headers={"A": "b\nX: y"})),
    "header-name": (create_timed, timed(headers={"A:": "b"})),
    "push": (create_pushed, "https://a.example.com/\r\nX: y"),
}


@both_wires
@pytest.mark.parametrize(("create", "wanted"), OF_LINES.values(), ids=OF_LINES)
def test_what_no_program_and_no_request_can_be_given_is_refused(shared_emulator, wire, create, wanted):
    """A NUL ends a program's words; a line's end, or a space, ends what a request asks for (emulator/core/texts.py)."""
    with pytest.raises(exceptions.BadRequest):
        create(shared_emulator, wire, wanted)


@pytest.mark.parametrize(
    "http", [{"path": "/a\0"}, {"path": "/a b"}, {"headers": {"A": "b\nc"}}, {"headers": {"A\r\n": "b"}}]
)
def test_an_uptime_check_asks_in_one_line(shared_emulator, http):
    """As a probe does."""
    with pytest.raises(exceptions.BadRequest):
        create_check(shared_emulator, "grpc", **http)


def test_what_requests_can_be_given_is_taken(shared_emulator):
    """Tabs, letters beyond ASCII in a value, percent signs in a path."""
    create_service(
        shared_emulator, "grpc", probed(path="/a%20b", http_headers=[{"name": "X-A", "value": "a\tb \u00e9"}])
    )


HALF = rb'"\ud800"'
AS_JSON = {
    "bucket": ("POST", "/storage/v1/b?project=local", b'{"name": "half-a-pair", "labels": {"a": %b}}'),
    "object": ("POST", "/upload/storage/v1/b/none/o?uploadType=resumable", b'{"name": "a", "metadata": {"a": %b}}'),
    "dataset": (
        "POST",
        "/bigquery/v2/projects/local/datasets",
        b'{"datasetReference": {"datasetId": "half"}, "description": %b}',
    ),
    "pool": (
        "POST",
        "/v1/projects/local/locations/global/workloadIdentityPools?workloadIdentityPoolId=half",
        b'{"displayName": %b}',
    ),
    "knative": (
        "POST",
        "/apis/serving.knative.dev/v1/namespaces/local/services",
        b'{"metadata": {"name": "half", "annotations": {"a": %b}}}',
    ),
    "topic": ("PUT", "/v1/projects/local/topics/half", b'{"labels": {"a": %b}}'),
    "dashboard": ("POST", "/v1/projects/local/dashboards", b'{"displayName": %b}'),
}


@pytest.mark.parametrize(("verb", "path", "body"), AS_JSON.values(), ids=AS_JSON)
def test_half_a_pair_of_surrogates_is_no_text(shared_emulator, verb, path, body):
    """No UTF-8 has it: kept, it would break every list that it is in."""
    answer = HTTP.request(verb, f"{shared_emulator.http}{path}", content=body % HALF)

    assert answer.status_code == 400, answer.text
    assert HTTP.get(f"{shared_emulator.http}/storage/v1/b?project=local").is_success


def test_a_project_has_an_id_that_may_be_one(shared_emulator):
    """What is named springs into being here, but for what no project can be called."""
    api = client(shared_emulator, resourcemanager_v3.ProjectsClient)
    for name in ("projects/a\0b", "projects/A", "projects/a/b", "projects/", "projects/a-", "projects/a b"):
        with pytest.raises(exceptions.Forbidden):
            api.get_project(name=name)

    assert api.get_project(name="projects/example.com:older").project_id == "example.com:older"


def binding(role, members=("user:a@example.com",), expression="", title="when"):
    """A binding, with a condition where there is an expression or no title."""
    made = policy_pb2.Binding(role=role, members=members)
    if expression or not title:
        made.condition.CopyFrom(expr_pb2.Expr(title=title, expression=expression))
    return made


@both_wires
@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(binding("roles/run.invokerr"), "Role roles/run.invokerr is not supported", id="role"),
        pytest.param(binding(f"{PROJECT}/roles/none"), f"Role {PROJECT}/roles/none is not supported", id="custom"),
        pytest.param(binding("roles/editor", expression="true"), "primitive roles", id="basic-role"),
        pytest.param(binding("roles/run.viewer", expression="now we go"), "is no CEL", id="words"),
        pytest.param(binding("roles/run.viewer", expression="a = b"), "is no CEL", id="one-equals-sign"),
        pytest.param(binding("roles/run.viewer", expression="request.time < "), "is no CEL", id="half"),
        pytest.param(binding("roles/run.viewer", expression="true", title=""), "must have a title", id="no-title"),
        pytest.param(binding("roles/run.viewer", ["allUsers"], "true"), "allUsers", id="everybody"),
    ],
)
def test_a_policy_of_what_cannot_be_granted_is_refused(shared_emulator, wire, wanted, message):
    """Roles that are none, and conditions that are none or stand where none may (constraints.md 11)."""
    api = client(shared_emulator, resourcemanager_v3.ProjectsClient, wire)
    policy = policy_pb2.Policy(version=3, bindings=[wanted])
    before = api.get_iam_policy(resource=PROJECT)

    with pytest.raises(exceptions.BadRequest, match=re.escape(message)):
        api.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=PROJECT, policy=policy))
    assert api.get_iam_policy(resource=PROJECT) == before


def test_roles_of_services_that_are_not_all_known_may_be_granted(shared_emulator):
    """What the emulator cannot tell from a role that exists, it takes; and conditions on other roles."""
    api = client(shared_emulator, resourcemanager_v3.ProjectsClient, "grpc")
    wanted = [
        binding("roles/bigtable.reader"),
        binding(
            "roles/run.viewer", expression='resource.name.extract("a/{x}") in ["b"] && request.time.getHours() > 8'
        ),
    ]
    policy = policy_pb2.Policy(version=3, bindings=wanted)

    api.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=PROJECT, policy=policy))
    shared_emulator.reset()


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "!(a && b) || c.d('x', r\"\\y\")",
        'request.time < timestamp("2027-01-01T00:00:00Z")',
        "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/pubsub.editor'])",
        "-1 + 2.5e3 * 0x1F % 7u >= .5 ? [1, 2,][0] : {'a': 1, 'b': 2}['a']",
        "Type{field: 1}.has(x) == null // said so\n",
        "'''many\nlines''' in names",
        "a == 'x//y' // a comment, after a text with such signs",
        "/" * 4000 + "\na.b",
        "---a - !!b",
        "[1, 2,] == [] && f(a, b).c()",
        r"""a == r'\' || b == br"\" """,
    ],
)
def test_cel_is_taken(text):
    """Whatever it means: the grammar of the language, and more than conditions of IAM use."""
    cel.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a ==",
        "== a",
        "(a",
        "a)",
        "[1",
        "{1}",
        "f(",
        "a..b",
        "'a",
        "a and b",
        "a = b",
        "a & b",
        "if",
        "a ? b",
        "#",
        "a == 'x//y' )",
        "/" * 4000 + "\n#",
        "// nothing said",
        "(" * 99,
        "!-a",
        "f(a,)",
        "[,]",
        r"'\d'",
        r"'\ud800'",
        r"'\U00110000'",
        r"r'\''",
        "rb'a'",
        "'a\rb'",
        "größe == 1",
        "a == \u0661",
        "a ==\u00a01",
    ],
)
def test_what_is_no_cel_is_not(text):
    """Whole expressions only."""
    with pytest.raises(cel.NotCelError):
        cel.parse(text)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("0x1F", cel.Literal(31)),
        ("7u", cel.Other()),
        (r"'a\'\x41\102\u0043\t'", cel.Literal("a'ABC\t")),
        (r"'\X41'", cel.Literal("A")),
        (r"r'a\x41'", cel.Literal("a\\x41")),
        ("""'''a'b'''""", cel.Literal("a'b")),
        ("b'a'", cel.Other()),
        ("a['b'].c", cel.Member(cel.Member(cel.Name("a"), "b"), "c")),
        ("a[0]", cel.Other()),
        ("a.f(true)", cel.Call(cel.Name("a"), "f", (cel.Literal(value=True),))),
        ("f()", cel.Call(None, "f", ())),
        ("a || b || c", cel.Signed("||", (cel.Name("a"), cel.Name("b"), cel.Name("c")))),
        (
            "a || b && !c",
            cel.Signed("||", (cel.Name("a"), cel.Signed("&&", (cel.Name("b"), cel.Signed("!", (cel.Name("c"),)))))),
        ),
        ("a - b - c", cel.Signed("-", (cel.Signed("-", (cel.Name("a"), cel.Name("b"))), cel.Name("c")))),
        ("a ? b : c", cel.Signed("?:", (cel.Name("a"), cel.Name("b"), cel.Name("c")))),
        ("'||' == r'in'", cel.Signed("==", (cel.Literal("||"), cel.Literal("in")))),
    ],
)
def test_what_cel_says_is_a_tree(text, tree):
    """Operators bind as the language says, and texts are what they stand for."""
    assert cel.parse(text) == tree
