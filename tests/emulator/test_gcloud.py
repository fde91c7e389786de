"""gcloud, a client that none of us wrote, with nothing but the variables that the emulator advertises."""

import json
import os
import shlex
import shutil
import subprocess

import httpx
import pytest

from tests import warm
from tests.attesting import Attestor, signer
from tests.emulator_analysis.pushed import make_repository, switch
from tests.emulator_registry.client import HOST

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
]

HELLO = "us-docker.pkg.dev/cloudrun/container/hello"
COLOUR = "import os\n\ndef hello(request):\n    return os.environ['COLOUR']\n"
"""A function."""


@pytest.fixture
def variables(emulator, tmp_path):
    """The environment, without a configuration of its own."""
    return {**os.environ, **emulator.env, "CLOUDSDK_CONFIG": str(tmp_path), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}


@pytest.fixture
def gcloud(variables, tmp_path):
    """Runs gcloud; returns what it printed, as JSON where that is asked."""

    def run(line, *, as_json=True):
        words = [*shlex.split(line), *(["--format=json"] if as_json else [])]
        code, out, err = forked(words, variables, tmp_path) or started(words, variables)
        assert code == 0, err
        return json.loads(out) if as_json else out

    return run


def started(words, env):
    """Run gcloud as anybody does."""
    command = ["gcloud", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def forked(words, env, folder):
    """Run it from a process that has imported it, where that can be had: nearly all of its time is importing."""
    ready = warm.gcloud()
    if ready is None:
        return None
    stock, told = ready
    process = stock.run("gcloud", *words, folder=folder, env={**env, **told})
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def names(found):
    return [each["name"].rpartition("/")[2] for each in found]


def test_storage(gcloud, tmp_path):
    """Files go in and out by gs:// address, and folders show."""
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("hello\n")
    gcloud("storage buckets create gs://from-gcloud --location=europe-west4", as_json=False)
    gcloud(f"storage cp {source} gs://from-gcloud/a/b/c.txt", as_json=False)
    gcloud(f"storage cp gs://from-gcloud/a/b/c.txt {target}", as_json=False)

    assert target.read_text() == "hello\n"
    assert gcloud("storage cat gs://from-gcloud/a/b/c.txt", as_json=False) == "hello\n"
    assert gcloud("storage ls", as_json=False).split() == ["gs://from-gcloud/"]
    assert gcloud("storage ls gs://from-gcloud/a", as_json=False).split() == ["gs://from-gcloud/a/b/"]
    gcloud("storage rm --recursive gs://from-gcloud", as_json=False)
    assert gcloud("storage buckets list") == []


def test_secrets(gcloud, tmp_path):
    """A secret is made from a file, read, and listed with the state of its versions."""
    value = tmp_path / "value"
    value.write_text("s3cret")
    gcloud(f"secrets create api-key --data-file={value}", as_json=False)
    gcloud("secrets versions disable 1 --secret=api-key")
    gcloud(f"secrets versions add api-key --data-file={value}", as_json=False)

    assert names(gcloud("secrets list")) == ["api-key"]
    assert gcloud("secrets versions access latest --secret=api-key", as_json=False) == "s3cret"
    states = [(each["name"][-2:], each["state"]) for each in gcloud("secrets versions list api-key")]
    assert states == [("/2", "ENABLED"), ("/1", "DISABLED")]


def test_logging(gcloud):
    """Entries are written and read by filter; sinks are made, listed and deleted."""
    said = shlex.quote('{"feature": "age", "distance": 0.4}')
    gcloud(f"logging write moved {said} --payload-type=json --severity=WARNING", as_json=False)
    gcloud("pubsub topics create alarms")
    gcloud(
        "logging sinks create alarms pubsub.googleapis.com/projects/local/topics/alarms --log-filter=severity>=WARNING",
        as_json=False,
    )

    (found,) = gcloud("""logging read 'log_id("moved") AND jsonPayload.distance>0.3' --limit=5""")
    assert (found["severity"], found["jsonPayload"]["feature"]) == ("WARNING", "age")
    assert "alarms" in {sink["name"] for sink in gcloud("logging sinks list")}
    gcloud("logging sinks delete alarms", as_json=False)


def test_artifacts(gcloud, emulator, tmp_path):
    """Repositories and the images that were pushed to them are listed."""
    gcloud("artifacts repositories create images --location=europe-west4 --repository-format=docker", as_json=False)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print('hello')")
    image = "europe-west4-docker.pkg.dev/local/images/app"
    pushed = {"image": f"{image}:v1", "folder": str(tmp_path / "app"), "command": ["python", "main.py"]}
    emulator.control("POST", "images", pushed)

    assert names(gcloud("artifacts repositories list --location=europe-west4")) == ["images"]
    found = gcloud("artifacts docker images list europe-west4-docker.pkg.dev/local/images --include-tags")
    assert [(each["package"], each["tags"]) for each in found] == [(image, ["v1"])]


def test_vulnerabilities(gcloud, emulator, tmp_path):
    """What a scan found shows in lists of images, of one image, and as a table of vulnerabilities."""
    switch(emulator)
    make_repository(emulator)
    about = tmp_path / "app" / "site-packages" / "PyYAML-5.3.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Name: PyYAML\nVersion: 5.3.1\n")
    image = f"{HOST}/local/models/app"
    pushed = {"image": f"{image}:v1", "folder": str(tmp_path / "app"), "command": ["python", "main.py"]}
    digest = emulator.control("POST", "images", pushed)["digest"]
    emulator.advance(121)

    (listed,) = gcloud(f"artifacts docker images list {HOST}/local/models --show-occurrences")
    found = gcloud(f"artifacts docker images describe {image}@{digest} --show-package-vulnerability")
    (row,) = gcloud(f"artifacts vulnerabilities list {image}:v1")
    assert listed["vuln_counts"] == {"CRITICAL": 1}
    assert listed["DISCOVERY"][0]["discovery"]["analysisStatus"] == "FINISHED_SUCCESS"
    assert [*found["package_vulnerability_summary"]["vulnerabilities"]] == ["CRITICAL"]
    assert row["occurrence"]["vulnerability"]["shortDescription"] == "CVE-2020-14343"


def test_run(gcloud):
    """A service is deployed, changed, given traffic and a caller, and deleted, all by gcloud."""
    there = "--region=europe-west4"
    made = gcloud(f"run deploy front --image={HELLO} {there} --allow-unauthenticated --labels=team=a")
    assert httpx.get(made["status"]["url"], timeout=30).is_success
    gcloud(f"run services update front {there} --update-env-vars=A=1 --no-traffic --tag=next")
    gcloud(f"run services update-traffic front {there} --to-tags=next=40")

    seen = gcloud(f"run services describe front {there}")
    assert seen["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
    assert {each["percent"] for each in seen["status"]["traffic"] if "percent" in each} == {60, 40}
    assert seen["metadata"]["labels"]["team"] == "a"
    revisions = gcloud(f"run revisions list --service=front {there}")
    assert {each["metadata"]["labels"]["serving.knative.dev/service"] for each in revisions} == {"front"}
    member = "--member=user:a@example.com --role=roles/run.invoker"
    policy = gcloud(f"run services add-iam-policy-binding front {there} {member}")
    assert policy["bindings"][0]["members"] == ["allUsers", "user:a@example.com"]
    gcloud(f"run services delete front {there}", as_json=False)
    assert gcloud("run services list") == []


def test_run_jobs(gcloud):
    """A job is made, run to its end, and deleted, all by gcloud."""
    there = "--region=europe-west4"
    gcloud(f"run jobs create nightly --image={HELLO.replace('hello', 'job')} {there} --tasks=2")
    gcloud(f"run jobs execute nightly {there} --wait")

    [seen] = gcloud(f"run jobs executions list --job=nightly {there}")
    assert seen["status"]["succeededCount"] == 2
    gcloud(f"run jobs delete nightly {there}", as_json=False)
    assert gcloud("run jobs list") == []


def test_iam(gcloud):
    """An account that gcloud makes and binds shows in the lists and in the project's policy."""
    gcloud("iam service-accounts create runner-1 --display-name=Runner")
    member = "serviceAccount:runner-1@local.iam.gserviceaccount.com"
    gcloud(f"projects add-iam-policy-binding local --member={member} --role=roles/run.invoker --condition=None")

    assert "runner-1@local.iam.gserviceaccount.com" in [each["email"] for each in gcloud("iam service-accounts list")]
    policy = gcloud("projects get-iam-policy local")
    assert {"role": "roles/run.invoker", "members": [member]} in policy["bindings"]


def test_pubsub(gcloud):
    """A topic, a push subscription to it and a role on it, made by gcloud."""
    gcloud("pubsub topics create scores --labels=team=a")
    made = (
        "pubsub subscriptions create scorer --topic=scores --push-endpoint=https://example.com/push --ack-deadline=30"
    )
    gcloud(made)
    gcloud("pubsub subscriptions update scorer --ack-deadline=60", as_json=False)
    member = "user:a@example.com"
    gcloud(f"pubsub topics add-iam-policy-binding scores --member={member} --role=roles/pubsub.publisher")

    assert names(gcloud("pubsub topics list")) == ["scores"]
    seen = gcloud("pubsub subscriptions describe scorer")
    assert (seen["ackDeadlineSeconds"], seen["pushConfig"]["pushEndpoint"]) == (60, "https://example.com/push")
    assert gcloud("pubsub topics get-iam-policy scores")["bindings"][0]["members"] == [member]
    gcloud("pubsub topics delete scores", as_json=False)
    assert gcloud("pubsub subscriptions describe scorer")["topic"] == "_deleted-topic_"


def test_messages(gcloud, emulator):
    """Published, pulled, given back, settled, brought back by a snapshot and dropped by a seek, all by gcloud."""
    gcloud("pubsub topics create scores")
    gcloud("pubsub subscriptions create scorer --topic=scores --message-filter='attributes:model'")
    gcloud("pubsub topics publish scores --message=ignored")
    [sent] = gcloud("pubsub topics publish scores --message=high --attribute=model=churn")["messageIds"]
    gcloud("pubsub snapshots create before --subscription=scorer")
    [seen] = gcloud("pubsub subscriptions pull scorer --limit=5")
    assert (seen["message"]["messageId"], seen["message"]["attributes"]) == (sent, {"model": "churn"})
    gcloud(f"pubsub subscriptions modify-message-ack-deadline scorer --ack-ids={seen['ackId']} --ack-deadline=0")
    [again] = gcloud("pubsub subscriptions pull scorer --limit=5")
    gcloud(f"pubsub subscriptions ack scorer --ack-ids={again['ackId']}", as_json=False)
    assert left(emulator) == {}

    assert names(gcloud("pubsub snapshots list")) == ["before"]
    gcloud("pubsub subscriptions seek scorer --snapshot=before")
    assert len(gcloud("pubsub subscriptions pull scorer --auto-ack")) == 1
    gcloud("pubsub subscriptions seek scorer --snapshot=before")
    gcloud("pubsub subscriptions seek scorer --time=2200-01-01T00:00:00Z")
    assert left(emulator) == {}


def left(emulator):
    """What a pull that does not wait finds: gcloud's own waits ten seconds for nothing."""
    asked = {"maxMessages": 5, "returnImmediately": True}
    return httpx.post(f"{emulator.http}/v1/projects/local/subscriptions/scorer:pull", json=asked).json()


def test_schemas(gcloud, tmp_path):
    """Made, listed, described, and checked against by gcloud."""
    definition = tmp_path / "score.avsc"
    definition.write_text('{"type": "record", "name": "Score", "fields": [{"name": "value", "type": "double"}]}')
    gcloud(f"pubsub schemas create score --type=avro --definition-file={definition}")
    gcloud(f"pubsub schemas validate-schema --type=avro --definition-file={definition}", as_json=False)
    good = "--message-encoding=json --schema-name=score --message='{\"value\": 1}'"
    gcloud(f"pubsub schemas validate-message {good}", as_json=False)

    assert names(gcloud("pubsub schemas list")) == ["score"]
    assert gcloud("pubsub schemas describe score")["definition"] == definition.read_text()
    gcloud("pubsub topics create scores --schema=score --message-encoding=json")
    gcloud("pubsub schemas delete score", as_json=False)
    assert gcloud("pubsub topics describe scores")["schemaSettings"]["schema"] == "_deleted-schema_"


def test_attestations(gcloud, emulator, tmp_path):
    """An attestor gets a key, an image its attestation, signed by a program of one's own: all by gcloud."""
    image, by = "europe-west1-docker.pkg.dev/local/ml/app@sha256:" + "a" * 64, signer("ci")
    attestor = Attestor(emulator, "qa", keys=(signer("older"),))
    pem, payload, signature = (tmp_path / name for name in ("key.pem", "payload.json", "signature"))
    pem.write_text(by.pem)
    binauthz = "container binauthz"
    made = f"--attestor=qa --pkix-public-key-file={pem} --pkix-public-key-algorithm=ecdsa-p256-sha256"
    key = gcloud(f"{binauthz} attestors public-keys add {made}")["id"]
    payload.write_text(gcloud(f"{binauthz} create-signature-payload --artifact-url={image}", as_json=False))
    signature.write_bytes(by.sign(payload.read_bytes()))
    told = f"--artifact-url={image} --attestor={attestor.name} --public-key-id='{key}' --signature-file={signature}"
    gcloud(f"{binauthz} attestations create {told} --payload-file={payload} --validate")

    [found] = gcloud(f"{binauthz} attestations list --attestor={attestor.name} --artifact-url={image}")
    assert found["resourceUri"] == image  # without a scheme, unlike a scan's
    assert names(gcloud(f"{binauthz} attestors list")) == ["qa"]
    assert gcloud(f"{binauthz} policy export")["defaultAdmissionRule"]["evaluationMode"] == "ALWAYS_ALLOW"


def test_notifications(gcloud):
    """Of a bucket, made and listed by gcloud."""
    gcloud("storage buckets create gs://from-gcloud --location=europe-west4", as_json=False)
    gcloud("pubsub topics create changes")
    made = "storage buckets notifications create gs://from-gcloud --topic=changes --event-types=OBJECT_FINALIZE"
    gcloud(made, as_json=False)

    [found] = gcloud("storage buckets notifications list gs://from-gcloud")
    assert found["Notification Configuration"]["event_types"] == ["OBJECT_FINALIZE"]


def test_channels(variables):
    """A notification channel made by gcloud, started as anybody does, shows in its list."""
    made = "--display-name=ops --type=email --channel-labels=email_address=a@example.com"
    code, _, err = started(["beta", "monitoring", "channels", "create", *made.split()], variables)
    assert code == 0, err
    code, out, err = started(["beta", "monitoring", "channels", "list", "--format=json"], variables)

    assert code == 0, err
    assert [each["displayName"] for each in json.loads(out)] == ["ops"]


def test_alert_policies(variables):
    """A policy made by gcloud shows in its list, with the name that the server gave."""
    step = {"alignmentPeriod": "300s", "perSeriesAligner": "ALIGN_RATE"}
    text = 'metric.type="run.googleapis.com/request_count" AND resource.type="cloud_run_revision"'
    shape = {
        "filter": text,
        "comparison": "COMPARISON_GT",
        "thresholdValue": 5,
        "duration": "0s",
        "aggregations": [step],
    }
    policy = {
        "displayName": "busy",
        "combiner": "OR",
        "conditions": [{"displayName": "it", "conditionThreshold": shape}],
    }
    made = ["alpha", "monitoring", "policies", "create", f"--policy={json.dumps(policy)}"]
    code, _, err = started(made, variables)
    assert code == 0, err
    code, out, err = started(["alpha", "monitoring", "policies", "list", "--format=json"], variables)

    assert code == 0, err
    [found] = json.loads(out)
    assert (found["displayName"], found["conditions"][0]["conditionThreshold"]["thresholdValue"]) == ("busy", 5)
    assert found["name"].startswith("projects/local/alertPolicies/")


def test_dashboards_and_uptime_checks(gcloud, tmp_path):
    """Both are made, shown and deleted by what a person types."""
    tile = {"title": "about", "text": {"content": "# Orders", "format": "MARKDOWN"}}
    (tmp_path / "board.json").write_text(json.dumps({"displayName": "orders", "gridLayout": {"widgets": [tile]}}))
    board = gcloud(f"monitoring dashboards create --config-from-file={tmp_path / 'board.json'}")
    assert names(gcloud("monitoring dashboards list")) == names([board])
    assert gcloud(f"monitoring dashboards describe {board['name']}")["gridLayout"]["widgets"][0]["title"] == "about"

    host = "resource-type=uptime-url --resource-labels=host=shop.example.com,project_id=local"
    check = gcloud(f"monitoring uptime create front --{host} --path=/ready --period=5 --protocol=https")
    assert [each["displayName"] for each in gcloud("monitoring uptime list-configs")] == ["front"]
    assert gcloud(f"monitoring uptime describe {check['name']}")["httpCheck"]["path"] == "/ready"

    gcloud(f"monitoring uptime delete {check['name']}", as_json=False)
    gcloud(f"monitoring dashboards delete {board['name']}", as_json=False)
    assert gcloud("monitoring uptime list-configs") == gcloud("monitoring dashboards list") == []


def test_scheduler(gcloud, emulator):
    """Jobs made, changed, paused, resumed, run and deleted by gcloud; what came of a run shows."""
    place = "--location=europe-west1"
    uri = f"--uri={emulator.http}/_emulator/status --http-method=get"
    weekly = "--schedule='0 3 * * 1' --time-zone=Europe/Paris --topic=retrain --attributes=trigger=weekly"
    gcloud(f"scheduler jobs create http nightly {place} --schedule='0 3 * * *' {uri}")
    gcloud(f"scheduler jobs create pubsub weekly {place} {weekly}")
    gcloud(f"scheduler jobs update http nightly {place} --schedule='0 4 * * *' --max-retry-attempts=3")
    gcloud(f"scheduler jobs pause nightly {place}", as_json=False)
    assert gcloud(f"scheduler jobs describe nightly {place}")["state"] == "PAUSED"
    gcloud(f"scheduler jobs resume nightly {place}", as_json=False)
    gcloud(f"scheduler jobs run nightly {place}")

    seen = gcloud(f"scheduler jobs describe nightly {place}")
    assert (seen["schedule"], seen["retryConfig"]["retryCount"], seen["status"]) == ("0 4 * * *", 3, {})
    assert names(gcloud(f"scheduler jobs list {place}")) == ["nightly", "weekly"]
    gcloud(f"scheduler jobs delete weekly {place}", as_json=False)
    assert names(gcloud(f"scheduler jobs list {place}")) == ["nightly"]


def test_functions(gcloud, tmp_path):
    """A folder is deployed by gcloud, listed, described, deployed again with another environment, and deleted."""
    place = "--region=europe-west1"
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "main.py").write_text(COLOUR)
    (tmp_path / "source" / "requirements.txt").write_text("functions-framework>=3\n")
    how = f"--gen2 {place} --runtime=python313 --entry-point=hello --trigger-http --source={tmp_path / 'source'}"
    made = gcloud(f"functions deploy greeter {how} --allow-unauthenticated --set-env-vars=COLOUR=green")
    assert made["state"] == "ACTIVE"
    assert httpx.get(made["url"], timeout=30, trust_env=False).text == "green"
    gcloud(f"functions deploy greeter {how} --update-env-vars=COLOUR=blue")

    seen = gcloud(f"functions describe greeter --gen2 {place}")
    assert httpx.get(seen["url"], timeout=30, trust_env=False).text == "blue"
    assert names(gcloud("functions list --v2")) == ["greeter"]
    assert [each["state"] for each in gcloud("services list --enabled")][:1] == ["ENABLED"]
    gcloud(f"functions delete greeter --gen2 {place}", as_json=False)
    assert gcloud("functions list --v2") == []


def test_models(gcloud):
    """A version is uploaded to its model, an alias moves, a version goes."""
    region = "--region=europe-west4"
    image = "--container-image-uri=us-docker.pkg.dev/vertex-ai/prediction/sklearn-cpu.1-5:latest"
    gcloud(f"ai models upload {region} --model-id=churn --display-name=Churn {image}", as_json=False)
    second = f"--parent-model=projects/local/locations/europe-west4/models/churn --version-aliases=champion {image}"
    gcloud(f"ai models upload {region} --display-name=Churn {second}", as_json=False)

    assert names(gcloud(f"ai models list {region}")) == ["churn"]
    assert gcloud(f"ai models describe churn@champion {region}")["versionId"] == "2"
    assert [each["versionId"] for each in gcloud(f"ai models list-version churn {region}")] == ["2", "1"]
    gcloud(f"ai models delete-version churn@2 {region}", as_json=False)
    assert gcloud(f"ai models describe churn {region}")["versionAliases"] == ["default"]
    gcloud(f"ai models delete churn {region}", as_json=False)
    assert gcloud(f"ai models list {region}") == []


def test_custom_jobs(gcloud, emulator):
    """A job is created, listed, described and cancelled."""
    emulator.control("PUT", "settings", {"vertex_queue_s": 600})
    region = "--region=europe-west4"
    spec = "--worker-pool-spec=machine-type=n1-standard-4,replica-count=1,container-image-uri=gcr.io/local/trainer"
    job = gcloud(f"ai custom-jobs create {region} --display-name=train {spec} --labels=team=a")["name"]

    assert [each["displayName"] for each in gcloud(f"ai custom-jobs list {region} --filter=labels.team=a")] == ["train"]
    gcloud(f"ai custom-jobs cancel {job.rpartition('/')[2]} {region}", as_json=False)
    found = gcloud(f"ai custom-jobs describe {job.rpartition('/')[2]} {region}")
    assert (found["state"], found["error"]["message"]) == ("JOB_STATE_CANCELLED", "CANCELED")
