"""What the spec says, the reconciler hands over and the server reads is one language: nothing is lost on the way."""

from typing import Any

import msgspec
import pytest
from google.cloud.run_v2.types import revision_template
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.facts import Facts
from reconciler.core.objects import Desired
from reconciler.kinds.run_service import KIND
from reconciler.kinds.run_service.template import write_template
from runtime.configuration import settings as server
from runtime.configuration.options import Options, options_from_environment
from schemas import load, to_yaml
from schemas.section import Section
from schemas.sections import model as model_section
from schemas.sections import runtime as runtime_section
from schemas.service import Spec
from schemas.units import duration_ms
from tests.strategies.specs import runtimes
from tests.strategies.whole_specs import models

# The server's sections, the language's, and what only one of them knows.
SECTIONS = [
    # `local` is a folder on the machine that serves, `allowCode` a word of its command line. Both have a `name`: of the
    # server's that is the service's, of the spec's the registry's, which the server is not told.
    (server.ModelSettings, model_section.Model, {"local", "allowCode"}),
    (server.Feature, model_section.Feature, {"monitor"}),  # for the monitor
    (server.Prediction, model_section.Prediction, {"values"}),  # for the monitor
    (server.RuntimeSettings, runtime_section.Runtime, {"startup"}),  # for Cloud Run's probe
    (server.Batching, runtime_section.Batching, set()),
    (server.Limits, runtime_section.Limits, set()),
    (server.AccessLog, runtime_section.AccessLog, set()),
    (server.Shadow, runtime_section.Shadow, set()),
]


@pytest.mark.parametrize(("read", "written", "own"), SECTIONS, ids=[read.__name__ for read, _, _ in SECTIONS])
def test_every_key_is_known_to_both(read, written, own):
    """What the server reads a user can write, and what a user writes about it the server reads."""
    keys = {field.encode_name for field in msgspec.structs.fields(read)}
    words = {str(field.alias) for field in written.model_fields.values()}

    assert keys ^ words == own
    unread, not_written = server.UNREAD.get(read, ()), server.NOT_WRITTEN.get(read, ())
    assert read is server.RuntimeSettings or own == {*unread, *not_written}, "a model.yaml has the language's words"


@pytest.fixture
def container(tmp_path):
    """Give a spec, and the environment of its container as the reconciler would write it."""

    def compose(spec: dict) -> tuple[Spec, dict[str, str]]:
        head = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": "drawn"}}
        file = tmp_path / "mlservice.yaml"
        file.write_text(to_yaml({**head, "spec": {"region": "europe-west1", **spec}}), encoding="utf-8")
        (loaded,) = load(file).services
        wanted = KIND.desired(loaded.service, Facts("acme", "acme-mlservice"))
        (want,) = (each for each in wanted if isinstance(each, Desired) and each.address.kind == KIND.name)
        template = revision_template.RevisionTemplate()
        write_template(template, KIND.refine(want, None))
        return loaded.service.spec, {entry.name: entry.value for entry in template.containers[0].env}

    return compose


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=models(), runtime=runtimes() | st.none())
def test_the_server_reads_what_the_spec_says(container, model, runtime):
    """Every value, written or left to its default, is on the server's side what it is in the spec."""
    spec, environment = container({"model": model, "runtime": runtime})

    heard = _plain(server.model_from_environment(environment))
    assert heard == {**_said(spec.model, heard), "uri": heard["uri"]}  # the uri is resolved on the way
    assert list(heard["features"]) == list(model["features"])
    heard = _plain(server.runtime_from_environment(environment))
    left_out = {"batching": runtime_section.Batching(), "limits": runtime_section.Limits()}
    complete = {key: getattr(spec.runtime, key) or default for key, default in left_out.items()}
    assert _in_ms(heard) == _in_ms(_said(spec.runtime.model_copy(update=complete), heard))


def _plain(heard: msgspec.Struct) -> dict[str, Any]:
    """A section as the server understood it, defaults and all."""
    return msgspec.json.decode(msgspec.json.encode(heard))


def _said(section: Section, heard: dict[str, Any]) -> dict[str, Any]:
    """A section as YAML writes it, defaults and all; what the language has no word for is as heard."""
    return _completed(section.model_dump(mode="json", by_alias=True), heard)


def _completed(said: Any, heard: Any) -> Any:
    if isinstance(heard, dict) and isinstance(said, dict):
        return {key: _completed(said.get(key, value), value) for key, value in heard.items()}
    return said


def _in_ms(runtime: dict[str, Any]) -> dict[str, Any]:
    """`300s` and `5m` are one duration."""
    batching = {**runtime["batching"], "maxDelay": duration_ms(runtime["batching"]["maxDelay"])}
    return {**runtime, "timeout": duration_ms(runtime["timeout"]), "batching": batching}


def test_limits_and_the_access_log_reach_the_server(container):
    """The section's values are what the server goes by."""
    limits = {"maxBody": "2Mi", "maxRows": 50}
    _, environment = container({"model": {"uri": "./m"}, "runtime": {"limits": limits, "accessLog": {}}})

    options = options_from_environment(environment, server.runtime_from_environment(environment))

    assert (options.max_body, options.max_rows, options.access_log) == (2 * 2**20, 50, 1.0)


def test_left_out_the_options_are_the_defaults(container):
    """A spec that says nothing, and no spec at all, mean the same server."""
    _, environment = container({"model": {"uri": "./m"}})

    assert options_from_environment(environment, server.runtime_from_environment(environment)) == Options()
    assert options_from_environment({}) == Options()


def test_a_variable_wins_over_the_section():
    """Who starts the container by hand has the last word."""
    runtime = server.RuntimeSettings(limits=server.Limits(max_rows=50))

    assert options_from_environment({"MLSERVICE_MAX_ROWS": "7"}, runtime).max_rows == 7


@pytest.mark.parametrize("text", ["10", "10MB", "", "1.5Mi"])
def test_what_is_no_amount_is_refused(text):
    """Amounts have a binary unit."""
    with pytest.raises(server.SettingsError, match="is no amount of memory"):
        server.size(text)
