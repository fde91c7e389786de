"""The specs that other tests draw are specs, and every spec survives being written and read."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import load, to_yaml
from tests.strategies.specs import service_specs
from tests.strategies.whole_specs import whole_specs

pytestmark = pytest.mark.slow  # hundreds of drawn specs, left out of `make check`

SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def read(tmp_path):
    """Write data or a service as YAML and load it."""

    def write_and_load(data):
        file = tmp_path / "mlservice.yaml"
        file.write_text(to_yaml(data), encoding="utf-8")
        (loaded,) = load(file).services
        return loaded

    return write_and_load


@SETTINGS
@given(data=service_specs(secrets=("token", "key")) | whole_specs())
def test_a_service_written_and_read_is_the_same(read, data):
    """What other property tests are fed is valid, without exception, and `to_yaml` and `load` are inverse.

    So `import` can write what `plan` then finds unchanged.
    """
    service = read(data).service

    assert service.name == data["metadata"]["name"]
    assert read(service).service == service


def test_a_key_with_dots_has_a_place(read):
    """As people write its path, and in parts; what is not below it is where it is."""
    loaded = read(
        {
            "apiVersion": "mlservice/v1",
            "kind": "MLService",
            "metadata": {"name": "a"},
            "spec": {"region": "us-east1", "image": "a", "revision": {"annotations": {"a.example/b.c": "x", "z": "y"}}},
        }
    )
    lines = loaded.file.read_text("utf-8").splitlines()
    for path in ("revision.annotations.a.example/b.c", "revision.annotations.z"):
        assert path.rpartition("annotations.")[2] in lines[loaded.where(path).line - 1]
    assert "annotations:" in lines[loaded.where("revision.annotations.a.other").line - 1]


@SETTINGS
@given(data=whole_specs(), draws=st.data())
def test_every_value_has_a_place(read, data, draws):
    """Whatever was written, `where` names a line inside the file, and the path asked for."""
    loaded = read(data)
    here, path = data["spec"], []
    while isinstance(here, (dict, list)) and here:
        key = draws.draw(st.sampled_from(list(here) if isinstance(here, dict) else list(range(len(here)))))
        here, path = here[key], [*path, key]

    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    where = loaded.where(text)

    lines = loaded.file.read_text("utf-8").splitlines()
    assert where.path == text
    assert str(path[-1]) in lines[where.line - 1] or isinstance(path[-1], int)
