"""What Google refuses before it builds anything."""

import pytest
from google.api_core import exceptions
from google.cloud import functions_v2

from tests.emulator.clients import WIRES, client
from tests.emulator_functions.conftest import NAME, PLACE

PUBSUB = "google.cloud.pubsub.topic.v1.messagePublished"
STORAGE = "google.cloud.storage.object.v1.finalized"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"build_config": {"runtime": "python27"}}, "python27", id="runtime"),
        pytest.param({"build_config": {"runtime": ""}}, "Runtime", id="no-runtime"),
        pytest.param({"build_config": {"entry_point": "not a name"}}, "entry_point", id="entry-point"),
        pytest.param({"service_config": {"timeout_seconds": 3601}}, "timeout_seconds", id="timeout"),
        pytest.param({"service_config": {"available_memory": "64M"}}, "available_memory", id="memory-small"),
        pytest.param({"service_config": {"available_memory": "33Gi"}}, "available_memory", id="memory-large"),
        pytest.param({"service_config": {"available_memory": "lots"}}, "available_memory", id="memory-no-quantity"),
        pytest.param({"service_config": {"max_instance_request_concurrency": 2}}, "concurrency", id="concurrency"),
        pytest.param(
            {"service_config": {"min_instance_count": 3, "max_instance_count": 2}}, "min_instance_count", id="instances"
        ),
        pytest.param({"service_config": {"max_instance_count": -1}}, "max_instance_count", id="instances-negative"),
        pytest.param({"service_config": {"environment_variables": {"K_SERVICE": "x"}}}, "K_SERVICE", id="reserved"),
        pytest.param({"service_config": {"environment_variables": {"1=2": "x"}}}, "1=2", id="variable"),
        pytest.param({"labels": {"Team": "ml"}}, "Team", id="label"),
        pytest.param({"event_trigger": {"event_type": ""}}, "event_type", id="event-type"),
        pytest.param(
            {"event_trigger": {"event_type": STORAGE, "pubsub_topic": "projects/local/topics/t"}}, "pubsub_topic",
            id="topic-of-another-event",
        ),
        pytest.param(
            {"event_trigger": {"event_type": PUBSUB, "pubsub_topic": "projects/other/topics/t"}}, "pubsub_topic",
            id="topic-of-another-project",
        ),
        pytest.param({"event_trigger": {"event_type": STORAGE}}, "bucket", id="no-bucket"),
        pytest.param(
            {"event_trigger": {"event_type": PUBSUB}, "service_config": {"timeout_seconds": 541}}, "timeout_seconds",
            id="timeout-of-events",
        ),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_by_name(cloud, change, says):
    """400 that names the field, and nothing is made."""
    function = functions_v2.Function.pb(cloud.wanted())
    function.MergeFrom(functions_v2.Function.pb(functions_v2.Function(change)))
    for field, value in change.get("build_config", {}).items():
        setattr(function.build_config, field, value)
    with pytest.raises(exceptions.InvalidArgument, match=says):
        cloud.functions.create_function(request={"parent": PLACE, "function_id": "greeter", "function": function})

    assert list(cloud.functions.list_functions(parent=PLACE)) == []


@pytest.mark.parametrize("function_id", ["", "abc", "1234", "-bad", "bad-", "with space", "x" * 64])
def test_a_bad_name_is_refused(cloud, function_id):
    """4 to 63 letters, digits, hyphens, underscores."""
    with pytest.raises(exceptions.InvalidArgument):
        cloud.create(function_id=function_id)


def test_an_account_that_is_not_there_is_refused(cloud):
    """403, as for everything that acts as an account."""
    with pytest.raises(exceptions.PermissionDenied, match="nobody@local"):
        cloud.create(service_account_email="nobody@local.iam.gserviceaccount.com")


def test_a_source_that_is_not_there_is_refused(cloud):
    """The object has to be there when the function is made."""
    function = cloud.wanted()
    function.build_config.source.storage_source.object_ = "nothing.zip"
    with pytest.raises(exceptions.InvalidArgument, match=r"gs://local-sources/nothing\.zip"):
        cloud.functions.create_function(request={"parent": PLACE, "function_id": "greeter", "function": function})


@pytest.mark.parametrize("wire", WIRES)
def test_a_function_that_is_not_there(emulator, cloud, wire):
    """404 in Google's words, over both wires."""
    functions = client(emulator, functions_v2.FunctionServiceClient, wire)
    with pytest.raises(exceptions.NotFound, match=f"Resource '{NAME}' was not found"):
        functions.get_function(name=NAME)


def test_runtimes_are_listed(cloud):
    """The Pythons that functions can be built for."""
    found = cloud.functions.list_runtimes(request={"parent": PLACE}).runtimes

    assert {each.name for each in found} == {"python311", "python312", "python313", "python314"}
