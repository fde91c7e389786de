"""A Vertex AI pipeline: one that `kfp` compiled, read from Cloud Storage or from Artifact Registry.

The pipeline is read here and sent along, since Vertex AI itself reads templates of Artifact Registry only, and since
the parameters of ours go to pipelines that declare them.

Source: aiplatform v1 `PipelineJob` (`pipelineSpec`, `templateUri`, `runtimeConfig.parameterValues`);
    https://cloud.google.com/vertex-ai/docs/pipelines/create-pipeline-template (how a template is fetched).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from runtime.retraining.decision import Event
from runtime.retraining.google import MISSING, Bucket, Google, Refused
from runtime.retraining.handling import NotStarted
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.trainers.on_vertex import VertexJobs
from runtime.retraining.trainers.told import variables
from runtime.retraining.vertex import TAKEN, label_of

LARGEST = 4 << 20
"""Bytes of a compiled pipeline that are read, and that it may have as JSON."""
REGISTRY = re.compile(r"https://[a-z0-9-]+-kfp\.pkg\.dev/\S+")
"""The one sort of host that the function's own token is sent to for a template."""
OURS = {
    "mlservice_run": "MLSERVICE_RUN",
    "mlservice_output": "MLSERVICE_OUTPUT",
    "mlservice_metrics": "MLSERVICE_METRICS",
    "mlservice_dataset": "MLSERVICE_DATASET",
    "mlservice_live": "MLSERVICE_LIVE",
}
"""Parameters that a pipeline may declare, and the variables that a container would find the same in."""


class VertexPipeline(VertexJobs):
    """Starts pipeline jobs. Their ids are ours to choose, so a run has one whatever happens."""

    def __init__(self, settings: Settings, google: Google) -> None:
        super().__init__(settings, google)
        self._google = google

    def find(self, key: str) -> str | None:
        """Give the name of the pipeline job that was started for a key, if it was."""
        try:
            return str(self._place.call("GET", f"{self._place.name}/pipelineJobs/{label_of(key)}")["name"])
        except Refused as refusal:
            if refusal.status == MISSING:
                return None
            raise

    def start(self, run: Run, event: Event) -> str:
        """Start a pipeline job; its name. One that is there already is the one.

        Raises:
            NotStarted: The template cannot be had, or Vertex AI refused it, and would again.
            Unavailable: Something is too busy, or not well.
        """
        label, body = label_of(run.key), self.body(run, event)
        try:
            found = self._place.call("POST", f"{self._place.name}/pipelineJobs", body, pipelineJobId=label)
        except Refused as refusal:
            if refusal.status == TAKEN:
                return f"{self._place.name}/pipelineJobs/{label}"
            raise NotStarted(str(refusal)) from refusal
        return str(found["name"])

    def body(self, run: Run, event: Event) -> dict[str, Any]:
        """Give the request that starts a run.

        Raises:
            NotStarted: The template cannot be had, or is none.
        """
        wanted = self._settings.run["vertexPipeline"]
        spec = compiled(template(self._google, wanted["template"]), wanted["template"])
        root = wanted.get("pipelineRoot") or f"{self._settings.output(run.key)}pipeline"
        from_registry = {"templateUri": wanted["template"]} if REGISTRY.fullmatch(wanted["template"]) else {}
        return {
            **self._common(run, event),
            **self._account,
            **from_registry,
            "pipelineSpec": spec,
            "runtimeConfig": {
                "gcsOutputDirectory": root,
                "parameterValues": self._parameters(declared(spec), variables(self._settings, run, event)),
            },
        }

    def _parameters(self, known: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
        """Give the parameters: those of the spec as they are, so that a wrong name is refused; ours where declared."""
        wanted = self._settings.run["vertexPipeline"].get("parameters", {})
        ours = {name: told.get(variable, "") for name, variable in OURS.items() if name in known}
        general = {name: value for name, value in self._settings.parameters.items() if name in known}
        return {name: typed(value, known.get(name)) for name, value in {**ours, **general, **wanted}.items()}


def typed(value: Any, declaration: Any) -> Any:
    """Give a parameter as the pipeline declares it: the spec's are texts.

    Args:
        value: As the spec has it.
        declaration: Of the parameter in the compiled pipeline; None of one that it has not, which Vertex AI refuses.
    """
    sort = declaration.get("parameterType") if isinstance(declaration, Mapping) else None
    if sort in {None, "STRING"} or not isinstance(value, str):
        return value
    try:
        return json.loads(value)  # true, 7, 0.5, [1, 2], {"a": 1}
    except (ValueError, RecursionError):
        return value  # Vertex AI says what is wrong with it


def template(google: Google, address: str) -> bytes:
    """Read a compiled pipeline.

    Raises:
        NotStarted: It is not there, may not be read, or is too large.
        Unavailable: No answer.
    """
    try:
        content = _from_bucket(google, address) if address.startswith("gs://") else _from_registry(google, address)
    except Refused as refusal:
        raise NotStarted(f"the pipeline cannot be read: {refusal}") from refusal
    if len(content) > LARGEST:
        raise NotStarted(f"{address} has more than {LARGEST} bytes")
    return content


def _from_bucket(google: Google, address: str) -> bytes:
    bucket, _, name = address.removeprefix("gs://").partition("/")
    found = Bucket(google, bucket).read(name, most=LARGEST)
    if found is None:
        raise NotStarted(f"the pipeline cannot be read: there is no {address}")
    return found[0]


def _from_registry(google: Google, address: str) -> bytes:
    if not REGISTRY.fullmatch(address):
        raise NotStarted(f"{address} is neither in Cloud Storage nor in Artifact Registry")
    if os.environ.get("MLSERVICE_EMULATOR"):
        raise NotStarted(f"the emulator has no host of pipelines, as {address} names one: put it into a gs:// bucket")
    content: bytes = google.answer(f"read {address}", "GET", address).content
    return content


def compiled(content: bytes, address: str) -> dict[str, Any]:
    """Read a compiled pipeline: the first document of YAML, or JSON, which is YAML too.

    Raises:
        NotStarted: It is none, or unfolds to more than it may.
    """
    import yaml  # noqa: PLC0415 - late: no other way to train needs it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = next(yaml.load_all(content, Loader=loader), None)
        size = 0
        # Aliases of YAML may unfold to gigabytes: counted while it is written, and not kept.
        for piece in json.JSONEncoder().iterencode(found):
            size += len(piece)
            if size > LARGEST:
                raise NotStarted(f"{address} unfolds to more than {LARGEST} bytes")
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise NotStarted(f"{address} is no compiled pipeline: {type(error).__name__}") from error
    if not isinstance(found, dict) or "root" not in found:
        raise NotStarted(f"{address} is no compiled pipeline: it has no root")
    return found


def declared(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the parameters that a compiled pipeline declares, by name."""
    found: Any = spec
    for key in ("root", "inputDefinitions", "parameters"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
