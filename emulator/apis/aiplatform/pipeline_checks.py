"""What a pipeline job may ask for.

Source: comments of `PipelineJob`; constraints.md section 1. The texts are in the service's style, not seen there.
"""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import yaml
from google.protobuf import json_format

from emulator.apis.aiplatform import buckets
from emulator.apis.aiplatform.job_checks import check_account
from emulator.apis.aiplatform.labels import LONGEST_NAME, check_labels
from emulator.apis.aiplatform.refusals import invalid, refuse
from emulator.core.failures import ApiFailure
from emulator.core.world import World

PARAMETERS = ("root", "inputDefinitions", "parameters")
NEEDED = "Pipelines are run by KFP's own local runner: the emulator needs `mlservice[pipelines]`."


def check(world: World, job: Any) -> None:
    """Check a job that is sent, and put in the pipeline that it names by an address.

    Raises:
        ApiFailure: INVALID_ARGUMENT, PERMISSION_DENIED; UNIMPLEMENTED for what cannot be run here.
    """
    if find_spec("kfp") is None:
        raise ApiFailure("UNIMPLEMENTED", NEEDED)
    check_account(world, job.service_account)
    if not job.pipeline_spec.fields:
        load_template(world, job)
    refuse(findings(job))


def load_template(world: World, job: Any) -> None:
    """Read the pipeline that `template_uri` names. Google reads its own registry; the emulator reads Cloud Storage.

    Raises:
        ApiFailure: INVALID_ARGUMENT: nothing, or no pipeline, is there; UNIMPLEMENTED for the registry.
    """
    address = job.template_uri
    if not address:
        raise invalid(("pipeline_job.pipeline_spec", "A pipeline spec or a template URI is required."))
    if buckets.split(address) is None:
        text = f"The emulator reads templates from Cloud Storage only, and {address!r} is elsewhere."
        raise ApiFailure("UNIMPLEMENTED", text)
    content = buckets.content(world, address)
    if content is None:
        raise invalid(("pipeline_job.template_uri", f"There is no object {address}."))
    try:
        job.pipeline_spec.update(json.loads(json.dumps(next(yaml.safe_load_all(content)))))
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, StopIteration) as error:
        raise invalid(("pipeline_job.template_uri", f"{address} is no compiled pipeline.")) from error


def findings(job: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a job."""
    if len(job.display_name) > LONGEST_NAME:
        yield "pipeline_job.display_name", f"Display name must be at most {LONGEST_NAME} characters long."
    yield from check_labels(job.labels, "pipeline_job.labels")
    field = "pipeline_job.runtime_config.gcs_output_directory"
    yield from ((field, text) for text in buckets.folder(job.runtime_config.gcs_output_directory))
    if not inside(spec_of(job), "root", "dag", "tasks"):
        yield "pipeline_job.pipeline_spec", "The pipeline spec has no tasks below root.dag."
    else:
        yield from parameters_wrong(inside(spec_of(job), *PARAMETERS), set(job.runtime_config.parameter_values))


def inside(found: Any, *keys: str) -> dict[str, Any]:
    """An object inside others; an empty one where there is none: anything may be sent as a pipeline."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def parameters_wrong(known: dict[str, Any], given: set[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with the parameters: one that nobody knows, one that is missing."""
    field = "pipeline_job.runtime_config.parameter_values"
    for name in sorted(given - known.keys()):
        yield field, f"The pipeline has no parameter {name!r}."
    for name in sorted(known.keys() - given):
        definition = inside(known, name)
        if "defaultValue" not in definition and not definition.get("isOptional"):
            yield field, f"The parameter {name!r} has no default and is missing."


def spec_of(job: Any) -> dict[str, Any]:
    """The compiled pipeline as plain JSON."""
    found: dict[str, Any] = json_format.MessageToDict(job.pipeline_spec)
    return found


def parameters_of(job: Any) -> dict[str, Any]:
    """The parameters as plain JSON. A number that a pipeline wants whole is whole: protobuf has floats only."""
    kinds = inside(spec_of(job), *PARAMETERS)
    found: dict[str, Any] = {}
    for name, sent in job.runtime_config.parameter_values.items():
        value: Any = json_format.MessageToDict(sent)
        whole = inside(kinds, name).get("parameterType") == "NUMBER_INTEGER" and isinstance(value, float)
        found[name] = int(value) if whole else value
    return found
