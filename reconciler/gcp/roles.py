"""Which predefined role has a permission that a call was refused for. What a kind needs, it says itself.

Source:
    docs.cloud.google.com/iam/docs/roles-permissions.
"""

from __future__ import annotations

_ALONE = {
    "bigquery.tables.getIamPolicy": "roles/bigquery.metadataViewer",
    "binaryauthorization.attestors.verifyImageAttested": "roles/binaryauthorization.attestorsVerifier",
    "containeranalysis.notes.listOccurrences": "roles/containeranalysis.notes.occurrences.viewer",
    "iap.webServices.getIamPolicy": "roles/iap.admin",
    "iap.webServices.setIamPolicy": "roles/iap.admin",
    "iam.serviceAccounts.actAs": "roles/iam.serviceAccountUser",
    "pubsub.subscriptions.consume": "roles/pubsub.subscriber",
    "pubsub.topics.publish": "roles/pubsub.publisher",
    "resourcemanager.projects.createBillingAssignment": "roles/billing.projectManager",
    "run.jobs.run": "roles/run.invoker",
    "secretmanager.versions.access": "roles/secretmanager.secretAccessor",
    "storage.objects.create": "roles/storage.objectCreator",
}
_READERS = {
    "aiplatform": "roles/aiplatform.viewer",
    "artifactregistry": "roles/artifactregistry.reader",
    "bigquery.datasets": "roles/bigquery.metadataViewer",
    "bigquery.tables": "roles/bigquery.metadataViewer",
    "binaryauthorization.attestors": "roles/binaryauthorization.attestorsVerifier",
    "cloudscheduler": "roles/cloudscheduler.viewer",
    "containeranalysis.occurrences": "roles/containeranalysis.occurrences.viewer",
    "iam": "roles/iam.serviceAccountViewer",
    "iam.roles": "roles/iam.roleViewer",
    "iam.workloadIdentityPoolProviders": "roles/iam.workloadIdentityPoolViewer",
    "iam.workloadIdentityPools": "roles/iam.workloadIdentityPoolViewer",
    "monitoring": "roles/monitoring.viewer",
    "pubsub": "roles/pubsub.viewer",
    "resourcemanager": "roles/browser",
    "run": "roles/run.viewer",
    "secretmanager": "roles/secretmanager.viewer",
    "storage.buckets": "roles/storage.bucketViewer",
    "storage.objects": "roles/storage.objectViewer",
}
_WRITERS = {
    "aiplatform": "roles/aiplatform.user",
    "artifactregistry": "roles/artifactregistry.admin",
    "bigquery.datasets": "roles/bigquery.dataOwner",
    "bigquery.tables": "roles/bigquery.dataOwner",
    "cloudscheduler": "roles/cloudscheduler.admin",
    "iam": "roles/iam.serviceAccountAdmin",
    "iam.serviceAccountKeys": "roles/iam.serviceAccountKeyAdmin",
    "iam.roles": "roles/iam.roleAdmin",
    "iam.workloadIdentityPoolProviders": "roles/iam.workloadIdentityPoolAdmin",
    "iam.workloadIdentityPools": "roles/iam.workloadIdentityPoolAdmin",
    "monitoring": "roles/monitoring.editor",
    "pubsub": "roles/pubsub.admin",
    "resourcemanager": "roles/resourcemanager.projectIamAdmin",
    "run": "roles/run.admin",
    "secretmanager": "roles/secretmanager.admin",
    "storage": "roles/storage.admin",
}
_READING = ("get", "list")


def role_with(permission: str) -> str:
    """Give a predefined role that has a permission; empty when none comes to mind."""
    noun, _, verb = permission.rpartition(".")
    service = noun.partition(".")[0]
    chosen = _READERS if verb in _READING else _WRITERS
    return _ALONE.get(permission) or chosen.get(noun) or chosen.get(service, "")
