"""Bounds: the last value that is allowed, and the first one that is not. No server, no process."""

import io
from datetime import UTC, datetime

import pytest
from google.cloud.run_v2.types import job as jobs
from google.cloud.run_v2.types import revision_template, service

from emulator.apis.run import checks, containers, sizes
from emulator.apis.run.defaults import fill_job
from emulator.apis.run.messages import GEN2, LATEST
from emulator.apis.run.quantities import MIB, cpu_millis, memory_bytes
from emulator.apis.secretmanager.secrets import check_span
from emulator.apis.secretmanager.versions import check_payload
from emulator.apis.storage import batch, names
from emulator.apis.storage.errors import StorageError
from emulator.apis.storage.media import _range
from emulator.apis.storage.wire import Reply
from emulator.core import settings
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.faults import Counted, Rule
from emulator.core.paging import page
from emulator.core.resources import check_labels
from emulator.processes.frontend import MAX_BODY_BYTES, _oversized
from emulator.processes.logs import MAX_LINE_BYTES, Log, LogPipe
from emulator.wire.dispatch import perform
from emulator.wire.table import load

PROJECT = "projects/local"
NOW = datetime(2026, 11, 26, tzinfo=UTC)
REGION = f"{PROJECT}/locations/europe-west4"
TABLE = load()


def refused(check, *arguments, **options):
    """Whether a check refuses its arguments."""
    try:
        check(*arguments, **options)
    except (ApiFailure, StorageError):
        return True
    return False


@pytest.mark.parametrize(
    ("count", "size", "shown", "more"),
    [
        pytest.param(3, 2, 2, True, id="one-is-left"),
        pytest.param(2, 2, 2, False, id="exactly-one-page"),
        pytest.param(1, 2, 1, False, id="less-than-a-page"),
        pytest.param(0, 2, 0, False, id="nothing"),
        pytest.param(100, 0, 100, False, id="default"),
        pytest.param(101, 0, 100, True, id="default-and-one"),
        pytest.param(1001, 1000, 1000, True, id="the-most"),
        pytest.param(1001, 1001, 1000, True, id="more-than-the-most"),
    ],
)
def test_a_page_ends_where_it_should(count, size, shown, more):
    """And the last one has no token."""
    names = [f"n{number:04}" for number in range(count)]

    items, token = page(reversed(names), size, "")

    assert (items, bool(token)) == (names[:shown], more)


@pytest.mark.parametrize(
    ("header", "span"),
    [
        pytest.param("bytes=0-9", (0, 10), id="all"),
        pytest.param("bytes=0-10", (0, 10), id="one-past-the-end"),
        pytest.param("bytes=9-", (9, 10), id="the-last-byte"),
        pytest.param("bytes=9-9", (9, 10), id="one-byte"),
        pytest.param("bytes=-1", (9, 10), id="suffix"),
        pytest.param("bytes=-10", (0, 10), id="suffix-as-long-as-the-object"),
        pytest.param("bytes=-11", (0, 10), id="suffix-longer-than-the-object"),
        pytest.param("bytes=5-4", None, id="backwards"),
        pytest.param("bytes=-", None, id="nothing-said"),
        pytest.param("bytes=0-1,3-4", None, id="several"),
    ],
)
def test_ranges_of_ten_bytes(header, span):
    """RFC 9110, section 14.1.2; a range that is none is ignored."""
    assert _range(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-11", "bytes=-0"])
def test_ranges_outside_are_refused(header):
    """416: no byte of it is there."""
    with pytest.raises(StorageError, match="not satisfiable"):
        _range(header, 10)


def run(field, value):
    """A template with one field set."""
    template = revision_template.RevisionTemplate(
        containers=[{"image": "i", "ports": [{"name": "http1", "container_port": 8080}]}]
    )
    limits = {"cpu": "1000m", "memory": "512Mi"} | (value if field == "limits" else {})
    template.containers[0].resources.limits = limits
    template.containers[0].resources.cpu_idle = True
    template.max_instance_request_concurrency = 1 if limits["cpu"] != "1000m" else 80
    return revision_template.RevisionTemplate.pb(template)


@pytest.mark.parametrize(
    ("limits", "fine"),
    [
        ({"cpu": "80m", "memory": "128Mi"}, True),
        ({"cpu": "79m", "memory": "128Mi"}, False),
        ({"cpu": "80m", "memory": "127Mi"}, False),
        ({"cpu": "499m", "memory": "512Mi"}, True),
        ({"cpu": "499m", "memory": "513Mi"}, False),
        ({"cpu": "500m", "memory": "1024Mi"}, True),
        ({"cpu": "500m", "memory": "1025Mi"}, False),
        ({"cpu": "999m", "memory": "1024Mi"}, True),
        ({"cpu": "1", "memory": "4096Mi"}, True),
        ({"cpu": "1", "memory": "4097Mi"}, False),
        ({"cpu": "4", "memory": "2048Mi"}, True),
        ({"cpu": "4", "memory": "2047Mi"}, False),
    ],
)
def test_sizes_of_containers(limits, fine):
    """Memory goes with CPU (constraints.md 2.1)."""
    assert refused(sizes.check_size, run("limits", limits)) is not fine


@pytest.mark.parametrize(("memory", "fine"), [("512Mi", True), ("511Mi", False)])
def test_the_second_generation_needs_memory(memory, fine):
    """512 MiB."""
    template = run("limits", {"memory": memory})
    template.execution_environment = GEN2
    assert refused(sizes.check_size, template) is not fine


@pytest.mark.parametrize(
    ("cpu", "memory", "fine"),
    [("4", "16Gi", True), ("3999m", "16Gi", False), ("4", "16383Mi", False), ("8", "32Gi", True)],
)
def test_a_gpu_needs_cpu_and_memory(cpu, memory, fine):
    """An L4: four vCPU and 16 GiB (constraints.md 2.2)."""
    template = run("limits", {"cpu": cpu, "memory": memory, "nvidia.com/gpu": "1"})
    template.node_selector.accelerator = "nvidia-l4"
    template.containers[0].resources.cpu_idle = False
    assert refused(sizes.check_gpu, template, cpu_millis(cpu, "f"), memory_bytes(memory, "f") / MIB) is not fine


@pytest.mark.parametrize(("allowed", "fine"), [(20, True), (19.75, False)])
def test_a_quota_may_be_used_up(world, allowed, fine):
    """Twenty instances of one vCPU."""
    made = service.Service.pb()(name="projects/local/locations/europe-west1/services/s", template=run("limits", {}))
    made.template.scaling.max_instance_count = 20
    settings.write(world.store, settings.Settings(run_cpu_quota=allowed))
    assert refused(checks.check_quota, world, made) is not fine


@pytest.mark.parametrize(
    ("parallelism", "cpu", "fine"), [(2, "1", True), (3, "1", False), (2, "999m", False), (0, "1", True)]
)
def test_tasks_of_jobs(world, parallelism, cpu, fine):
    """As many at once as there are; a whole vCPU each."""
    made = jobs.Job.pb()(name="projects/local/locations/europe-west1/jobs/j")
    made.template.task_count, made.template.parallelism = 2, parallelism
    container = made.template.template.containers.add(image="i")
    container.resources.limits["cpu"] = cpu
    fill_job(world, made, "local")
    assert refused(checks.check_job, world, made) is not fine


@pytest.mark.parametrize(
    ("names_", "fine"), [([""], True), (["a", "b"], True), (["a", ""], False), (["a", "a"], False)], ids=str
)
def test_several_containers_have_names(names_, fine):
    """Each its own; a single one needs none."""
    template = revision_template.RevisionTemplate.pb()()
    for name in names_:
        template.containers.add(name=name, image="i")
    assert refused(containers.check_containers, template.containers, frozenset()) is not fine


@pytest.mark.parametrize(("shares", "fine"), [([100], True), ([50, 50], False), ([100, 0], True)], ids=str)
def test_one_share_goes_to_the_latest(shares, fine):
    """A target without percent may be of type LATEST beside it: it is there for its tag."""
    made = service.Service.pb()(name=f"{REGION}/services/s")
    for number, percent in enumerate(shares):
        made.traffic.add(type_=LATEST, percent=percent, tag=f"t{number}")
    assert refused(checks.check_traffic, made) is not fine


@pytest.mark.parametrize(("value", "fine"), [(0, False), (1, True), (1000, True), (1001, False)])
def test_numbers_between_bounds(value, fine):
    """The bounds themselves are allowed."""
    assert refused(checks.check_between, "f", value, 1, 1000) is not fine


@pytest.mark.parametrize(("tag", "fine"), [("t" * 38, True), ("t" * 39, False)])
def test_tags_and_names_fit_a_host_name(tag, fine):
    """46 characters together."""
    assert refused(checks.check_tag, tag, "services") is not fine


@pytest.mark.parametrize(("length", "fine"), [(512, True), (513, False)])
def test_descriptions_of_services(length, fine):
    """512 characters."""
    assert refused(checks.check_metadata, service.Service.pb()(description="x" * length)) is not fine


def variables(count=1, size=1):
    """Environment variables."""
    message = revision_template.RevisionTemplate.pb()().containers.add()
    for number in range(count):
        message.env.add(name=f"N{number}", value="x" * size)
    return message.env


@pytest.mark.parametrize(
    ("env", "fine"),
    [
        ({"count": 1000}, True),
        ({"count": 1001}, False),
        ({"size": 32 * 1024}, True),
        ({"size": 32 * 1024 + 1}, False),
    ],
    ids=str,
)
def test_environments(env, fine):
    """1000 variables of 32 KiB each."""
    assert refused(containers.check_environment, variables(**env), frozenset(), "c") is not fine


@pytest.mark.parametrize(
    ("tries", "most_s", "fine"), [(60, 600, True), (61, 600, False), (180, 1800, True), (181, 1800, False)]
)
def test_a_start_takes_its_time_and_no_more(tries, most_s, fine):
    """`failure_threshold` times `period_seconds`: ten minutes, half an hour with a GPU."""
    container = revision_template.RevisionTemplate.pb()().containers.add()
    probe = container.startup_probe
    probe.period_seconds, probe.timeout_seconds, probe.failure_threshold = 10, 10, tries
    assert refused(containers.check_probes, container, "c", most_s) is not fine


@pytest.mark.parametrize(("least", "fine"), [(2, True), (3, False)])
def test_instances_kept_are_at_most_those_allowed(least, fine):
    """Equal is fine."""
    made = service.Service.pb()()
    made.template.scaling.min_instance_count, made.template.scaling.max_instance_count = least, 2
    assert refused(checks.check_scaling, made) is not fine


@pytest.mark.parametrize(("count", "fine"), [(64, True), (65, False)])
def test_labels(count, fine):
    """At most 64."""
    assert refused(check_labels, [(f"k{number}", "v") for number in range(count)]) is not fine


@pytest.mark.parametrize(
    ("field", "seconds", "fine"),
    [
        ("ttl", 60, True),
        ("ttl", 59, False),
        ("version_destroy_ttl", 86_400, True),
        ("version_destroy_ttl", 86_399, False),
    ],
)
def test_spans_of_secrets(field, seconds, fine):
    """A minute to live; a day before a destroyed version is gone."""
    assert refused(check_span, field, seconds) is not fine


@pytest.mark.parametrize(("size", "fine"), [(1, True), (65_536, True), (65_537, False)])
def test_payloads_of_secrets(size, fine):
    """64 KiB."""
    sent = TABLE["google.cloud.secretmanager.v1.SecretManagerService/AddSecretVersion"].request().payload
    sent.data = b"x" * size
    assert refused(check_payload, sent) is not fine


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("abc", True),
        ("ab", False),
        ("a" * 63, True),
        ("a" * 64, False),
        (".".join(["a" * 63] * 3 + ["a" * 30]), True),
        (".".join(["a" * 63] * 3 + ["a" * 31]), False),
        (f"{'a' * 64}.b", False),
        ("a..b", False),
    ],
)
def test_names_of_buckets(name, fine):
    """3 to 63 characters, 222 with dots, 63 between two of them."""
    assert refused(names.check_bucket, name) is not fine


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("a" * 1024, True),
        ("a" * 1025, False),
        ("ä" * 512, True),
        ("ä" * 513, False),
        ("\ud7ff\ue000", True),
        ("a\ud800", False),
        ("b\udfff", False),
    ],
)
def test_names_of_objects(name, fine):
    """1024 bytes."""
    assert refused(names.check_object, name) is not fine


@pytest.mark.parametrize(("count", "fine"), [(100, True), (101, False)])
def test_batches(count, fine):
    """100 calls."""
    part = "--m\r\nContent-Type: application/http\r\n\r\nGET /x HTTP/1.1\r\n\r\n\r\n"
    body = io.BytesIO((part * count + "--m--\r\n").encode())

    headers = {"content-type": "multipart/mixed; boundary=m"}
    assert refused(batch.run, headers, body, lambda *_: Reply(status=204)) is not fine


@pytest.mark.parametrize(("length", "fine"), [(MAX_BODY_BYTES, True), (MAX_BODY_BYTES + 1, False)])
def test_bodies_of_requests(length, fine):
    """32 MiB."""
    assert (_oversized({b"content-length": str(length).encode()}) is None) is fine


@pytest.mark.parametrize(("length", "lines"), [(MAX_LINE_BYTES, 0), (MAX_LINE_BYTES + 1, 1)])
def test_lines_of_logs(length, lines):
    """A line that has not ended is cut when it is longer than the most."""
    log = Log()
    LogPipe(log).data_received(b"x" * length)

    assert len(log.text()) == lines


@pytest.mark.parametrize(
    ("skip", "times", "hit"),
    [(0, 1, [1]), (1, 1, [2]), (2, 2, [3, 4]), (0, None, [1, 2, 3, 4]), (0, 0, []), (4, 1, [])],
)
def test_faults_are_counted(skip, times, hit):
    """The first `skip` calls go free, the next `times` are hit."""
    counted = Counted(Rule("m", skip=skip, times=times))

    assert [number for number in range(1, 5) if counted.take("m", mutating=True, now=NOW)] == hit


def ask(world, method, **fields):
    """Call a method of the table as a client would."""
    return perform(world, Call(method, mutating=True, caller="me"), TABLE[method].request(**fields))


IAM = "google.iam.admin.v1.IAM/"


@pytest.mark.parametrize(
    ("fields", "fine"),
    [
        ({"display_name": "x" * 100}, True),
        ({"display_name": "x" * 101}, False),
        ({"description": "x" * 256}, True),
        ({"description": "x" * 257}, False),
    ],
    ids=str,
)
def test_texts_of_accounts(world, fields, fine):
    """Bytes, not characters (kinds.md 2.3)."""
    wanted = {"name": PROJECT, "account_id": "runner", "service_account": fields}
    assert refused(ask, world, IAM + "CreateServiceAccount", **wanted) is not fine


def test_an_account_has_ten_keys(world):
    """The eleventh is refused."""
    account = ask(world, IAM + "CreateServiceAccount", name=PROJECT, account_id="runner")
    made = [not refused(ask, world, IAM + "CreateServiceAccountKey", name=account.name) for _ in range(11)]

    assert made == [True] * 10 + [False]


@pytest.mark.parametrize(("count", "fine"), [(10, True), (11, False)])
def test_cleanup_policies_of_repositories(world, count, fine):
    """At most ten."""
    kept = {f"p{number}": {"action": "KEEP", "most_recent_versions": {"keep_count": 1}} for number in range(count)}
    wanted = {"format_": "DOCKER", "cleanup_policies": kept}
    method = "google.devtools.artifactregistry.v1.ArtifactRegistry/CreateRepository"
    assert refused(ask, world, method, parent=REGION, repository_id="models", repository=wanted) is not fine
