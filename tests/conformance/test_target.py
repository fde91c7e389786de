"""The suite against a project: here one of an emulator, of which it knows no more than the variables that users set."""

import json
import os
import re
import subprocess
import sys
from concurrent import futures
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud.artifactregistry_v1.types import repository

from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.kinds import KINDS
from tests.conformance.__main__ import main
from tests.conformance.example import examples_of
from tests.conformance.place import Place
from tests.conformance.target import ceiling, journal, leftovers, making, sorts
from tests.conformance.target.connection import Target
from tests.conformance.target.recorder import Heard, Recorder
from tests.conformance.target.scrubbing import Scrubber
from tests.conformance.target.sort import Seen
from tests.conformance.target.trial import FAILED, Trial
from tests.recordings import cases

ROOT = Path(__file__).parents[2]
PROJECT = "acme-conformance"
CHEAP = "artifact_repository,storage_notification,service_account"
MADE = 4
RUN = "mlchjbs0exmrmy"
"""One of 2 January 2026."""


@pytest.fixture
def here(emulator, monkeypatch, tmp_path):
    """An empty folder, and the variables that users set."""
    for name, value in {**emulator.env, "CONFIRM": "yes"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def conformance(here, capsys):
    """The command: its exit status, and what it said."""

    def run(*words):
        code = main([*words, "--project", PROJECT])
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def target(here, pool):
    """The project, looked at by the same clients."""
    return Target(Place(PROJECT, prefix="looking-"), pool, Recorder())


def left(target):
    """All that any run made and did not take away."""
    return sorted(seen.name for sort in sorts.SORTS for seen in sort.find(target) if seen.run)


def test_nothing_is_made_before_somebody_agrees(emulator, target, conformance, here, monkeypatch):
    """The table of what it makes, for how long and at most for how much comes first; without a yes it ends there."""
    monkeypatch.setenv("CONFIRM", "")
    emulator.control("DELETE", "calls")

    code, said = conformance("run")

    assert code == 64
    assert re.search(r"^at most +\d+ +\d+\.\d\d$", said, re.MULTILINE), said
    assert all(kind.name in said for kind in KINDS)
    assert emulator.calls() == {}


def test_a_run_tells_what_holds_and_leaves_nothing(emulator, target, conformance, here, monkeypatch):
    """Every claim of three kinds holds, an emulator answers as the target did, and the project is as it was."""
    code, said = conformance("run", "--kinds", CHEAP)

    assert code == 0, said
    assert re.search(r"^0 claims failed; 0 of \d\d+ answers differ", said, re.MULTILINE), (
        said + (here / "conformance/report.md").read_text()
    )
    assert left(target) == []
    assert list((here / journal.FOLDER / PROJECT).iterdir()) == []


REST = "monitoring_alert_policy,iam_workload_identity_pool,bigquery_table,vertex_schedule"
"""What has no labels, a name of Google's, a place in something else, a name that stays taken."""


@pytest.mark.slow
def test_what_plain_json_makes_is_recorded_and_goes(target, conformance, here, monkeypatch):
    """Kinds whose APIs have no client here: made, read back, judged by their recordings, and gone; no edits here."""
    monkeypatch.setattr(ceiling, "minutes_for", lambda *_: 0.0)

    code, said = conformance("run", "--kinds", REST)

    assert code == 0, said
    assert re.search(r"^0 claims failed; 0 of \d\d+ answers differ", said, re.MULTILINE), said
    urls = [path.read_text() for path in (here / "conformance" / "recordings").rglob("*.json")]
    for posted in ("/schedules", "/workloadIdentityPools?", "/tables", "/CreateAlertPolicy"):
        assert any(posted in text for text in urls), posted
    assert left(target) == []


def test_what_the_project_lacks_is_left_out_with_the_reason(target, conformance, here):
    """An API that is off fails nothing: the report says which."""
    usage = target.api("google.cloud.service_usage_v1", "service_usage", "ServiceUsage")
    usage.disable_service(request={"name": f"projects/{PROJECT}/services/pubsub.googleapis.com"}).result(timeout=20)

    code, said = conformance("run", "--kinds", "pubsub_topic")

    assert code == 0, said
    report = (here / "conformance" / "report.md").read_text()
    assert "## Skipped\n\n- pubsub_topic, is prepared: not enabled: pubsub.googleapis.com\n" in report


def test_edits_that_no_quota_allows_are_left_out(target):
    """Where too few GPUs are granted the edits that want one are left out, with the quota's name; else they are not."""
    [example] = examples_of("run_service", target.at)
    before = example.lacks_for["gpu"](target)
    quota = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion"
    wanted = {
        "service": "run.googleapis.com",
        "quota_id": quota,
        "dimensions": {"region": target.at.region},
        "quota_config": {"preferred_value": 1},
    }
    api = target.api("google.cloud.cloudquotas_v1", "cloud_quotas", "CloudQuotas")
    request = {"parent": f"{target.at.top}/locations/global", "quota_preference": wanted}

    api.create_quota_preference(request=request | {"ignore_safety_checks": [1, 2]})

    assert (before, example.lacks_for["gpu"](target)) == ("", f"the quota {quota} is 1")


@pytest.mark.slow
def test_recordings_of_a_run_may_be_shown(emulator, target, conformance, here, monkeypatch):
    """They are read as the others are, and name neither the project nor its number, its run or anybody in it."""
    topics = target.api("google.pubsub_v1", "publisher", "Publisher")
    topics.create_topic(request={"name": f"projects/{PROJECT}/topics/of-acme"})
    projects = target.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    number = projects.get_project(request={"name": f"projects/{PROJECT}"}).name.rpartition("/")[2]

    code, said = conformance("run", "--kinds", "pubsub_topic,storage_notification")

    assert code == 0, said
    for kind in ("pubsub_topic", "storage_notification"):
        path = here / "conformance" / "recordings" / kind / "conformance.json"
        assert len(cases.read(path).exchanges) > 5
        assert [word for word in (PROJECT, number, "mlc", "of-acme") if word in path.read_text()] == []


@pytest.mark.slow
def test_an_answer_that_is_wrong_is_told(emulator, conformance, here, monkeypatch):
    """A repository is read with another mode than an emulator's: the report has the field and both bodies."""

    def wrong(method, answer):
        if not method.endswith("/GetRepository"):
            return answer
        found = repository.Repository.deserialize(answer)
        found.mode = repository.Repository.Mode.VIRTUAL_REPOSITORY
        return repository.Repository.serialize(found)

    with between(emulator.grpc, wrong) as address:
        monkeypatch.setenv("MLSERVICE_EMULATOR_GRPC", address)
        code, said = conformance("run", "--kinds", "artifact_repository", "--patience", "0")

    report = (here / "conformance" / "report.md").read_text()
    assert code == 0, said
    assert "`mode: recorded 'VIRTUAL_REPOSITORY', got 'STANDARD_REPOSITORY'`" in report
    assert report.count('"mode": "VIRTUAL_REPOSITORY"') == report.count("### ") > 0
    assert report.count('"mode": "STANDARD_REPOSITORY"') == report.count("### ")


class between(grpc.GenericRpcHandler):  # noqa: N801 - reads as a word of the test
    """A proxy before a gRPC server, which may change answers."""

    def __init__(self, address, change):
        self.channel, self.change = grpc.insecure_channel(address), change
        self.server = grpc.server(futures.ThreadPoolExecutor(8), handlers=(self,))

    def service(self, details):
        """Pass a call on."""

        def answer(request, context):
            try:
                return self.change(details.method, self.channel.unary_unary(details.method)(request))
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(answer)

    def __enter__(self):
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        return f"127.0.0.1:{port}"

    def __exit__(self, *_):
        self.server.stop(None).wait()
        self.channel.close()


@pytest.mark.slow
def test_what_a_killed_run_left_goes_with_the_next(target, conformance, here):
    """Killed when so much was written down: each thing that is there was, and `clean` takes all of it away."""
    command = [sys.executable, "-m", "tests.conformance", "run", "--kinds", "pubsub_subscription", "--project", PROJECT]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    folder = here / journal.FOLDER / PROJECT
    while process.poll() is None and not any(len(path.read_text().splitlines()) > MADE for path in folder.glob("*")):
        pass
    process.kill()
    process.wait()
    [path] = folder.iterdir()
    noted = {json.loads(line)["name"] for line in path.read_text().splitlines()[1:]}
    there = left(target)

    code, said = conformance("clean")

    assert set(there) <= noted
    assert code == 0, said
    assert left(target) == []
    assert list(folder.iterdir()) == []


def topics_of(target, labels):
    """Make topics of these labels; what is there of them is asked of what is given."""
    api = target.api("google.pubsub_v1", "publisher", "Publisher")
    for name, label in labels.items():
        more = {"labels": {journal.LABEL: label}} if label else {}
        api.create_topic(request={"name": f"projects/{PROJECT}/topics/{name}", **more})
    return lambda: {
        topic.name.rpartition("/")[2] for topic in api.list_topics(request={"project": f"projects/{PROJECT}"})
    }


def test_what_nobody_wrote_down_is_found_by_its_label(target, conformance):
    """An old run's topic of another machine goes; one that may be in use, is somebody's own, or has no label stays."""
    old = journal.new_run(datetime.now(UTC) - timedelta(hours=5))
    new = journal.new_run(datetime.now(UTC))
    stay = {
        f"{new}0-orders": new,
        f"{old}0-unlabelled": "",
        "mlcatalogue-orders": "",
        "mlcardfraud-scores": "mlcardfraud",
        "theirs": "yes",
        "labelled-by-hand": f"{old}x",
    }
    there = topics_of(target, {f"{old}0-orders": old, **stay})

    code, said = conformance("clean")

    assert code == 0, said
    assert there() == set(stay)
    assert f"left alone: topic projects/{PROJECT}/topics/{old}0-unlabelled" in said


def test_datasets_are_found_as_everything_else_is(target, conformance):
    """Somebody's dataset, labelled or not, stays; that of an old run's label goes, with its tables."""
    old = journal.new_run(datetime.now(UTC) - timedelta(hours=5))
    api, datasets = target.connection.rest(HOST, VERSION), f"projects/{PROJECT}/datasets"
    named = {f"{old}0_ml_logs": old, "theirs": "", "labelled": "yes", "by_hand": f"{old}x", "mlcatalogue_logs": ""}
    for name, label in named.items():
        labels = {"labels": {journal.LABEL: label}} if label else {}
        api.post(datasets, {"datasetReference": {"datasetId": name}, **labels})
    reference = {"tableReference": {"datasetId": f"{old}0_ml_logs", "tableId": f"{old}0_churn"}}
    api.post(f"{datasets}/{old}0_ml_logs/tables", reference)

    code, said = conformance("clean")

    assert code == 0, said
    left_over = {each["datasetReference"]["datasetId"] for each in api.listed(datasets, "datasets")}
    assert left_over == {"theirs", "labelled", "by_hand", "mlcatalogue_logs"}


def test_a_mistake_of_ours_leaves_nothing_else_in_the_project(target):
    """What Google refuses is told, an error of this program apart from it, with its line; all other sorts still go."""
    sort, went = sorts.SORTS[0], []

    def found(error):
        def find(_):
            yield Seen("seen before", RUN)
            raise error

        broken = replace(sort, find=find, remove=lambda _, name: went.append(name))
        other = replace(broken, name="other", find=lambda _: iter([Seen("another", RUN)]))
        search = leftovers.search(target, bool, {sort.name: {"noted"}}, datetime.now(UTC), [broken, other])
        went.clear()
        _, left = leftovers.take_away(target, search)
        return left

    assert found(ConnectionError("reset")) == [f"{sort.name}: cannot be listed: reset"]
    [told] = found(AttributeError("of ours"))
    assert told.startswith(f"{sort.name}: not all looked for, by a mistake of ours: AttributeError: of ours (")
    assert Path(__file__).name in told
    assert went == ["noted", "seen before", "another"]


def test_one_trial_that_breaks_ends_no_other(target):
    """Whatever is raised is a step that failed, with its reason, and what was said until then is kept."""
    example = replace(examples_of("pubsub_topic", target.at)[0], lacks=lambda _: 1 / 0)
    trial = Trial(next(kind for kind in KINDS if kind.name == "pubsub_topic"), example, target, 0.0)

    trial.run()

    assert [(step.claim, step.outcome) for step in trial.steps] == [("comes to its end", FAILED)]
    assert "ZeroDivisionError" in trial.steps[0].why


def test_nothing_goes_before_somebody_agrees(target, conformance, monkeypatch):
    """`clean` lists what it would take away; without a yes it is still there."""
    monkeypatch.setenv("CONFIRM", "")
    old = journal.new_run(datetime.now(UTC) - timedelta(hours=5))
    there = topics_of(target, {f"{old}0-orders": old})

    code, said = conformance("clean")

    assert (code, there()) == (64, {f"{old}0-orders"})
    assert f"  topic projects/{PROJECT}/topics/{old}0-orders\n" in said


def test_a_journal_takes_only_what_is_of_its_run(target, conformance, here):
    """Names of somebody else that stand in it are told and stay; so do those of a file that no run has written."""
    there = topics_of(target, {f"{RUN}0-orders": "", "payments": "", "mlcatalogue-orders": ""})
    folder = here / journal.FOLDER / PROJECT
    for stem in (RUN, "mlcatalogu"):
        kept = journal.Journal(folder / f"{stem}.jsonl", PROJECT, "europe-west1")
        for name in (f"{RUN}0-orders", "payments", "mlcatalogue-orders"):
            kept.note(journal.Made("topic", f"projects/{PROJECT}/topics/{name}"))
        kept.close(done=False)

    code, said = conformance("clean")

    assert code == 0, said
    assert there() == {"payments", "mlcatalogue-orders"}
    assert f"left alone: topic projects/{PROJECT}/topics/payments" in said
    assert [path.stem for path in folder.iterdir()] == ["mlcatalogu"]


@pytest.mark.parametrize(
    "said", ["mlcatalogue", "mlcardfraud", "mlcatalogueabc", "yes", "", "mlc", RUN + "0", RUN[:-1], RUN.upper()]
)
def test_no_word_is_a_run(said):
    """A run has its form, a time at which there were runs, and check digits."""
    assert journal.is_run(RUN)
    assert not journal.is_run(said)
    assert not said or RUN in said or journal.run_in(f"{said}0-orders") == journal.run_in(f"{said}-orders") == ""


def test_each_digit_of_a_run_counts():
    """Whichever is another, it is no run any more: but for one in many, which the fixed run here is none of."""
    others = [RUN[:at] + digit + RUN[at + 1 :] for at in range(3, len(RUN)) for digit in "0az" if RUN[at] != digit]

    assert list(filter(journal.is_run, others)) == []


def test_a_run_at_work_is_left_alone(tmp_path):
    """Its journal is held by its process."""
    kept = journal.start(tmp_path, PROJECT, "europe-west1", RUN)

    assert list(journal.abandoned(tmp_path, PROJECT)) == []
    kept.close(done=False)
    [dead] = journal.abandoned(tmp_path, PROJECT)
    assert dead.run == RUN
    dead.close(done=True)


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_names_of_an_example_are_all_its_own(kind):
    """At a place with a prefix no address is without it, so that nothing of anybody else's is met."""
    at = journal.place_of(PROJECT, "us-central1", journal.new_run(datetime.now(UTC)), 35)

    for example in examples_of(kind, at):
        assert at.prefix.strip("-") in str(example.address)
        assert ceiling.bound(kind, example).usd < 50


JOBS = "https://bigquery.googleapis.com/bigquery/v2/projects/p/jobs"
LOADED = {"load": {"destinationTable": {"projectId": "p", "datasetId": f"{RUN}0_logs", "tableId": "t"}}}
UNKNOWN = [
    ("GRPC", "/google.cloud.run.v2.WorkerPools/CreateWorkerPool"),
    ("POST", "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/endpoints"),
    ("POST", "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/models:copy"),
    ("POST", "https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets/theirs/tables"),
    ("POST", "https://iam.googleapis.com/v1/projects/p/locations/global/workloadIdentityPools/theirs/providers"),
    ("POST", "https://storage.googleapis.com/upload/storage/v1/b/theirs/o?uploadType=media"),
    ("POST", JOBS),
]
NOT_OURS = [
    {"load": {"destinationTable": {"projectId": "p", "datasetId": "theirs", "tableId": "t"}}},
    {"load": {"destinationTable": {"projectId": "theirs", "datasetId": f"{RUN}0_logs", "tableId": "t"}}},
    {"query": {"query": "DROP TABLE theirs.t"}},
    LOADED | {"copy": {"destinationTable": {"projectId": "p", "datasetId": "theirs", "tableId": "t"}}},
]


@pytest.mark.parametrize(
    ("verb", "url", "body"),
    [*((verb, url, {}) for verb, url in UNKNOWN), *(("POST", JOBS, {"configuration": each}) for each in NOT_OURS)],
)
def test_what_would_not_be_found_again_is_not_made(verb, url, body):
    """A request that makes something of an unknown sort, or in what is not the run's, is refused before it is sent."""
    with pytest.raises(LookupError):
        making.made_by(verb, url, body, journal.place_of("p", "us-central1", RUN, 0))


VERTEX = "https://us-central1-aiplatform.googleapis.com"
HERE = "projects/p/locations/us-central1"
POSTED = [
    (f"{VERTEX}/v1beta1/{HERE}/schedules", {}, "vertex_schedule", f"{HERE}/schedules/?"),
    (f"{VERTEX}/v1beta1/{HERE}/modelMonitors?modelMonitorId=m", {}, "vertex_model_monitor", f"{HERE}/modelMonitors/m"),
    (f"{VERTEX}/v1/{HERE}/models:upload", {"modelId": "m"}, "vertex_model", f"{HERE}/models/m"),
    (
        "https://iam.googleapis.com/v1/projects/p/locations/global/workloadIdentityPools?workloadIdentityPoolId=ci",
        {},
        "workload_identity_pool",
        "projects/p/locations/global/workloadIdentityPools/ci",
    ),
    (
        "https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets",
        {"datasetReference": {"datasetId": "d"}},
        "dataset",
        "d",
    ),
    ("https://storage.googleapis.com/storage/v1/b?project=p", {"name": "b"}, "bucket", "b"),
    (
        "https://monitoring.googleapis.com/v1/projects/p/dashboards",
        {"name": "projects/p/dashboards/churn"},
        "dashboard",
        "projects/p/dashboards/churn",
    ),
    (f"{VERTEX}/v1beta1/{HERE}/schedules/1:pause", {}, None, None),
    (f"https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets/{RUN}0_logs/tables", {}, None, None),
    (f"https://storage.googleapis.com/upload/storage/v1/b/{RUN}0-state/o", None, None, None),
    (JOBS, {"configuration": LOADED}, None, None),
]


@pytest.mark.parametrize(("url", "body", "sort", "name"), POSTED)
def test_what_plain_json_makes_is_written_down(url, body, sort, name):
    """By its sort and resource name; what changes, or is made in something of the run's, needs no line of its own."""
    noted = making.made_by("POST", url, body, journal.place_of("p", "us-central1", RUN, 0))

    assert noted == ([journal.Made(sort, name)] if sort else [])


def test_what_is_secret_or_somebodys_is_not_shown():
    """Payloads, people, other members of the project's policy."""
    at = journal.place_of(PROJECT, "us-central1", RUN, 0)
    members = [f"serviceAccount:{at.name('churn')}@{PROJECT}.iam.gserviceaccount.com"]
    policy = {
        "etag": "BwX=",
        "auditConfigs": [{"service": "allServices"}],
        "bindings": [
            {"role": "roles/owner", "members": ["user:ann@acme.org"]},
            {"role": "roles/viewer", "members": members},
        ],
    }
    heard = [
        Heard("GRPC", "/x/AddSecretVersion", {"payload": {"data": "aHVudGVyMg=="}}, 200, {"creator": "ann@acme.org"}),
        Heard("GRPC", "/x/SetIamPolicy", {"resource": f"projects/{PROJECT}", "policy": policy}, 200, policy),
    ]

    shown = json.dumps([vars(Scrubber(at, "123456789012").heard(each)) for each in heard])

    assert [
        word for word in ("aHVudGVyMg", "ann@acme", "roles/owner", "allServices", "BwX", PROJECT) if word in shown
    ] == []
    assert "roles/viewer" in shown
    assert "${uniqueId}-churn" in shown


@pytest.mark.parametrize(
    ("url", "field"),
    [
        ("https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets", "datasets"),
        ("https://iam.googleapis.com/v1/projects/p/locations/global/workloadIdentityPools", "workloadIdentityPools"),
        ("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/models?x=1", "models"),
        ("https://storage.googleapis.com/storage/v1/b?project=p", "items"),
    ],
)
def test_lists_in_plain_json_show_this_run_alone(url, field):
    """What others have is in no recording; one object that is asked for by its name is shown whole."""
    at = journal.place_of(PROJECT, "us-central1", RUN, 0)
    answer = {field: [{"name": at.name("ours")}, {"name": "of-acme"}], "nextPageToken": "2"}

    shown = Scrubber(at, "").heard(Heard("GET", url, None, 200, answer)).answer
    whole = Scrubber(at, "").heard(Heard("GET", f"{url.partition('?')[0]}/one", None, 200, {"x": ["other"]})).answer

    assert shown == {field: [{"name": "${uniqueId}-ours"}]}
    assert whole == {"x": ["other"]}


def test_asking_in_plain_json_is_no_write():
    """Policies are asked for with POST."""
    asked = "https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets/d/tables/t"

    wrote = [Heard("POST", f"{asked}:{verb}", {}, 200, {}).writes for verb in ("getIamPolicy", "setIamPolicy")]

    assert wrote == [False, True]


@pytest.mark.parametrize("sort", [sort for sort in sorts.SORTS if sort.made_by], ids=lambda sort: sort.name)
def test_clients_of_google_cloud_are_recorded_too(sort, pool, monkeypatch):
    """Without addresses in the environment the clients are Google's own, with the recorder before each call."""
    monkeypatch.delenv("MLSERVICE_EMULATOR", raising=False)

    class Refused(Exception):
        pass

    def refuse(verb, url, body):
        raise Refused

    made = {"credentials": AnonymousCredentials()}
    target = Target(Place("acme-project", prefix="none-"), pool, Recorder(announce=refuse), made)

    with pytest.raises(Refused):
        list(sort.find(target))
