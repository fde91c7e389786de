"""Every field of a `Service` of Cloud Run's API v2, and which word of the language says it: `cloudRun` is held to this.

Names are the JSON names of google.cloud.run.v2 in google-cloud-run 0.16.2, of containers and volumes without an index.
A row speaks for everything below it. What only Google writes is not listed: the definition marks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Free:
    """A field without a word, which `cloudRun` may hold.

    Args:
        choices: Its values; empty for any text.
        default: What a new service has.
        template: Whether a change makes a new revision.
    """

    choices: tuple[str, ...] = ()
    default: str = ""
    template: bool = True


_PROBES = "container.{0}, sidecars.<name>.{0}"

SAID: Mapping[str, str] = {
    "name": "metadata.name",
    "description": "metadata.description",
    "labels": "metadata.labels",
    "annotations": "metadata.annotations",
    "ingress": "access.ingress",
    "invokerIamDisabled": "access.authentication: Off",
    "iapEnabled": "access.authentication: IAP",
    "defaultUriDisabled": "access.defaultUri",
    "customAudiences": "access.customAudiences",
    "binaryAuthorization.useDefault": "protection.binaryAuthorization",
    "binaryAuthorization.policy": "protection.binaryAuthorization",
    "traffic": "rollout.strategy and traffic",
    "scaling.minInstanceCount": "scaling.minInstances",
    "scaling.maxInstanceCount": "scaling.serviceMaxInstances",
    "scaling.scalingMode": "scaling.mode",
    "scaling.manualInstanceCount": "scaling.instances",
    "template.labels": "revision.labels",
    "template.annotations": "revision.annotations",
    "template.scaling.minInstanceCount": "scaling.revisionMinInstances",
    "template.scaling.maxInstanceCount": "scaling.maxInstances",
    "template.vpcAccess.connector": "network.connector",
    "template.vpcAccess.egress": "network.egress",
    "template.vpcAccess.networkInterfaces": "network",
    "template.timeout": "runtime.timeout",
    "template.serviceAccount": "access.serviceAccount",
    "template.containers.name": "container.name, and names of sidecars",
    "template.containers.image": "image, sidecars.<name>.image",
    "template.containers.command": "container.command, sidecars.<name>.command",
    "template.containers.args": "container.args, sidecars.<name>.args",
    "template.containers.env": "env and secrets, those of sidecars",
    "template.containers.resources": "resources, sidecars.<name>.cpu, memory, gpu",
    "template.containers.ports": "container.port",
    "template.containers.volumeMounts": "mounts, sidecars.<name>.mounts",
    "template.containers.workingDir": "container.workingDir, sidecars.<name>.workingDir",
    "template.containers.livenessProbe": _PROBES.format("livenessProbe"),
    "template.containers.startupProbe": _PROBES.format("startupProbe"),
    "template.containers.readinessProbe": _PROBES.format("readinessProbe"),
    "template.containers.dependsOn": "container.dependsOn, sidecars.<name>.dependsOn",
    "template.volumes": "mounts",
    "template.executionEnvironment": "execution.environment",
    "template.encryptionKey": "protection.encryptionKey",
    "template.encryptionKeyRevocationAction": "protection.onRevocation",
    "template.encryptionKeyShutdownDuration": "protection.shutdownAfter",
    "template.maxInstanceRequestConcurrency": "scaling.concurrency",
    "template.sessionAffinity": "execution.sessionAffinity",
    "template.healthCheckDisabled": "execution.healthCheckDisabled",
    "template.nodeSelector": "resources.gpu",
    "template.gpuZonalRedundancyDisabled": "resources.gpu.zonalRedundancy",
}
"""The word that says a field, by its path."""

FREE: Mapping[str, Free] = {
    "launchStage": Free(("ALPHA", "BETA", "GA"), "GA", template=False),
    "template.serviceMesh.mesh": Free(),
}
"""Fields without a word."""

_BUILT = "images are named by `image`: what builds them is another tool's"
REFUSED: Mapping[str, str] = {
    "template.revision": "a name chosen for the revision would stand in the way of the next one",
    "template.containers.sourceCode": _BUILT,
    "template.containers.baseImageUri": _BUILT,
    "buildConfig": _BUILT,
    "multiRegionSettings": "a service is one region's: write one document for each",
    "binaryAuthorization.breakglassJustification": "leaving the policy aside is a person's act: `gcloud run deploy`",
    "client": "it names the tool that wrote last",
    "clientVersion": "it names the tool that wrote last",
    "etag": "it is of each write",
}
"""Fields that are not written, and why."""

_LATER = "Google's client of this version does not know it; what gcloud or the console sets is kept"
NEWER: Mapping[str, str] = {
    "template.scaling.cpuUtilization": _LATER,
    "template.scaling.concurrencyUtilization": _LATER,
}
"""Fields of Google's reference that google-cloud-run 0.16.2 has not yet, and why they are not written.

Source:
    https://docs.cloud.google.com/run/docs/reference/rest/v2/RevisionScaling;
    https://docs.cloud.google.com/run/docs/configuring/scaling-controls.
"""
