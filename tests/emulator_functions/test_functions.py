"""Functions become processes: what is uploaded answers, and what does not build or start says why."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import functions_v2, run_v2

from tests.emulator.clients import both_wires, client
from tests.emulator_functions.conftest import HELLO, NAME, PLACE, SERVICE, zipped

STATE = functions_v2.Function.State
ENVIRONMENT = """
import json, os
import functions_framework

@functions_framework.http
def hello(request):
    return json.dumps({name: os.environ.get(name) for name in ("COLOUR", "FUNCTION_TARGET", "K_SERVICE")})
"""
CLOUD_EVENT = """
import functions_framework

@functions_framework.cloud_event
def handle(event):
    print(f"handled {event['id']} {event['type']} {event.data}", flush=True)
"""


def test_a_source_becomes_a_process_that_answers(cloud):
    """What was uploaded is what answers, with its environment, at the address that the function tells."""
    made = cloud.create(ENVIRONMENT, environment_variables={"COLOUR": "green"})

    assert made.state == STATE.ACTIVE
    assert made.url == made.service_config.uri
    assert cloud.call().json() == {"COLOUR": "green", "FUNCTION_TARGET": "hello", "K_SERVICE": "greeter"}


def test_a_function_is_a_cloud_run_service(cloud):
    """Its service is seen through Cloud Run, with Google's marks, the function's size and its account."""
    made = cloud.create(available_memory="512M", timeout_seconds=30, max_instance_count=3, labels={"team": "ml"})

    service = cloud.runs.get_service(name=made.service_config.service)
    container = service.template.containers[0]
    assert service.name == SERVICE
    assert service.annotations["cloudfunctions.googleapis.com/function-id"] == "greeter"
    assert service.labels["goog-managed-by"] == "cloudfunctions"
    assert service.labels["team"] == "ml"
    assert dict(container.resources.limits) == {"cpu": "0.3333", "memory": "512Mi"}
    assert service.template.scaling.max_instance_count == 3
    assert service.template.timeout.total_seconds() == 30
    assert service.template.service_account == made.service_config.service_account_email
    assert "/gcf-artifacts/local__europe--west1__greeter:version_1" in container.image
    assert service.creator.endswith("@gcf-admin-robot.iam.gserviceaccount.com")


@pytest.mark.slow
def test_defaults_are_googles(cloud):
    """What the caller leaves out is filled in as on Google (kinds.md section 8)."""
    made = cloud.create()

    config = made.service_config
    assert (config.timeout_seconds, config.available_memory, config.available_cpu) == (60, "256M", "0.1666")
    assert (config.max_instance_request_concurrency, config.max_instance_count) == (1, 100)
    assert config.environment_variables["LOG_EXECUTION_ID"] == "true"
    assert config.all_traffic_on_latest_revision
    assert made.build_config.source.storage_source.generation > 0
    assert made.build_config.docker_repository.endswith("/repositories/gcf-artifacts")
    assert made.environment == functions_v2.Environment.GEN_2


@both_wires
@pytest.mark.slow
def test_both_wires_carry_a_function_through_its_life(emulator, cloud, wire):
    """Create, get, list, delete over gRPC and REST; after the deletion nothing is left."""
    functions = client(emulator, functions_v2.FunctionServiceClient, wire)
    request = {"parent": PLACE, "function_id": "greeter", "function": cloud.wanted()}
    made = functions.create_function(request=request).result(timeout=60)

    assert [each.name for each in functions.list_functions(parent="projects/local/locations/-")] == [made.name]
    assert functions.get_function(name=NAME).state == STATE.ACTIVE
    functions.delete_function(name=NAME).result(timeout=60)
    assert list(functions.list_functions(parent=PLACE)) == []
    with pytest.raises(exceptions.NotFound):
        cloud.runs.get_service(name=SERVICE)


@pytest.mark.slow
def test_a_new_source_answers_after_an_update(cloud):
    """An update of the source builds again; one of the size alone does not."""
    first = cloud.create()
    second = cloud.replace_source(HELLO.replace('"hello"', '"good day"'))
    assert cloud.call().text == "good day"

    second.service_config.available_memory = "512M"
    third = cloud.update(second, "service_config.available_memory", "service_config.available_cpu")
    assert first.build_config.build != second.build_config.build == third.build_config.build
    assert first.service_config.revision != second.service_config.revision != third.service_config.revision


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param({"other.py": HELLO}, "missing main.py", id="no-main"),
        pytest.param("def hello(:", 'File "main.py", line 1: SyntaxError', id="syntax-error"),
        pytest.param(HELLO.replace("def hello", "def goodbye"), "Container Healthcheck failed", id="no-entry-point"),
        pytest.param("import nowhere_to_be_found", "Container Healthcheck failed", id="import-error"),
        pytest.param(
            {"main.py": HELLO, "requirements.txt": "flask\nno-such-thing==3\n"},
            "No matching distribution found for no-such-thing==3",
            id="requirement-absent",
        ),
        pytest.param(
            {"main.py": HELLO, "requirements.txt": "flask<1"},
            "Could not find a version that satisfies the requirement flask<1",
            id="requirement-of-another-version",
        ),
        pytest.param(
            {"main.py": HELLO, "requirements.txt": "not a requirement"},
            "Invalid requirement",
            id="requirement-malformed",
        ),
        pytest.param(b"no zip at all", "not a zip file", id="no-zip"),
        pytest.param({"main.py": HELLO, "../escape.py": ""}, "outside its folder", id="path-out-of-the-folder"),
    ],
)
def test_what_does_not_deploy_says_why(cloud, files, says):
    """The operation ends in an error, and the function is there, FAILED, with the same words."""
    with pytest.raises(exceptions.GoogleAPICallError, match=r".") as refused:
        cloud.create(files)

    assert says in str(refused.value)
    found = cloud.get()
    assert found.state == STATE.FAILED
    assert says in found.state_messages[0].message
    assert found.state_messages[0].severity == functions_v2.StateMessage.Severity.ERROR


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["def hello(:", "import nowhere_to_be_found"])
def test_the_revision_before_keeps_serving(cloud, broken):
    """A source that does not build or start takes nothing away; the next good one serves."""
    cloud.create()
    with pytest.raises(exceptions.GoogleAPICallError):
        cloud.replace_source(broken)

    assert cloud.get().state == STATE.FAILED
    assert cloud.call().text == "hello"
    cloud.replace_source(HELLO.replace('"hello"', '"mended"'))
    assert cloud.get().state == STATE.ACTIVE
    assert cloud.call().text == "mended"


@pytest.mark.slow
def test_the_source_of_an_active_function_may_go(cloud):
    """A change of the size needs no source: it is built once."""
    made = cloud.create()
    cloud.bucket.blob("source.zip").delete()
    made.service_config.max_instance_count = 2

    assert cloud.update(made, "service_config.max_instance_count").state == STATE.ACTIVE


def test_the_upload_address_takes_a_source(cloud):
    """As gcloud deploys a folder: PUT to the address, then create from what the answer names."""
    place, source = cloud.functions.generate_upload_url(request={"parent": PLACE}), zipped()
    put = httpx.put(place.upload_url, content=source, headers={"content-type": "application/zip"}, trust_env=False)
    assert put.is_success, put.text

    function = cloud.wanted()
    function.build_config.source.storage_source = place.storage_source
    request = {"parent": PLACE, "function_id": "greeter", "function": function}
    assert cloud.functions.create_function(request=request).result(timeout=60).state == STATE.ACTIVE
    address = cloud.functions.generate_download_url(request={"name": NAME}).download_url
    assert httpx.get(address, trust_env=False).content == source


def test_an_upload_address_is_for_one_object_and_half_an_hour(cloud):
    """A changed name or signature is refused, and so is a PUT that comes too late."""
    place = cloud.functions.generate_upload_url(request={"parent": PLACE})
    address = place.upload_url
    assert httpx.put(address.replace("Signature=", "Signature=0"), content=b"x", trust_env=False).status_code == 403
    assert httpx.put(address.replace(".zip", "0.zip"), content=b"x", trust_env=False).status_code == 403
    cloud.emulator.advance(31 * 60)
    assert httpx.put(address, content=b"x", trust_env=False).status_code == 400


@pytest.mark.slow
def test_what_a_function_prints_is_its_services_log(cloud):
    """Logs are those of the service, as for everything that Cloud Run runs; a CloudEvent comes in binary mode."""
    cloud.create(CLOUD_EVENT, "handle")
    headers = {"ce-id": "7", "ce-type": "acme.happened", "ce-source": "//acme", "ce-specversion": "1.0"}
    assert cloud.call(headers=headers, json={"rows": 3}).status_code == 200

    lines = cloud.emulator.control("GET", "logs?service=greeter")
    assert "handled 7 acme.happened {'rows': 3}" in json.dumps(lines)


def test_a_write_during_a_deployment_is_refused(cloud):
    """An operation that goes on is not overtaken."""
    cloud.create()
    cloud.emulator.faults({"method": "*FunctionService/UpdateFunction", "operation": "stuck"})
    function = cloud.get()
    cloud.functions.update_function(request={"function": function, "update_mask": {"paths": ["labels"]}})
    cloud.emulator.faults()

    with pytest.raises(exceptions.Aborted, match="unable to queue the operation"):
        cloud.functions.delete_function(name=NAME)
    assert cloud.get().state == STATE.DEPLOYING


@pytest.mark.slow
def test_a_service_deleted_behind_a_functions_back_is_told_and_made_again(cloud):
    """The function says that its service has gone; deploying it again brings it back."""
    cloud.create()
    cloud.runs.delete_service(name=SERVICE).result(timeout=30)
    found = cloud.get()
    assert found.state == STATE.FAILED
    assert found.state_messages[0].type_ == "CloudRunServiceNotFound"

    assert cloud.update(found, "labels").state == STATE.ACTIVE
    assert cloud.call().text == "hello"


@pytest.mark.slow
def test_a_name_that_is_taken_is_refused(cloud):
    """By a function, by one whose service would be the same, and by a service that is nobody's function."""
    cloud.create()
    for function_id in ("greeter", "Greeter"):
        with pytest.raises(exceptions.AlreadyExists):
            cloud.create(function_id=function_id)
    service = run_v2.Service(template={"containers": [{"image": "us-docker.pkg.dev/cloudrun/container/hello"}]})
    cloud.runs.create_service(parent=PLACE, service=service, service_id="hello").result(timeout=30)
    with pytest.raises(exceptions.AlreadyExists, match="Cloud Run service"):
        cloud.create(function_id="hello")


def test_an_operation_tells_its_stages(cloud):
    """The metadata says what was done, as gcloud shows it while it waits."""
    request = {"parent": PLACE, "function_id": "greeter", "function": cloud.wanted()}
    operation = cloud.functions.create_function(request=request)
    operation.result(timeout=60)

    names = functions_v2.Stage.Name
    assert [stage.name for stage in operation.metadata.stages] == [names.BUILD, names.SERVICE]
    assert {stage.state for stage in operation.metadata.stages} == {functions_v2.Stage.State.COMPLETE}
    assert operation.metadata.target == NAME


def test_internal_ingress_keeps_callers_out(cloud):
    """A function for internal callers is not there for others."""
    cloud.create(ingress_settings="ALLOW_INTERNAL_ONLY")

    assert cloud.call().status_code == 404


def test_a_slow_read_of_the_source_holds_nobody_up(cloud):
    """While one function waits for Cloud Storage, others are read."""
    wanted = cloud.wanted()
    cloud.emulator.faults({"method": "storage.objects.get", "hang": True})
    with ThreadPoolExecutor(1) as pool:
        request = {"parent": PLACE, "function_id": "greeter", "function": wanted}
        creating = pool.submit(cloud.functions.create_function, request=request)
        while not cloud.emulator.control("GET", "faults")[0]["waiting"]:
            assert not creating.done()
        assert list(cloud.functions.list_functions(parent=PLACE)) == []
        cloud.emulator.faults()
        assert creating.result().result(timeout=60).state == STATE.ACTIVE
