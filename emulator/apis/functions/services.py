"""The Cloud Run service that a function is.

Source: kinds.md section 3.1, "Made by Functions v2"; recording run_service/v2-get-quoted.
"""

from typing import Any

from google.cloud.run_v2.types import service as run_service
from google.cloud.run_v2.types.vendor_settings import IngressTraffic

from emulator.apis.functions import builds
from emulator.apis.functions.defaults import binary
from emulator.apis.functions.model import Ingress, agent, invalid, project_of, region_of, service_of, short
from emulator.apis.run.deployment import reconcile, remove
from emulator.apis.run.messages import LATEST, Service
from emulator.apis.run.stored import SERVICES
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.dispatch import perform

RUN = "google.cloud.run.v2.Services/"
OWNER = "cloudfunctions.googleapis.com/function-id"
TRIGGER = "cloudfunctions.googleapis.com/trigger-type"
CLOUD_EVENT = "CLOUD_EVENT_TRIGGER"
INGRESS = {
    Ingress.ALLOW_ALL: IngressTraffic.INGRESS_TRAFFIC_ALL,
    Ingress.ALLOW_INTERNAL_ONLY: IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY,
    Ingress.ALLOW_INTERNAL_AND_GCLB: IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER,
}
UNHEALTHY = "Could not create or update Cloud Run service {service}, Container Healthcheck failed. {message}"
"""firebase/firebase-tools issue 6465; its code is 3 in hashicorp/terraform-provider-google issue 18638."""
FAILED = "Could not create or update Cloud Run service {service}. {message}"
IN_THE_WAY = (
    "Could not create Cloud Run service {service}. A Cloud Run service with this name already exists. "
    "Please redeploy the function with a different name."
)


def check_free(world: World, name: str) -> None:
    """Refuse a function whose service would be somebody else's.

    Raises:
        ApiFailure: ALREADY_EXISTS.
    """
    if SERVICES.find(world, service_of(name)) is not None:
        raise ApiFailure("ALREADY_EXISTS", IN_THE_WAY.format(service=short(service_of(name))))


def deploy(world: World, function: Any, build: builds.Build) -> Any:
    """Make the service what the function says, and wait until it serves; answers the service.

    Raises:
        ApiFailure: It does not start, or Cloud Run refuses it: what served before still does.
    """
    wanted = described(function, build)
    name, caller = short(wanted.name), agent(world, project_of(function.name))
    request = run_service.UpdateServiceRequest.pb()(service=wanted, allow_missing=True)
    try:
        perform(world, Call(f"{RUN}UpdateService", mutating=True, caller=caller), request)
        return reconcile(world, wanted.name)
    except ApiFailure as failure:
        text = UNHEALTHY if failure.code == "FAILED_PRECONDITION" else FAILED
        raise invalid(text.format(service=name, message=failure.message)) from failure


def described(function: Any, build: builds.Build) -> Any:
    """The service as Cloud Functions writes it."""
    config = function.service_config
    event = function.HasField("event_trigger")
    service = Service(name=service_of(function.name), description=function.description)
    service.ingress = INGRESS[config.ingress_settings]
    service.traffic.add(type_=LATEST, percent=100)
    service.labels.update({**function.labels, **owner_labels(function)})
    service.annotations[OWNER] = short(function.name)
    service.custom_audiences.append(address_of(function))
    template = service.template
    template.labels.update(function.labels)
    template.annotations[TRIGGER] = CLOUD_EVENT if event else "HTTP_TRIGGER"
    template.service_account = config.service_account_email
    template.timeout.seconds = config.timeout_seconds
    template.max_instance_request_concurrency = config.max_instance_request_concurrency
    template.scaling.min_instance_count = config.min_instance_count
    template.scaling.max_instance_count = config.max_instance_count
    fill_container(template.containers.add(name="worker", image=build.image), function, build)
    fill_build(service.build_config, function, build)
    return service


def owner_labels(function: Any) -> dict[str, str]:
    """The labels by which Google's own products know a function's service."""
    return {
        "goog-managed-by": "cloudfunctions",
        "goog-drz-cloudfunctions-id": short(function.name).lower(),
        "goog-drz-cloudfunctions-location": region_of(function.name),
        "goog-cloudfunctions-runtime": function.build_config.runtime,
    }


def address_of(function: Any) -> str:
    """The function's address at Google's other domain, for which tokens are good too."""
    place = f"{region_of(function.name)}-{project_of(function.name)}"
    return f"https://{place}.cloudfunctions.net/{short(function.name)}"


def fill_container(container: Any, function: Any, build: builds.Build) -> None:
    """Size, port and environment."""
    config = function.service_config
    container.resources.limits.update({"cpu": config.available_cpu, "memory": binary(config.available_memory)})
    container.resources.cpu_idle = container.resources.startup_cpu_boost = True
    for name, value in sorted({**config.environment_variables, **own_variables(function, build)}.items()):
        container.env.add(name=name, value=value)
    for secret in config.secret_environment_variables:
        reference = container.env.add(name=secret.key).value_source.secret_key_ref
        reference.secret = (
            f"projects/{secret.project_id}/secrets/{secret.secret}" if secret.project_id else secret.secret
        )
        reference.version = secret.version or "latest"


def own_variables(function: Any, build: builds.Build) -> dict[str, str]:
    """What functions-framework is told."""
    return {
        "FUNCTION_TARGET": function.build_config.entry_point,
        "FUNCTION_SIGNATURE_TYPE": "cloudevent" if function.HasField("event_trigger") else "http",
        "FUNCTION_SOURCE": build.main,
    }


def fill_build(shown: Any, function: Any, build: builds.Build) -> None:
    """What the service says of its build."""
    named = function.build_config.source.storage_source
    shown.name = build.name
    shown.image_uri = build.image
    shown.function_target = function.build_config.entry_point
    shown.source_location = f"gs://{named.bucket}/{named.object_}#{named.generation}"
    shown.environment_variables.update(function.build_config.environment_variables)
    shown.enable_automatic_updates = True


def delete(world: World, name: str) -> None:
    """Take a function's service away; one that is gone is gone."""
    service, caller = service_of(name), agent(world, project_of(name))
    request = run_service.DeleteServiceRequest.pb()(name=service)
    try:
        perform(world, Call(f"{RUN}DeleteService", mutating=True, caller=caller), request)
    except ApiFailure as failure:
        if failure.code != "NOT_FOUND":
            raise
    remove(world, service)
