"""The specs that other tests draw are specs."""

from hypothesis import HealthCheck, given, settings

from schemas import load, to_yaml
from tests.strategies.specs import service_specs


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=service_specs(secrets=("token", "key")))
def test_every_drawn_spec_loads(tmp_path, data):
    """What the engine's property tests are fed is valid, without exception."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(to_yaml(data), encoding="utf-8")

    (loaded,) = load(file).services

    assert loaded.service.name == data["metadata"]["name"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=service_specs(secrets=("token", "key")))
def test_a_service_written_and_read_is_the_same(tmp_path, data):
    """`to_yaml` and `load` are inverse, so `import` can write what `plan` then finds unchanged."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(to_yaml(data), encoding="utf-8")
    (loaded,) = load(file).services

    file.write_text(to_yaml(loaded.service), encoding="utf-8")
    (again,) = load(file).services

    assert again.service == loaded.service
