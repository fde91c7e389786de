"""What a plan foresees of a start: numbers from the spec and from what lies in the bucket."""

import pytest

from reconciler.core.facts import Facts
from reconciler.kinds.run_service import notes
from reconciler.kinds.run_service.foreseen import starts
from schemas import MLService

FOLDER = "gs://acme-models/writer/"
GIB = 2**30


def told(size, **said):
    """The notes on a service with a card, whose folder holds so many bytes; None for not known."""
    spec = {"region": "europe-west4", "image": "vllm", "resources": {"gpu": "nvidia-l4"}, "mounts": {"/m": FOLDER}}
    service = MLService.model_validate({"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": "w"},
                                        "spec": {**spec, **said}})  # fmt: skip
    return list(starts(service, Facts("p", "b", answers={} if size is None else {("mounted_bytes", FOLDER): size})))


@pytest.mark.parametrize(
    ("size", "said", "notes"),
    [
        (None, {}, []),
        (0, {}, []),
        (15 * GIB, {}, []),
        (30 * GIB, {}, [("mounts./m", "files of gs://acme-models/writer/ are 30.0 GiB, and nvidia-l4 has 22 GiB")]),
        (15 * GIB, {"container": {"startup": "1m"}}, [("mounts./m", "takes about 81s at 200 MB/s, and a start may")]),
        (15 * GIB, {"container": {"startup": "2m"}}, []),
        (None, {"container": {"health": "/health"}}, []),
        (None, {"container": {"startup": "15m"}}, [("scaling.minInstances", "may wait for a start: up to 15m")]),
        (None, {"container": {"startup": "15m"}, "scaling": {"minInstances": 1}}, []),
        (None, {"container": {"startup": "15m"}, "scaling": {"revisionMinInstances": 1}}, []),
        (40 * GIB, {"mounts": {"/m": {"bucket": FOLDER, "readOnly": False}}}, []),
    ],
)
def test_a_start_is_foreseen(size, said, notes):
    """What does not fit, what takes too long to read, and who waits; nothing of what nobody knows."""
    found = told(size, **said)

    assert [path for _, path in found] == [path for path, _ in notes]
    assert all(words in text for (text, _), (_, words) in zip(found, notes, strict=True))


@pytest.mark.parametrize(
    ("mount", "roles"),
    [
        (FOLDER, "roles/storage.objectViewer on the buckets it mounts"),
        ({"bucket": FOLDER, "readOnly": False}, "roles/storage.objectUser on the buckets it writes to"),
        ({"memory": "1Gi"}, None),
    ],
)
def test_an_account_of_yours_must_have_what_mounts_need(mount, roles):
    """A bucket that is written to needs more than reading; an account of our making is given it."""
    spec = {"region": "europe-west4", "image": "a", "mounts": {"/m": mount}}
    yours = {"access": {"serviceAccount": "a@p.iam.gserviceaccount.com"}}

    said = [
        [text for text, path in notes(_service({**spec, **more}), Facts("p", "b")) if path == "access.serviceAccount"]
        for more in (yours, {})
    ]

    assert said == [[f"the account is yours, and so are its roles: {roles}"] if roles else [], []]


def _service(spec):
    head = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": "w"}}
    return MLService.model_validate({**head, "spec": spec})
