"""Tables as specs write them: with a project, without one, or with one of a domain."""

from dataclasses import replace

import pytest
import yaml

from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import FieldChange
from reconciler.core.errors import PlansRefused
from reconciler.core.facts import Facts
from reconciler.core.kind import Kinds
from reconciler.core.wants import Wants
from reconciler.kinds import bigquery_dataset
from reconciler.kinds.bigquery_table import KIND, BigqueryTable
from reconciler.kinds.vertex_schedule.wanted import log_query
from schemas import load
from schemas.tables import full_table

FULL = {
    ("acme", "ml.log"): "acme.ml.log",
    ("acme", "acme.ml.log"): "acme.ml.log",
    ("acme", "other.ml.log"): "other.ml.log",
    ("acme.example:ml", "ml.log"): "acme.example:ml.ml.log",
    ("acme", "acme.example:ml.ml.log"): "acme.example:ml.ml.log",
}


def logging_to(folder, table, **model):
    """A service whose predictions are logged."""
    features = {"age": {"type": "number"}}
    model = {"uri": "gs://acme-models/churn", "features": features, "prediction": {"name": "p"}, **model}
    image = "europe-west1-docker.pkg.dev/acme/ml/churn:1"
    spec = {"region": "europe-west1", "image": image, "model": model, "monitoring": {"logging": {"table": table}}}
    written = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": "churn"}, "spec": spec}
    (folder / "mlservice.yaml").write_text(yaml.safe_dump(written))
    return load([folder / "mlservice.yaml"]).services[0].service


@pytest.mark.parametrize(("given", "full"), FULL.items(), ids=str)
def test_a_table_is_the_same_for_all_that_name_it(tmp_path, given, full):
    """For the monitor, for the query of its schedules, and as the address that predictions are written to."""
    project, table = given
    service, facts = logging_to(tmp_path, table), Facts(project, "bucket")

    assert full_table(table, facts.project) == full
    assert f"FROM `{full}` WHERE" in log_query(service, facts, 24)
    [here] = [want.address for want in KIND.desired(service, facts)]
    assert f"{here.project or project}.{here.name}" == full


def test_a_version_of_several_lines_is_one_literal(tmp_path):
    """A literal of GoogleSQL ends at the end of its line, whichever sign that is."""
    query = log_query(logging_to(tmp_path, "ml.log", version="it's\r\n1"), Facts("acme", "bucket"), 24)

    assert r"model_version = 'it\'s\r\n1'" in query
    assert query.isprintable()


def test_a_dataset_is_in_one_region(tmp_path):
    """Two services that log into one from two regions are told what to write."""
    model = {"uri": "gs://acme-models/churn", "features": {"age": {"type": "number"}}, "prediction": {"name": "p"}}
    spec = {"image": "gcr.io/acme/app:1", "model": model, "monitoring": {"logging": {"table": "ml.log"}}}
    for name, region in (("churn", "europe-west1"), ("fraud", "us-central1")):
        written = {"apiVersion": "mlservice/v1", "metadata": {"name": name}, "spec": {"region": region, **spec}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(written))
    services = load(sorted(tmp_path.glob("*.yaml"))).services

    with pytest.raises(PlansRefused) as refused:
        Wants.of(Kinds.of(bigquery_dataset.KIND), services, [Facts("acme", "bucket")] * 2)

    [problem] = refused.value.problems
    assert problem.message == "cannot plan bigquery_dataset/global/ml: churn and fraud want it to be different"
    assert problem.hint == "a dataset is in one region: name another one in monitoring.logging.table for each region"


DAY = 86_400


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (90 * DAY, 30 * DAY, "rows older than 30d are deleted"),
        (0, 30 * DAY, "rows older than 30d are deleted"),
        (30 * DAY, 90 * DAY, ""),
        (30 * DAY, 0, ""),
        (None, 30 * DAY, ""),
    ],
)
def test_a_plan_says_which_rows_go(before, after, said):
    """Those of a table that kept them for longer, or for ever; none where they stay longer, or only labels change."""
    path, was = ("labels.team", "ml") if before is None else ("expiration_s", before)
    table = BigqueryTable({}, "DAY of logging_time", after, (), {})

    assert KIND.consequence([FieldChange(path, was, after)], table) == said


def test_no_two_tables_are_read_together():
    """What is read together is refused together: neither of a dataset, nor of one name in two projects, are."""
    mine, beside, elsewhere = here("ml.a"), here("ml.b"), replace(here("ml.a"), project="other")

    assert len({KIND.read_together(each) for each in (mine, beside, elsewhere)}) == 3


def here(name):
    """The address of a table."""
    return Address("bigquery_table", GLOBAL, name)
