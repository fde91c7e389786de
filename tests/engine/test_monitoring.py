"""`monitoring` of a spec on Vertex AI: what is watched, when, and what becomes of it."""

from reconciler.engine.models import read_models
from tests.operating import REGION, spec
from tests.operating_registry import Registered

FEATURES = {
    "spend": {"type": "number"},
    "plan": {"type": "category", "values": ["basic", "plus"]},
    "email": {"type": "string", "log": False, "monitor": False},
}
MONITORING = {
    "logging": {"table": "ml_logs.churn"},
    "baseline": {"table": "local.ml.training"},
    "schedule": "0 6 * * *",
    "skew": {"default": 0.3, "features": {"spend": 0.1}},
    "drift": {"default": 0.25, "against": "2d"},
    "predictionDrift": 0.2,
}


def watched(**changed):
    """A service whose predictions are compared."""
    model = {"uri": "gs://models/churn/", "version": "7", "framework": "custom", "features": FEATURES}
    model |= {"prediction": {"name": "churns", "type": "number"}} | changed.pop("model", {})
    return spec(model=model, access={"serviceAccount": "theirs@local.iam.gserviceaccount.com"}, monitoring=MONITORING)


def test_the_entry_that_is_watched_is_no_trained_model(operator):
    """What apply made for a monitor is never offered for promotion, whatever a training registered beside it."""
    other = Registered(operator, "churn-boosted")
    other.version("run1", "champion")
    api, place = other.registry.api, other.registry.place
    made = {"displayName": "churn", "labels": {"mlservice-service": "churn", "managed-by": "mlservice"}}
    api.write("POST", f"{place}/models:upload", {"model": made, "modelId": "churn_monitored"}, patience_s=20)

    assert read_models(operator.session(), REGION, "churn", None).model == "churn-boosted"
