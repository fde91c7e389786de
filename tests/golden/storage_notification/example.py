"""A bucket that tells a topic of new files."""

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.storage_notification import TRIGGER, StorageNotification
from tests.conformance.example import Example

BUCKET, TOPIC = "acme-data", "projects/local/topics/churn_new-files"
OURS = {**mark_labels("churn"), TRIGGER: "new-files"}


def read(operator):
    answer = operator.connection.storage._connection.api_request(method="GET", path=f"/b/{BUCKET}/notificationConfigs")
    [found] = answer["items"]
    return found


def prepare(operator):
    """The bucket is somebody's, the topic is there, and Cloud Storage may publish to it."""
    storage = operator.connection.storage
    storage.create_bucket(BUCKET)
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    publisher.create_topic(request={"name": TOPIC})
    member = f"serviceAccount:{storage.get_service_account_email()}"
    policy = {"bindings": [{"role": "roles/pubsub.publisher", "members": [member]}]}
    publisher.set_iam_policy(request={"resource": TOPIC, "policy": policy})


EXAMPLE = Example(
    address=Address("storage_notification", "global", f"{BUCKET}/churn/new-files"),
    fields=StorageNotification(BUCKET, TOPIC, "churn/", ("OBJECT_FINALIZE",), "JSON_API_V1", OURS),
    read=read,
    prepare=prepare,
    unmarked={"attributes": {**OURS, "managed-by": "somebody"}},
)
