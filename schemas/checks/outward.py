"""The network that is used, what guards a service, and what is said in Cloud Run's own words.

Source:
    run v2 `VpcAccess`, `RevisionTemplate.encryptionKey…`, `BinaryAuthorization`, `Service.annotations`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.checks.finding import Finding, repeated, warning
from schemas.cloud_run import FREE, NEWER, REFUSED, SAID, Free
from schemas.instance import ONE_CPU_MILLIS, Instance
from schemas.refusal import shown
from schemas.sections.access import Access, Authentication
from schemas.sections.execution import Execution, OnRevocation, Protection, Revision
from schemas.sections.network import Network
from schemas.sections.resources import Resources, Scaling, ScalingMode
from schemas.sections.sidecars import Sidecar
from schemas.service import Metadata
from schemas.spelling import closest

_GOOGLES = ("run.googleapis.com/", "cloud.googleapis.com/", "serving.knative.dev/", "autoscaling.knative.dev/")
_TAG = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_REGIONAL = re.compile(r"(?:^|/)(?:regions/([^/]+)/subnetworks|locations/([^/]+)/connectors)/[^/]+$")
_KMS = re.compile(r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+")
_POLICY = re.compile(r"Default|projects/[^/\s]+/platforms/cloudRun/policies/[^/\s]+")
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_OURS = ("mlservice", "managed-by")
_LONGEST_DESCRIPTION = 512


def network(network: Network | None) -> Iterator[Finding]:
    """Directly, or through a connector."""
    if network is None:
        return
    direct = [key for key in ("network", "subnetwork", "tags") if getattr(network, key)]
    if network.connector and direct:
        summary = "a connector has its own network"
        yield Finding(f"network.{direct[0]}", "network", summary, "leave it, or the connector, out", at_key=True)
    if not network.connector and not (network.network or network.subnetwork):
        yield Finding("network", "network", "it names no network", "give subnetwork, network or connector", at_key=True)
    for index, tag in enumerate(network.tags):
        if not _TAG.fullmatch(tag):
            hint = "lower-case letters, digits and -, up to 63"
            yield Finding(f"network.tags[{index}]", "network", f"{shown(tag)} is no network tag", hint)
    for index, tag in repeated(network.tags):
        yield Finding(f"network.tags[{index}]", "network", f"{shown(tag)} stands there twice")


def place_of_network(network: Network | None, region: str) -> Iterator[Finding]:
    """A subnetwork, and a connector, in the service's region: a full name says where it is.

    Source:
        https://cloud.google.com/run/docs/configuring/vpc-direct-vpc and
        https://cloud.google.com/run/docs/configuring/vpc-connectors: both are in the region of the service.
    """
    for key, name in (("subnetwork", network.subnetwork), ("connector", network.connector)) if network else ():
        found = _REGIONAL.search(name or "")
        there = (found[1] or found[2]) if found else region
        if there != region:
            hint = f"name one of {region}, or run the service in {there}"
            yield Finding(f"network.{key}", "network", f"it is in {there}, and the service in {region}", hint)


def protection(protection: Protection | None) -> Iterator[Finding]:
    """What happens to a key that there is."""
    if protection is None:
        return
    if protection.encryption_key is not None and not _KMS.fullmatch(protection.encryption_key):
        hint = "projects/P/locations/L/keyRings/R/cryptoKeys/K"
        yield Finding("protection.encryptionKey", "protection", f"{shown(protection.encryption_key)} is no key", hint)
    if protection.binary_authorization is not None and not _POLICY.fullmatch(protection.binary_authorization):
        summary = f"{shown(protection.binary_authorization)} is no policy"
        hint = "Default, or projects/P/platforms/cloudRun/policies/NAME"
        yield Finding("protection.binaryAuthorization", "protection", summary, hint)
    for key in ("on_revocation", "shutdown_after_s"):
        if getattr(protection, key) is not None and protection.encryption_key is None:
            path = {"on_revocation": "onRevocation", "shutdown_after_s": "shutdownAfter"}[key]
            yield Finding(f"protection.{path}", "protection", "there is no encryptionKey", at_key=True)
    shuts = protection.on_revocation is OnRevocation.SHUTDOWN
    if shuts != (protection.shutdown_after_s is not None):
        hint = "`onRevocation: Shutdown` and `shutdownAfter` go together"
        yield Finding("protection", "protection", "one of two is missing", hint, at_key=True)


def execution(execution: Execution, resources: Resources, sidecars: Mapping[str, Sidecar]) -> Iterator[Finding]:
    """Less than one vCPU is of the first generation."""
    if execution.environment == "Gen2" and Instance.of(resources, sidecars).cpu_millis < ONE_CPU_MILLIS:
        hint = "leave it out, or give 1 vCPU"
        yield Finding("execution.environment", "generation", "Gen2 has at least 1 vCPU", hint)


def manual(scaling: Scaling) -> Iterator[Finding]:
    """A number of instances for who sets it by hand."""
    if scaling.mode is ScalingMode.MANUAL:
        if scaling.instances is None:
            yield Finding("scaling.mode", "manual-scaling", "it does not say how many", "give scaling.instances")
        for key in ("min_instances", "windows", "revision_min_instances"):
            if getattr(scaling, key):
                path = {"min_instances": "minInstances", "revision_min_instances": "revisionMinInstances"}.get(key, key)
                summary = "with `mode: Manual` there are `instances`, whatever else is said"
                yield Finding(f"scaling.{path}", "manual-scaling", summary, "leave one of both out", at_key=True)
    elif scaling.instances is not None:
        yield Finding("scaling.instances", "manual-scaling", "it is for `mode: Manual`", at_key=True)
    if scaling.service_max_instances and scaling.service_max_instances < scaling.min_instances:
        summary = f"{scaling.service_max_instances} is below minInstances ({scaling.min_instances})"
        yield Finding("scaling.serviceMaxInstances", "instances", summary, "raise it, or lower minInstances")
    if scaling.revision_min_instances > scaling.max_instances:
        summary = f"{scaling.revision_min_instances} is above maxInstances ({scaling.max_instances})"
        yield Finding("scaling.revisionMinInstances", "instances", summary, "raise maxInstances or lower it")


def idle(resources: Resources, sidecars: Mapping[str, Sidecar]) -> Iterator[Finding]:
    """Where CPU is, is not chosen with a GPU, or with less than one vCPU."""
    instance = Instance.of(resources, sidecars)
    if instance.gpu is not None and resources.cpu_idle:
        yield Finding("resources.cpuIdle", "cpu-idle", "with a GPU instances have CPU at all times", "leave it out")
    if instance.cpu_millis < ONE_CPU_MILLIS and resources.cpu_idle is False:
        yield Finding(
            "resources.cpuIdle", "cpu-idle", "below 1 vCPU instances have CPU in requests only", "give 1 vCPU"
        )


def callers(access: Access) -> Iterator[Finding]:
    """Who is not asked is not listed."""
    if access.authentication is Authentication.OFF and access.invokers:
        summary = "with `authentication: Off` nobody is asked who they are"
        yield warning("access.invokers", "invokers", summary, "leave it out, or let Cloud Run ask: IAM")
    for index, audience in enumerate(access.custom_audiences):
        if not audience or audience != audience.strip():
            yield Finding(f"access.customAudiences[{index}]", "audiences", f"{shown(audience)} is no audience")
    for index, audience in repeated(access.custom_audiences):
        yield Finding(f"access.customAudiences[{index}]", "audiences", f"{shown(audience)} stands there twice")


def texts(metadata: Metadata, revision: Revision) -> Iterator[Finding]:
    """Free text, labels and annotations that Cloud Run takes."""
    if metadata.description is not None and len(metadata.description) > _LONGEST_DESCRIPTION:
        summary = f"{len(metadata.description)} characters are more than {_LONGEST_DESCRIPTION}"
        yield Finding("metadata.description", "description", summary)
    for path, annotations in (
        ("metadata.annotations", metadata.annotations),
        ("revision.annotations", revision.annotations),
    ):
        for key in annotations:
            if key.startswith(_GOOGLES):
                yield Finding(
                    f"{path}.{key}", "annotation", f"{shown(key)} is Google's", "it has a word here", at_key=True
                )
            elif key.startswith(_OURS) or not key:
                yield Finding(f"{path}.{key}", "annotation", f"{shown(key)} is ours", "choose another", at_key=True)
    for key, value in revision.labels.items():
        if not _KEY.fullmatch(key) or key.startswith(("goog", *_OURS)):
            hint = "a lower-case letter, then letters, digits, _ and -; not goog…, mlservice…, managed-by"
            yield Finding(f"revision.labels.{key}", "label", f"{shown(key)} is no label of yours", hint, at_key=True)
        elif not _VALUE.fullmatch(value):
            yield Finding(f"revision.labels.{key}", "label", f"{shown(value)} is no label's value")


def own_words(cloud_run: dict[str, Any]) -> Iterator[Finding]:
    """Fields that there are, and that have no word here."""
    yield from _own("cloudRun", "", cloud_run)


def _own(place: str, path: str, said: Mapping[str, Any]) -> Iterator[Finding]:
    known = {each[len(path) :].split(".")[0] for each in (*SAID, *FREE, *REFUSED, *NEWER) if each.startswith(path)}
    for key, value in said.items():
        here, at = f"{path}{key}", f"{place}.{key}"
        word = SAID.get(here) if "." not in key else None
        if word is not None:
            yield Finding(at, "cloud-run", f"{shown(here)} has a word here", f"say {word}", at_key=True)
        elif (why := {**REFUSED, **NEWER}.get(here)) and "." not in key:
            yield Finding(at, "cloud-run", f"{shown(here)} is not written by mlservice", why, at_key=True)
        elif here in FREE and "." not in key:
            yield from _value(at, FREE[here], value)
        elif key in known and isinstance(value, dict):
            yield from _own(at, f"{here}.", value)
        elif key in known and isinstance(value, list) and all(isinstance(each, dict) for each in value):
            for index, each in enumerate(value):
                yield from _own(f"{at}[{index}]", f"{here}.", each)
        elif key in known:
            yield Finding(at, "cloud-run", f"{shown(here)} is a section", "write what is in it, by Google's JSON names")
        else:
            close = closest(key, sorted(known))
            hint = f"did you mean {close}?" if close else "names are those of `Service` in Cloud Run's API v2"
            yield Finding(at, "cloud-run", f"Cloud Run's API v2 has no field {shown(here)}", hint, at_key=True)


def _value(place: str, field: Free, value: Any) -> Iterator[Finding]:
    if field.choices and value not in field.choices:
        yield Finding(place, "cloud-run", f"{shown(value)} is none of: {', '.join(field.choices)}")
    elif not field.choices and not isinstance(value, str):
        yield Finding(place, "cloud-run", f"{shown(value)} is not text")
