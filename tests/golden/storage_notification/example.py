"""A bucket that tells a topic of new files."""

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.storage_notification import TRIGGER, StorageNotification
from tests.conformance.example import Example


def bucket(at):
    return at.name("acme-data")


def topic(at):
    return at.of_project("topics", "churn_new-files")


def read(operator):
    path = f"/b/{bucket(operator.at)}/notificationConfigs"
    answer = operator.connection.storage._connection.api_request(method="GET", path=path)
    [found] = answer["items"]
    return found


def prepare(operator):
    """The bucket is somebody's, the topic is there, and Cloud Storage may publish to it."""
    storage = operator.connection.storage
    made = storage.bucket(bucket(operator.at))
    made.labels = dict(operator.at.labels)
    storage.create_bucket(made)
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    publisher.create_topic(request={"name": topic(operator.at), "labels": dict(operator.at.labels)})
    member = f"serviceAccount:{storage.get_service_account_email()}"
    policy = {"bindings": [{"role": "roles/pubsub.publisher", "members": [member]}]}
    publisher.set_iam_policy(request={"resource": topic(operator.at), "policy": policy})


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), TRIGGER: "new-files"}
    example = Example(
        address=Address("storage_notification", "global", f"{bucket(at)}/{at.name('churn')}/new-files"),
        fields=StorageNotification(bucket(at), topic(at), "churn/", ("OBJECT_FINALIZE",), "JSON_API_V1", ours),
        read=read,
        prepare=prepare,
        owner=at.name("churn"),
        unmarked={"attributes": {**ours, "managed-by": "somebody"}},
    )
    return (example,)
