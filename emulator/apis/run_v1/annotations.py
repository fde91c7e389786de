"""Annotations of version 1 that version 2 has as fields: one table for both directions.

Source:
    cloud.google.com/run/docs/reference/rest/v1/namespaces.services (ObjectMeta, RevisionTemplate); what gcloud 528
    writes for each of its flags.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from emulator.core.failures import ApiFailure

Json = dict[str, Any]
RUN, SCALE = "run.googleapis.com/", "autoscaling.knative.dev/"
HOUR_S = 3600
GOOGLE = (RUN, SCALE, "serving.knative.dev/", "cloud.googleapis.com/")
"""Whose annotations are Cloud Run's own: version 2 keeps none of them as annotations."""
TOLD = {
    f"{RUN}{name}"
    for name in (
        "ingress-status",
        "operation-id",
        "creator",
        "lastModifier",
        "urls",
        "client-name",
        "client-version",
        "launch-stage",
    )
} | {"serving.knative.dev/creator", "serving.knative.dev/lastModifier"}
"""Output of Cloud Run, sent back by clients that read, change and write; who writes, which is read apart; and which
previews a caller allows: what is shown says which of them are in use (recording run_job/gcloud-crud), here none."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation.

    Attributes:
        name: With its group.
        path: Of the field in version 2, with dots.
        show: Its text, of the field's JSON; None: it is not shown.
        read: The field's JSON, of its text.
    """

    name: str
    path: str
    show: Callable[[Any], str | None] = str
    read: Callable[[str], Any] = str


def truth(name: str, path: str) -> Annotation:
    """One that is `true` or `false`."""
    return Annotation(name, path, lambda found: "true" if found else None, lambda text: text.lower() == "true")


def number(name: str, path: str) -> Annotation:
    """A whole number."""
    return Annotation(name, path, str, int)


def choice(name: str, path: str, words: Mapping[str, str]) -> Annotation:
    """One of a few words; the field's names by them. A field of another name is not shown."""
    by_name = {value: word for word, value in words.items()}

    def read(text: str) -> str:
        if text not in words:
            raise ApiFailure("INVALID_ARGUMENT", f"metadata.annotations[{name}]: '{text}' is not one of {[*words]}")
        return words[text]

    return Annotation(name, path, by_name.get, read)


def listed(name: str, path: str) -> Annotation:
    """A list, written as JSON."""
    return Annotation(name, path, lambda found: json.dumps(found) if found else None, json.loads)


def policy_of(text: str) -> Json:
    """A policy of Binary Authorization: the project's own is called `default`."""
    return {"useDefault": True} if text == "default" else {"policy": text}


OWNED = (
    Annotation(
        f"{RUN}binary-authorization",
        "binaryAuthorization",
        lambda found: "default" if found.get("useDefault") else found.get("policy"),
        policy_of,
    ),
    Annotation(f"{RUN}binary-authorization-breakglass", "binaryAuthorization.breakglassJustification"),
)
"""Of services and jobs."""

SERVICE = (
    *OWNED,
    Annotation(f"{RUN}description", "description"),
    choice(
        f"{RUN}ingress",
        "ingress",
        {
            "all": "INGRESS_TRAFFIC_ALL",
            "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
            "internal-and-cloud-load-balancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
            "none": "INGRESS_TRAFFIC_NONE",
        },
    ),
    number(f"{RUN}minScale", "scaling.minInstanceCount"),
    number(f"{RUN}maxScale", "scaling.maxInstanceCount"),
    number(f"{RUN}manualInstanceCount", "scaling.manualInstanceCount"),
    choice(f"{RUN}scalingMode", "scaling.scalingMode", {"automatic": "AUTOMATIC", "manual": "MANUAL"}),
    truth(f"{RUN}invoker-iam-disabled", "invokerIamDisabled"),
    truth(f"{RUN}default-url-disabled", "defaultUriDisabled"),
    truth(f"{RUN}iap-enabled", "iapEnabled"),
    listed(f"{RUN}custom-audiences", "customAudiences"),
)
TEMPLATE = (
    choice(
        f"{RUN}execution-environment",
        "executionEnvironment",
        {"gen1": "EXECUTION_ENVIRONMENT_GEN1", "gen2": "EXECUTION_ENVIRONMENT_GEN2"},
    ),
    Annotation(f"{RUN}vpc-access-connector", "vpcAccess.connector"),
    choice(
        f"{RUN}vpc-access-egress",
        "vpcAccess.egress",
        {"all": "ALL_TRAFFIC", "all-traffic": "ALL_TRAFFIC", "private-ranges-only": "PRIVATE_RANGES_ONLY"},
    ),
    listed(f"{RUN}network-interfaces", "vpcAccess.networkInterfaces"),
    Annotation(f"{RUN}encryption-key", "encryptionKey"),
    truth(f"{RUN}gpu-zonal-redundancy-disabled", "gpuZonalRedundancyDisabled"),
)
"""Of what runs: revisions and tasks."""
REVISION = (
    *TEMPLATE,
    number(f"{SCALE}maxScale", "scaling.maxInstanceCount"),
    number(f"{SCALE}minScale", "scaling.minInstanceCount"),
    truth(f"{RUN}sessionAffinity", "sessionAffinity"),
    truth(f"{RUN}health-check-disabled", "healthCheckDisabled"),
    Annotation(f"{RUN}mesh", "serviceMesh.mesh"),
    choice(
        f"{RUN}post-key-revocation-action-type",
        "encryptionKeyRevocationAction",
        {"prevent-new": "PREVENT_NEW", "shut-down": "SHUTDOWN"},
    ),
    Annotation(
        f"{RUN}encryption-key-shutdown-hours",
        "encryptionKeyShutdownDuration",
        lambda found: str(int(found.removesuffix("s")) // HOUR_S),
        lambda text: f"{int(text) * HOUR_S}s",
    ),
)
"""Of the template of a service and of its revisions."""


def shown(table: tuple[Annotation, ...], found: Json) -> dict[str, str]:
    """The annotations that fields of version 2 are shown as."""
    texts = {each.name: each.show(value) for each in table if (value := at(found, each.path)) is not None}
    return {name: text for name, text in texts.items() if text}


def taken(table: tuple[Annotation, ...], sent: dict[str, str]) -> Json:
    """Fields of version 2, of annotations, which are taken out of `sent`."""
    found: Json = {}
    for each in table:
        if text := sent.pop(each.name, ""):
            put(found, each.path, each.read(text))
    return found


def rest(sent: Mapping[str, str], where: str) -> dict[str, str]:
    """What is left of annotations or labels: the user's own.

    Raises:
        ApiFailure: UNIMPLEMENTED: one of them is Cloud Run's, and nobody has taken it.
    """
    for name in sent:
        if name.startswith(GOOGLE) and name not in TOLD:
            raise ApiFailure("UNIMPLEMENTED", f"{where}[{name}] of Cloud Run's version 1 is not emulated.")
    return {name: text for name, text in sent.items() if name not in TOLD}


def at(found: Json, path: str) -> Any:
    """The value at a path, None where there is none."""
    here: Any = found
    for name in path.split("."):
        here = here.get(name) if isinstance(here, dict) else None
    return here


def put(found: Json, path: str, value: Any) -> None:
    """Set the value at a path; objects are merged, and an empty text is nothing."""
    *places, last = path.split(".")
    here = reduce(lambda place, name: place.setdefault(name, {}), places, found)
    if isinstance(value, dict):
        here.setdefault(last, {}).update(value)
    elif value != "":
        here[last] = value
