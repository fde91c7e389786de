"""Two files of a model, content-addressed, with a stranger's object beside them."""

import hashlib
from pathlib import Path

from reconciler.core.address import Address
from reconciler.kinds.model_artifact import ModelArtifact
from tests.conformance.example import Example

FOLDER = Path(__file__).parent / "model"
DIGESTS = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(FOLDER.iterdir())}


def elsewhere(operator):
    return f"models/{operator.at.name('churn')}/another-version/weights.txt"


def read(operator):
    blobs = operator.connection.storage.list_blobs(operator.at.bucket)
    return {blob.name: blob.md5_hash for blob in blobs}


def meddle(operator):
    operator.connection.storage.bucket(operator.at.bucket).blob(elsewhere(operator)).upload_from_string("theirs")


def examples(at):
    """Give the examples of a place."""
    example = Example(
        address=Address("model_artifact", "global", f"{at.name('churn')}/0123456789abcdef"),
        fields=ModelArtifact(DIGESTS),
        edits=({"files": {"weights.txt": DIGESTS["weights.txt"]}},),
        read=read,
        places={"files": [f"models/{at.name('churn')}/0123456789abcdef/{name}" for name in DIGESTS]},
        owner=at.name("churn"),
        prepare=lambda operator: operator.connection.state.make(),
        meddle=meddle,
        theirs=lambda operator: elsewhere(operator) in read(operator),
        source=str(FOLDER),
    )
    return (example,)
