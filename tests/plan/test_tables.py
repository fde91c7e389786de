"""Tables as specs write them: with a project, without one, or with one of a domain."""

import pytest
import yaml

from reconciler.core.address import GLOBAL, Address
from reconciler.core.facts import Facts
from reconciler.core.tables import full_table
from reconciler.kinds.bigquery_table import KIND
from reconciler.kinds.vertex_schedule.wanted import log_query
from schemas import load

FULL = {
    ("acme", "ml.log"): "acme.ml.log",
    ("acme", "acme.ml.log"): "acme.ml.log",
    ("acme", "other.ml.log"): "other.ml.log",
    ("acme.example:ml", "ml.log"): "acme.example:ml.ml.log",
    ("acme", "acme.example:ml.ml.log"): "acme.example:ml.ml.log",
}


@pytest.mark.parametrize(("given", "full"), FULL.items(), ids=str)
def test_a_table_is_the_same_for_all_that_name_it(tmp_path, given, full):
    """For the monitor, for the query of its schedules, and as the address that predictions are written to."""
    project, table = given
    model = {"uri": "gs://acme-models/churn", "features": {"age": {"type": "number"}}, "prediction": {"name": "p"}}
    image = "europe-west1-docker.pkg.dev/acme/ml/churn:1"
    spec = {"region": "europe-west1", "image": image, "model": model, "monitoring": {"logging": {"table": table}}}
    written = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": "churn"}, "spec": spec}
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump(written))
    service, facts = load([tmp_path / "mlservice.yaml"]).services[0].service, Facts(project, "bucket")

    assert full_table(table, facts.project) == full
    assert f"FROM `{full}` WHERE" in log_query(service, facts, 24)
    [here] = [want.address for want in KIND.desired(service, facts)]
    assert f"{here.project or project}.{here.name}" == full


def test_a_table_that_is_refused_costs_no_other():
    """Each is read by a call of its own, beside the others."""
    assert KIND.read_together(here("ml.a")) != KIND.read_together(here("ml.b"))


def here(name):
    """The address of a table."""
    return Address("bigquery_table", GLOBAL, name)
