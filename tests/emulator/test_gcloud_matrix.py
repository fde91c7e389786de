"""What becomes of a command of gcloud, over every API that is emulated: it works, or says in words what is not there.

Each line begins with what is expected: `+` it works, `-` it is not emulated, and its name is said, `!` it is refused as
Google does, in words. None crashes, and none speaks of the network. `pytest --long -s` prints the whole table.
"""

import os
import shlex
import shutil

import pytest

from tests.emulator.test_gcloud import forked, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed"),
]
MISLEADING = ("gcloud crashed", "network connectivity", "was not found on this server", "Traceback", "internal error")
SORTS = {"+": "works", "-": "not emulated", "!": "refused"}
COMMANDS = {
    "run": """
+ run deploy s --image={hello} {there} --no-allow-unauthenticated --labels=team=a --set-env-vars=A=1
+ run services describe s {there}
- run routes list {there}
! run services describe none {there}
- run deploy t --image={hello} {there} --no-allow-unauthenticated --base-image=python312
+ run services delete s {there}
""",
    "run-changes": """
+ run deploy s --image={hello} {there} --allow-unauthenticated --min-instances=1 --no-cpu-throttling --cpu-boost
+ run services update s {there} --memory=1Gi --concurrency=5 --timeout=60 --tag=next --no-traffic
+ run services update-traffic s {there} --to-tags=next=10
+ run services update-traffic s {there} --to-latest
+ run services update s {there} --ingress=internal --session-affinity --execution-environment=gen2
+ run services add-iam-policy-binding s {there} {member} --role=roles/run.invoker
+ run services remove-iam-policy-binding s {there} {member} --role=roles/run.invoker
+ run services get-iam-policy s {there}
+ run services replace {service} {there} --dry-run
+ run services replace {service} {there}
+ run services list
+ run revisions list --service=s {there}
+ run services logs read s {there}
! run services update s {there} --update-secrets=K=none:latest
! run deploy t --image=europe-west4-docker.pkg.dev/local/none/none:v1 {there} --no-allow-unauthenticated
- run configurations list {there}
- beta run domain-mappings list {there}
- beta run worker-pools list {there}
+ run regions list
! run services delete none {there}
""",
    "run-jobs": """
+ run jobs create j --image={job} {there} --tasks=2 --max-retries=0
+ run jobs update j {there} --parallelism=1 --set-env-vars=A=1
+ run jobs execute j {there} --wait
+ run jobs execute j {there} --async --args=x --tasks=1
+ run jobs executions list --job=j {there}
+ run jobs describe j {there}
+ run jobs add-iam-policy-binding j {there} {member} --role=roles/run.invoker
+ run jobs get-iam-policy j {there}
+ run jobs delete j {there}
! run jobs describe j {there}
""",
    "artifacts": """
+ artifacts repositories create images {at} --repository-format=docker
+ artifacts repositories list --location=all
+ artifacts repositories describe images {at}
+ artifacts repositories set-cleanup-policies images {at} --policy={cleanup}
+ artifacts repositories add-iam-policy-binding images {at} {member} --role=roles/artifactregistry.reader
+ artifacts docker images list europe-west4-docker.pkg.dev/local/images
+ artifacts docker images describe {hello}
+ artifacts docker tags list us-docker.pkg.dev/cloudrun/container
+ artifacts versions list --package=hello --repository=container --location=us --project=cloudrun
+ artifacts vulnerabilities list {hello}
+ artifacts locations list
- artifacts files list --repository=images {at}
+ artifacts repositories delete images {at}
! artifacts repositories describe images {at}
""",
    "projects": """
+ projects describe local
- projects list
+ projects get-iam-policy local
+ services list --enabled
+ services enable run.googleapis.com
+ services disable cloudquotas.googleapis.com
+ iam service-accounts create runner-1
+ iam service-accounts list
+ iam service-accounts keys list --iam-account=runner-1@local.iam.gserviceaccount.com
- iam roles create mine --project=local --permissions=run.services.get
+ iam roles list --project=local
+ iam workload-identity-pools list --location=global
+ iam service-accounts delete runner-1@local.iam.gserviceaccount.com
+ billing projects describe local
- billing accounts list
+ org-policies list --project=local
""",
    "data": """
+ storage buckets create gs://matrix {at}
+ storage cp {cleanup} gs://matrix/a.json
+ storage ls gs://matrix
+ storage buckets describe gs://matrix
+ storage objects describe gs://matrix/a.json
! storage buckets describe gs://no-such-bucket
+ storage rm --recursive gs://matrix
+ secrets create key --data-file={cleanup}
+ secrets versions access latest --secret=key
+ secrets describe key
+ secrets delete key
! secrets describe key
""",
    "events": """
! pubsub topics create t
+ pubsub topics create scores
+ pubsub subscriptions create scorer --topic=scores
+ pubsub topics publish scores --message=hello
+ pubsub subscriptions pull scorer --auto-ack
+ pubsub subscriptions delete scorer
+ pubsub schemas list
+ pubsub snapshots list
! pubsub topics describe none
+ scheduler jobs create http tick {at} --schedule='0 * * * *' --uri=https://example.com
+ scheduler jobs pause tick {at}
+ scheduler jobs list {at}
+ scheduler jobs delete tick {at}
+ scheduler locations list
- functions list
! functions describe none --gen2 {there}
- builds list
""",
    "watching": """
+ logging write mine hello
+ logging read hello --limit=1
+ logging sinks list
- logging metrics list
- logging buckets list
+ monitoring dashboards list
+ beta monitoring channels list
+ alpha monitoring policies list
+ ai models list {there}
+ ai custom-jobs list {there}
- ai endpoints list {there}
- ai model-monitoring-jobs list {there}
- beta quotas info list --service=run.googleapis.com --project=local
+ beta monitoring uptime list-configs
+ container binauthz policy export
+ container binauthz attestors list
""",
}
SHORT = ("run",)
FILES = {
    "service": """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: s, annotations: {example.com/mine: kept}}
spec:
  template:
    spec:
      containers:
      - image: us-docker.pkg.dev/cloudrun/container/hello
""",
    "cleanup": '[{"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "30d"}}]',
}


def commands(topic):
    return [(line[0], line[2:]) for line in COMMANDS[topic].strip().splitlines()]


def test_there_are_enough_of_them():
    """Eighty at least, and of every sort."""
    lines = [line for topic in COMMANDS for line in commands(topic)]

    assert len(lines) >= 80
    assert {sort for sort, _ in lines} == set(SORTS)


def outcome(code, err):
    """Which sort it was; none for what nobody can make sense of."""
    if any(text in err for text in MISLEADING):
        return "misleading"
    if code == 0:
        return "works"
    return "not emulated" if "is not emulated" in err else "refused"


@pytest.mark.parametrize(
    "topic", [pytest.param(topic, marks=[] if topic in SHORT else pytest.mark.long) for topic in COMMANDS]
)
def test_a_command_works_or_says_what_is_not_there(emulator, tmp_path, topic):
    """In this order, on one emulator; what is not served is said by its name, at once."""
    for name, text in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    words = {name: tmp_path / f"{name}.yaml" for name in FILES}
    words |= {"hello": "us-docker.pkg.dev/cloudrun/container/hello", "job": "us-docker.pkg.dev/cloudrun/container/job"}
    words |= {"there": "--region=europe-west4", "at": "--location=europe-west4"}
    words |= {"member": "--member=user:a@example.com"}
    settings = {"CLOUDSDK_CONFIG": str(tmp_path / "config"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    env = {**os.environ, **emulator.env, **settings}
    table, wrong = [], []
    for sort, line in commands(topic):
        asked = shlex.split(line.format(**words))
        code, _, err = forked(asked, env, tmp_path) or started(asked, env)
        table.append(f"{outcome(code, err):12} gcloud {line}")
        if outcome(code, err) != SORTS[sort]:
            wrong.append(f"{table[-1]}\n    wanted: {SORTS[sort]}; {err.strip()[-400:]}")
    print("\n".join(table))  # noqa: T201 - the table is what this is for

    assert wrong == []
