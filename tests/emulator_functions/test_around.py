"""What gcloud asks other APIs before it deploys a function, through Google's own client where there is one."""

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import service_usage_v1

from tests.emulator.clients import both_wires, client

PROJECT = "projects/local"


@both_wires
def test_emulated_apis_are_enabled(emulator, wire):
    """Every one, always; enabling one again is done at once."""
    usage = client(emulator, service_usage_v1.ServiceUsageClient, wire)
    found = list(usage.list_services(request={"parent": PROJECT, "filter": "state:ENABLED", "page_size": 3}))
    hosts = [each.config.name for each in found]

    assert {"run.googleapis.com", "cloudfunctions.googleapis.com", "pubsub.googleapis.com"} <= set(hosts)
    assert len(hosts) == len(set(hosts)) > 3
    name = f"{PROJECT}/services/run.googleapis.com"
    assert usage.get_service(request={"name": name}).state == service_usage_v1.State.ENABLED
    enabled = usage.enable_service(request={"name": name}).result(timeout=30)
    assert enabled.service.state == service_usage_v1.State.ENABLED


def test_what_is_not_emulated_is_not_enabled(emulator):
    """404, as for a service that there is none of."""
    usage = client(emulator, service_usage_v1.ServiceUsageClient)
    with pytest.raises(exceptions.NotFound):
        usage.get_service(request={"name": f"{PROJECT}/services/translate.googleapis.com"})


def test_a_project_tells_its_number_in_version_1(emulator):
    """By id and by number; a number that nobody has mentioned is no project."""
    found = httpx.get(f"{emulator.http}/v1/projects/local", trust_env=False).json()
    assert (found["projectId"], found["lifecycleState"]) == ("local", "ACTIVE")
    number = found["projectNumber"]
    assert httpx.get(f"{emulator.http}/v1/projects/{number}", trust_env=False).json() == found
    assert httpx.get(f"{emulator.http}/v1/projects/123", trust_env=False).status_code == 403


def test_the_build_account_is_the_default_one(emulator):
    """As of projects made since 2024."""
    place = f"{PROJECT}/locations/europe-west1"
    found = httpx.get(f"{emulator.http}/v1/{place}/defaultServiceAccount", trust_env=False).json()

    assert found["serviceAccountEmail"].endswith("-compute@developer.gserviceaccount.com")
