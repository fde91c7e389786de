"""The retraining function, applied by whole specs: there, private, mended, and gone with the spec's words."""

import json
from importlib.util import find_spec

import pytest
from google.cloud import functions_v2
from google.iam.v1 import policy_pb2

from reconciler.core.plan import Action
from tests.operating import BUCKET, spec

RETRAINING = {"run": {"cloudRunJob": {"name": "train"}}, "guards": {"cooldown": "6h"}}
PLACE = "projects/local/locations/europe-west1"
NAME, SERVICE = f"{PLACE}/functions/churn-retrain", f"{PLACE}/services/churn-retrain"
STATE = functions_v2.Function.State

pytestmark = [
    pytest.mark.skipif(find_spec("runtime.retraining.function") is None, reason="the function has no entry point yet"),
    pytest.mark.slow,
]


@pytest.fixture(autouse=True)
def trains(operator):
    """The job that the specs name is there."""
    operator.make_job()


def functions(operator):
    return operator.api("google.cloud.functions_v2", "function_service", "FunctionService")


def services(operator):
    return operator.api("google.cloud.run_v2", "services", "Services")


def archives(operator):
    """Objects of the state bucket that are sources."""
    return [blob.name for blob in operator.connection.storage.list_blobs(BUCKET, prefix="functions/")]


def applied(operator, *specs):
    """Apply, and see that it is done."""
    report = operator.apply(*specs)
    assert not report.failed, report
    assert [c for c in operator.plan(*specs).plan.changes if c.action is not Action.NO_OP] == []


def test_a_spec_with_retraining_has_its_function(operator):
    """It serves, knows what it is for, is private and small, and has an account of its own."""
    applied(operator, spec(retraining=RETRAINING))

    live = functions(operator).get_function(request={"name": NAME})
    told = json.loads(live.service_config.environment_variables["MLSERVICE_RETRAINING"])
    assert live.state == STATE.ACTIVE
    assert (told["service"], told["bucket"], told["guards"]["cooldown"]) == ("churn", BUCKET, 21600)
    assert live.service_config.ingress_settings == functions_v2.ServiceConfig.IngressSettings.ALLOW_INTERNAL_ONLY
    assert live.service_config.service_account_email == "churn-retrain@local.iam.gserviceaccount.com"
    assert callers(operator) == ["serviceAccount:churn-trigger@local.iam.gserviceaccount.com"]
    assert len(archives(operator)) == 1


def callers(operator):
    """Everyone who may call the function."""
    policy = services(operator).get_iam_policy(request={"resource": SERVICE})
    return [member for binding in policy.bindings for member in binding.members]


@pytest.mark.parametrize("what", ["function", "service"])
def test_what_is_deleted_behind_our_back_comes_back(operator, what):
    """The function itself, or the Cloud Run service that it is."""
    applied(operator, spec(retraining=RETRAINING))
    if what == "function":
        functions(operator).delete_function(request={"name": NAME}).result(timeout=60)
    else:
        services(operator).delete_service(request={"name": SERVICE}).result(timeout=60)

    applied(operator, spec(retraining=RETRAINING))
    assert functions(operator).get_function(request={"name": NAME}).state == STATE.ACTIVE


def test_a_function_opened_to_everyone_is_closed(operator):
    """Whoever opened it: a training costs money."""
    applied(operator, spec(retraining=RETRAINING))
    binding = policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])
    request = {"resource": SERVICE, "policy": policy_pb2.Policy(bindings=[binding])}
    services(operator).set_iam_policy(request=request)

    applied(operator, spec(retraining=RETRAINING))
    assert callers(operator) == ["serviceAccount:churn-trigger@local.iam.gserviceaccount.com"]


def test_it_goes_with_the_words(operator):
    """Function, service, account and sources."""
    applied(operator, spec(retraining=RETRAINING))
    applied(operator, spec())

    assert list(functions(operator).list_functions(request={"parent": PLACE})) == []
    assert [each.name for each in services(operator).list_services(request={"parent": PLACE})] == [
        f"{PLACE}/services/churn"
    ]
    assert archives(operator) == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"method": "*/CreateFunction", "status": "UNAVAILABLE", "when": "after"}, id="lost-answer"),
        pytest.param({"method": "*/CreateFunction", "operation": "fail"}, id="failed-operation"),
        pytest.param(
            {"method": "storage.objects.insert", "skip": 1, "status": "UNAVAILABLE", "when": "after"}, id="upload"
        ),
        pytest.param({"method": "*Services/UpdateService", "status": "UNAVAILABLE"}, id="no-service"),
    ],
)
def test_what_breaks_on_the_way_is_mended_by_the_next_apply(operator, fault):
    """Wherever it breaks, there is one function in the end, and it serves."""
    operator.emulator.faults(fault)
    operator.apply(spec(retraining=RETRAINING))
    operator.emulator.faults()

    applied(operator, spec(retraining=RETRAINING))
    assert [f.state for f in functions(operator).list_functions(request={"parent": PLACE})] == [STATE.ACTIVE]
    assert len(archives(operator)) == 1


def test_a_later_program_takes_the_place_of_the_one_before(operator):
    """A function of an earlier version of mlservice: the plan shows its digest, and its archive goes."""
    applied(operator, spec(retraining=RETRAINING))
    (ours,) = archives(operator)
    earlier = ours.rpartition("/")[0] + "/0123.zip"
    operator.connection.storage.bucket(BUCKET).blob(earlier).upload_from_string(b"an earlier program")
    labels = {**functions(operator).get_function(request={"name": NAME}).labels, "mlservice-source": "0123"}
    request = {"function": {"name": NAME, "labels": labels}, "update_mask": {"paths": ["labels"]}}
    functions(operator).update_function(request=request).result(timeout=60)
    (change,) = [c for c in operator.plan(spec(retraining=RETRAINING)).plan.changes if c.action is not Action.NO_OP]
    assert [field.path for field in change.changes] == ["digest"]

    applied(operator, spec(retraining=RETRAINING))
    assert archives(operator) == [ours]
