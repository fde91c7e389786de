"""What `doctor` asks of single objects: whoever may do something on them alone needs no role on the project."""

from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.held import held_on
from reconciler.kinds.iam_member import RESOURCES

ASKED = {"bigquery.tables.getIamPolicy", "bigquery.tables.setIamPolicy"}


def test_every_sort_that_has_a_policy_can_be_asked(operator):
    """A table as well, of which Google has no client that we use."""
    rest = operator.connection.rest(HOST, VERSION)
    datasets = f"projects/{operator.connection.project}/datasets"
    rest.post(datasets, {"datasetReference": {"datasetId": "ml"}, "location": "EU"})
    rest.post(f"{datasets}/ml/tables", {"tableReference": {"tableId": "log"}})
    apis = {sort: resource.connect(operator.connection) for sort, resource in RESOURCES.items()}

    have, _ = held_on(apis["bigquery_table"], f"{datasets}/ml.log", ASKED)

    assert have == ASKED
    assert [sort for sort, api in apis.items() if not hasattr(api, "test_iam_permissions")] == []
