"""Services as people write them: made by Google's client, taken over, edited, and made again from the YAML alone."""

import json
import re
from pathlib import Path

import pytest
import yaml
from google.cloud.run_v2.types import service as types

from reconciler.engine.importing import import_service
from tests.conformance.test_described import flat, leaves
from tests.operating import HELLO, REGION

MANIFESTS = sorted((Path(__file__).parents[1] / "emulator_run" / "manifests").glob("*.json"))
PARENT = f"projects/local/locations/{REGION}"
_SQL = "the emulator has no Cloud SQL"
LACKS = {
    "14-forecast-sql": _SQL,
    "26-tracker": _SQL,
}
"""What cannot run here; that its YAML makes it again is tested without a server."""
SOME = ("02-", "07-", "13-", "17-", "22-", "27-", "29-", "30-")


@pytest.fixture
def furnished(operator):
    """Accounts, secrets and buckets that the manifests name."""
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    accounts.create_service_account(request={"name": "projects/local", "account_id": "model-runner"})
    secrets = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    text = "".join(path.read_text() for path in MANIFESTS)
    readers = [f"serviceAccount:{each}" for each in ("model-runner@local.iam.gserviceaccount.com", default(operator))]
    for name in sorted(set(re.findall(r'"secret": "([^"]+)"', text))):
        request = {"parent": "projects/local", "secret_id": name, "secret": {"replication": {"automatic": {}}}}
        made = secrets.create_secret(request=request).name
        for _ in range(3):
            secrets.add_secret_version(request={"parent": made, "payload": {"data": b"x"}})
        binding = {"role": "roles/secretmanager.secretAccessor", "members": readers}
        secrets.set_iam_policy(request={"resource": made, "policy": {"bindings": [binding]}})
    for name in sorted(set(re.findall(r'"bucket": "([^"]+)"', text))):
        bucket = operator.connection.storage.create_bucket(name)
        policy = bucket.get_iam_policy(requested_policy_version=3)
        policy.bindings.append({"role": "roles/storage.objectUser", "members": {*readers}})
        bucket.set_iam_policy(policy)
    return operator


def default(operator):
    """The account that services run as by default."""
    projects = operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    number = projects.get_project(request={"name": "projects/local"}).name.rpartition("/")[2]
    return f"{number}-compute@developer.gserviceaccount.com"


def body(path):
    """A manifest with an image that starts, whatever it is started with, and listens where it is asked."""
    said = json.loads(path.read_text().replace("PROJECT", "local").replace("REGION", REGION))["service"]
    for each in said["template"]["containers"]:
        each["image"] = HELLO
        each.pop("command", None)  # of a program that is not in that image
        if "initialDelaySeconds" in each.get("startupProbe", {}):
            each["startupProbe"]["initialDelaySeconds"] = 1  # the emulator waits for as long as it says
        each.get("startupProbe", {}).pop("grpc", None) and each["startupProbe"].update(tcpSocket={})
        for name in ("livenessProbe", "readinessProbe"):
            each.pop(name, None) if "grpc" in each.get(name, {}) else None
    return said


def beside(said):
    """Let containers that take no requests listen where their probes ask, as their own images would."""
    for each in said["template"]["containers"]:
        ports = [
            way["port"]
            for name in ("startupProbe", "livenessProbe")
            for way in each.get(name, {}).values()
            if isinstance(way, dict) and "port" in way
        ]
        if not each.get("ports") and len(said["template"]["containers"]) > 1 and ports:
            names = {variable["name"] for variable in each.get("env", ())}
            each.setdefault("env", []).extend([] if "PORT" in names else [{"name": "PORT", "value": str(ports[0])}])
    return said


def live(operator, name):
    """A service as it is there."""
    return operator.api("google.cloud.run_v2", "services", "Services").get_service(
        request={"name": f"{PARENT}/services/{name}"}
    )


def shape(message):
    """What a service is, by path, without names of revisions and moments."""
    found = flat(types.Service.pb(message))
    return {path: value for path, value in leaves(found) if not re.match(PASSING, path)}


PASSING = (
    r"\.(uri|urls|trafficStatuses|latest|generation|observedGeneration|conditions|terminalCondition|creator|updateTime|"
    r"lastModifier|reconciling|satisfiesPzs|deleteTime|expireTime|template\.annotations\.mlservice)"
)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_services_of_people_are_said_whole(furnished, request):
    """The plan of what was taken over is empty; an edit keeps the rest; the YAML alone makes the same service.

    Some of the manifests; `--long` takes them all.
    """
    operator, services = furnished, {}
    api = operator.api("google.cloud.run_v2", "services", "Services")
    chosen = [path for path in MANIFESTS if path.stem not in LACKS]
    if not request.config.getoption("--long"):
        chosen = [path for path in chosen if path.stem.startswith(SOME)]
    for path in chosen:
        name = re.sub(r"^\d+-", "", path.stem)
        made = types.Service.from_json(json.dumps(beside(body(path))))
        services[name] = api.create_service(request={"parent": PARENT, "service_id": name, "service": made})
    for operation in services.values():
        operation.result()
    texts = {name: import_service(operator.session(), name, REGION)[0] for name in services}
    specs = {name: yaml.safe_load(text) for name, text in texts.items()}
    before = {name: shape(live(operator, name)) for name in services}

    assert not operator.apply(*specs.values()).failed
    assert operator.differences(*specs.values()) == []
    edited = {name: {**said, "spec": {**said["spec"], "env": {**said["spec"].get("env", {}), "MORE": "1"}}}
              for name, said in specs.items()}  # fmt: skip
    assert not operator.apply(*edited.values()).failed
    for name in services:
        after = shape(live(operator, name))
        assert {path for path in after.keys() | before[name].keys() if after.get(path) != before[name].get(path)} <= {
            path for path in after.keys() | before[name].keys() if ".env." in path
        }, name
    again = {}
    for name, said in specs.items():
        management = {"management": {"deletion": "Delete"}}
        again[name] = {
            **said,
            "metadata": {**said["metadata"], "name": f"{name}-2"},
            "spec": {**said["spec"], **management},
        }
    report = operator.apply(*again.values())
    assert not report.failed, [str(each.error) for each in report.failed]
    for name in services:
        assert shape(live(operator, f"{name}-2")) == before[name], name
