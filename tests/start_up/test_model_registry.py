"""The model registry is read without Vertex AI's client, which takes seconds to import."""

from tests.start_up.fresh import python

ASKS = """
import sys
from reconciler.core.facts import Question
from reconciler.core.errors import ReconcilerError
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.lookups.model_version import MODEL_VERSION
connection = Connection("some-project", "some-bucket", Endpoint(sys.argv[1], "", ""))
try:
    MODEL_VERSION.answer(connection, Question("europe-west1/churn@champion", "model.alias", optional=True))
except ReconcilerError as error:
    print(type(error).__name__)
print(*sorted({name.split(".")[2] for name in sys.modules if name.startswith("google.cloud.")}))
"""


def test_an_alias_is_looked_up_without_any_client_of_google_s(emulator):
    """The answer comes, and no package of a client was imported for it."""
    said = python("-c", ASKS, emulator.http).splitlines()

    assert said == ["NotFoundError", ""]
