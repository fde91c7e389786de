"""A subscription that writes rows, and that somebody else lets keep what was acknowledged."""

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.pubsub_v1.types import pubsub

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.table_policies import table_policies
from reconciler.kinds.pubsub_table_subscription import WRITER, PubsubTableSubscription
from tests.conformance.example import Example
from tests.conformance.ground import accounts, late

COLUMNS = ("data", "request_id")
TABLES, WRITERS = ("churn", "other"), ("churn-log", "other-log")


def name(operator):
    return operator.at.of_project("subscriptions", "churn_predictions")


def api(operator):
    return operator.api("google.pubsub_v1", "subscriber", "Subscriber")


def prepare(operator):
    """Topics, tables, and accounts that may write to them."""
    at = operator.at
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    for each in ("predictions", "rejected"):
        topics.create_topic(request={"name": at.of_project("topics", each), "labels": dict(at.labels)})
    accounts(operator, *WRITERS)
    bigquery, datasets = operator.connection.rest(HOST, VERSION), f"{at.top}/datasets"
    reference = {"datasetId": at.role("ml_logs")}
    bigquery.post(datasets, {"datasetReference": reference, "location": at.region, "labels": dict(at.labels)})
    policies, binding = table_policies(operator.connection), {"role": WRITER, "members": [*map(at.member, WRITERS)]}
    for table in map(at.role, TABLES):
        columns = [{"name": each, "type": "STRING"} for each in COLUMNS]
        made = {"tableReference": {"tableId": table}, "schema": {"fields": columns}}
        bigquery.post(f"{datasets}/{at.role('ml_logs')}/tables", made)
        policy = policy_pb2.Policy(bindings=[policy_pb2.Binding(**binding)])
        resource = f"{datasets}/{at.role('ml_logs')}.{table}"
        late(policies.set_iam_policy)(iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy))


def read(operator):
    return api(operator).get_subscription(request={"subscription": name(operator)})


def update(operator, paths, **fields):
    topic = operator.at.of_project("topics", "predictions")
    subscription = pubsub.Subscription(name=name(operator), topic=topic, **fields)
    api(operator).update_subscription(request={"subscription": subscription, "update_mask": {"paths": paths}})


def add_label(operator, key):
    update(operator, ["labels"], labels={**read(operator).labels, key: "theirs"})


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    churn, other = (f"{at.project}.{at.role('ml_logs')}.{at.role(each)}" for each in TABLES)
    example = Example(
        address=Address("pubsub_table_subscription", "global", at.name("churn_predictions")),
        fields=PubsubTableSubscription(
            topic=at.of_project("topics", "predictions"),
            table=churn,
            account=at.email("churn-log"),
            by_column=True,
            drop_unknown=True,
            min_backoff_s=10,
            max_backoff_s=600,
            dead_letter="",
            max_attempts=0,
            attached=True,
            never_expires=True,
            labels=ours,
        ),
        edits=(
            {"table": other},
            {"account": at.email("other-log")},
            {"drop_unknown": False},
            {"by_column": False, "drop_unknown": False},
            {"min_backoff_s": 0},
            {"max_backoff_s": 300},
            {"dead_letter": at.of_project("topics", "rejected"), "max_attempts": 7},
            {"never_expires": False},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=pubsub.Subscription,
        places={
            "topic": ["topic"],
            "table": ["bigquery_config"],
            "account": ["bigquery_config"],
            "by_column": ["bigquery_config"],
            "drop_unknown": ["bigquery_config"],
            "min_backoff_s": ["retry_policy"],
            "max_backoff_s": ["retry_policy"],
            "dead_letter": ["dead_letter_policy"],
            "max_attempts": ["dead_letter_policy"],
            "attached": ["detached"],
            "never_expires": ["expiration_policy"],
            "labels": ["labels"],
        },
        prepare=prepare,
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=lambda operator: update(operator, ["retain_acked_messages"], retain_acked_messages=True),
        theirs=lambda operator: read(operator).retain_acked_messages,
        add_key={"labels": add_label},
    )
    return (example,)
