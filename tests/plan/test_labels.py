"""What a bill can be broken down by: the labels of a service, on everything of it that has labels."""

from dataclasses import fields

import pytest

from reconciler.core.facts import Facts
from reconciler.core.kind import Ownership
from reconciler.core.naming import SERVICE_LABEL
from reconciler.core.objects import Desired
from reconciler.kinds import KINDS
from schemas import MLService
from schemas.checks import budget
from tests.engine.test_least_roles import FULL
from tests.plan.test_roles import Anything

OURS = {"team": "growth", "cost-center": "ml-042"}


class Known(Anything):
    """Answers to all but what training data look like."""

    def get(self, key, default=None):
        return default if "baseline" in key[0] else super().get(key, default)


VERTEX = {"run": {"vertexPipeline": {"template": "gs://acme/t.yaml", "pipelineRoot": "gs://acme/runs"}}}


@pytest.mark.parametrize("retraining", [{}, {"retraining": VERTEX | {"promote": "Never"}}], ids=["job", "pipeline"])
def test_what_has_labels_has_those_of_its_service(retraining):
    """And our own, which `budget.label` may name; but for what several services may share, which is nobody's alone."""
    document = FULL | {"metadata": {"name": "churn", "labels": OURS}, "spec": FULL["spec"] | retraining}
    service = MLService.model_validate(document, by_alias=True)
    facts = Facts("acme", "acme-mlservice", "runtime", answers=Known())

    found = [want for kind in KINDS for want in kind.desired(service, facts) if isinstance(want, Desired)]

    labelled = {want.address.kind for want in found if "labels" in {each.name for each in fields(want.fields)}}
    without = {want.address.kind for want in found if not carries(want, OURS | {SERVICE_LABEL: service.name})}
    assert len(labelled) >= 10
    assert without <= {kind.name for kind in KINDS if kind.ownership is Ownership.SHARED}


def carries(want, labels):
    """Whether a record has no labels at all, or all of these."""
    has = "labels" in {each.name for each in fields(want.fields)}
    return not has or labels.items() <= want.fields.labels.items()


def test_the_label_that_specs_may_name_is_the_one_that_objects_have():
    """Schemas import nothing of the reconciler's, so it is written there again."""
    assert budget._OUR_LABEL == SERVICE_LABEL
