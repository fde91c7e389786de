"""Two files of a model, content-addressed, with a stranger's object beside them."""

import hashlib
from pathlib import Path

from reconciler.core.address import Address
from reconciler.kinds.model_artifact import ModelArtifact
from tests.conformance.example import Example
from tests.operating import BUCKET

FOLDER = Path(__file__).parent / "model"
DIGESTS = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(FOLDER.iterdir())}
ELSEWHERE = "models/churn/another-version/weights.txt"


def read(operator):
    blobs = operator.connection.storage.list_blobs(BUCKET)
    return {blob.name: blob.md5_hash for blob in blobs}


def meddle(operator):
    operator.connection.storage.bucket(BUCKET).blob(ELSEWHERE).upload_from_string("theirs")


EXAMPLE = Example(
    address=Address("model_artifact", "global", "churn/0123456789abcdef"),
    fields=ModelArtifact(DIGESTS),
    edits=({"files": {"weights.txt": DIGESTS["weights.txt"]}},),
    read=read,
    places={"files": [f"models/churn/0123456789abcdef/{name}" for name in DIGESTS]},
    prepare=lambda operator: operator.connection.state.make(),
    meddle=meddle,
    theirs=lambda operator: ELSEWHERE in read(operator),
    source=str(FOLDER),
)
