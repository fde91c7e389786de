"""The part of a Cloud Run service that revisions are made of, between our record and Google's message.

Source:
    Defaults that the server fills in: `google.cloud.run.v2` of google-cloud-run 0.16.2, and kinds.md 3.1.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.core.diff import gone_keys
from reconciler.core.naming import ATTEMPT_LABEL, MODEL_ENV, VERSION_LABEL
from reconciler.gcp.light import types_module
from reconciler.kinds.run_service import container, fields, volumes
from reconciler.kinds.run_service.container import GPU
from reconciler.kinds.run_service.quantities import cpu_millis, memory_mib, write_limits

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.kinds.run_service.record import RunService

RUNTIME_ENV = "MLSERVICE_RUNTIME"
ANSWERS_ENV = "MLSERVICE_EVENTS_TOPIC"
LOG_ENV, LOG_RATE_ENV = "MLSERVICE_PREDICTION_LOG", "MLSERVICE_PREDICTION_LOG_RATE"
SHADOW_ENV, SHADOW_PERCENT_ENV = "MLSERVICE_SHADOW_TAG", "MLSERVICE_SHADOW_PERCENT"
READY_PATH = "/health/ready"
LIVE_PATH = "/health/live"

_DEFAULT_TIMEOUT_S = 300
_DEFAULT_MAX_INSTANCES = 100
_DEFAULT_CONCURRENCY = 80


def read_template(template: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    """Read the fields of `RunService` that live in a template.

    Args:
        template: Message.
        said: The same as JSON.
    """
    containers, mounts = said.get("containers", []), volumes.read(said)
    place = container.serving(containers)
    main = template.containers[place] if containers else types_module("google.cloud.run_v2", "k8s_min").Container()
    plain_env = {e.name: e.value for e in main.env if not e.value_source.secret_key_ref.secret}
    limits = dict(main.resources.limits)
    has_gpu = any(each.get("resources", {}).get("limits", {}).get(GPU) for each in containers)
    return {
        "image": main.image,
        "model": (model := _parsed(plain_env.pop(MODEL_ENV, ""))),
        "columns": columns(model),
        "runtime": _parsed(plain_env.pop(RUNTIME_ENV, "")),
        "version": template.labels.get(VERSION_LABEL, ""),
        "attempt": template.labels.get(ATTEMPT_LABEL, ""),
        "env": plain_env,
        "secrets": {
            e.name: f"{e.value_source.secret_key_ref.secret}:{e.value_source.secret_key_ref.version}"
            for e in main.env
            if e.value_source.secret_key_ref.secret
        },
        "container": container.read(containers[place] if containers else {"resources": {"cpuIdle": False}}),
        "mounts": mounts[place] if containers else {},
        "sidecars": {
            each.get("name") or f"container-{index + 1}": container.read_sidecar(each, mounts[index])
            for index, each in enumerate(containers)
            if index != place
        },
        "template": fields.read(said, fields.TEMPLATE),
        "cpu_millis": cpu_millis(limits.get("cpu", "1")),
        "memory_mib": memory_mib(limits.get("memory", "512Mi")),
        "gpu": template.node_selector.accelerator if has_gpu else "",
        "gpu_zonal_redundancy": has_gpu and not template.gpu_zonal_redundancy_disabled,
        "concurrency": template.max_instance_request_concurrency or _DEFAULT_CONCURRENCY,
        "timeout_s": int(template.timeout.total_seconds()) if template.timeout else _DEFAULT_TIMEOUT_S,
        "max_instances": template.scaling.max_instance_count or _DEFAULT_MAX_INSTANCES,
        "service_account": template.service_account,
    }


def write_template(template: Any, want: RunService, changes: Collection[FieldChange] = ()) -> None:
    """Write our fields into a template and leave every other field as it is.

    Args:
        template: Message to change.
        want: Our record.
        changes: What differs: keys of ours that are to go are among it.
    """
    before = read_template(template, plain(template))
    # A name chosen for the revision before would collide with it (kinds.md: "template.revision is a trap").
    template.revision = ""
    template.service_account = want.service_account
    template.timeout = {"seconds": want.timeout_s}
    template.max_instance_request_concurrency = want.concurrency
    template.scaling.max_instance_count = want.max_instances
    _write_label(template, VERSION_LABEL, want.version)
    _write_label(template, ATTEMPT_LABEL, want.attempt or "")
    message = type(template).pb(template)
    fields.write(message, fields.TEMPLATE, want.template, fields.gone(changes, "template", before["template"]))
    main, said = _main(message, want)
    main.image = want.image
    container.write(main, said, fields.gone(changes, "container", before["container"]))
    _write_env(main, want, gone_keys(changes, "env") | gone_keys(changes, "secrets"))
    _write_sidecars(message, main, want, fields.gone(changes, "sidecars", before["sidecars"]))
    _write_sizes(message, main, want)
    _write_mounts(message, main, want, fields.gone(changes, "mounts", before["mounts"]))


def _main(message: Any, want: RunService) -> tuple[Any, Mapping[str, Any]]:
    """Give the container that takes requests, and what is wanted of it; a port that a hand gave to another goes back.

    The name that was seen is then another container's, and `PORT` is Cloud Run's to set where the port is.
    """
    listed = _json(message).get("containers", [])
    place = container.main_of(listed, want.container.get("name", ""), want.image, want.sidecars)
    main, holder = message.containers[place] if place >= 0 else message.containers.add(), container.serving(listed)
    if place == holder or holder < 0:
        return main, want.container
    taken = message.containers[holder]
    fields.assign(main, "ports", listed[holder].get("ports"))
    fields.assign(taken, "ports", None)
    fields.assign(main, "env", [each for each in _json(main).get("env", ()) if each["name"] != "PORT"])
    same = want.container.get("name") == taken.name
    return main, {key: value for key, value in want.container.items() if not (key == "name" and same)}


def plain(message: Any) -> dict[str, Any]:
    """Give a message of Google's client as JSON: what has its default is left out."""
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - late, for start-up

    found: dict[str, Any] = MessageToDict(type(message).pb(message))
    return found


def _write_sizes(message: Any, main: Any, want: RunService) -> None:
    limits = main.resources.limits
    write_limits(limits, want.cpu_millis, want.memory_mib)
    limits.pop(GPU, None)
    if want.gpu and not any(each.resources.limits.get(GPU) for each in message.containers if each is not main):
        limits[GPU] = "1"
    if want.gpu:
        message.node_selector.accelerator = want.gpu
        message.gpu_zonal_redundancy_disabled = not want.gpu_zonal_redundancy
    else:
        message.node_selector.ClearField("accelerator") if message.HasField("node_selector") else None
        message.ClearField("gpu_zonal_redundancy_disabled")


def _write_sidecars(message: Any, main: Any, want: RunService, gone: Collection[str]) -> None:
    for index in reversed(range(len(message.containers))):
        each = message.containers[index]
        if each is not main and (each.name or f"container-{index + 1}") in gone:
            del message.containers[index]
    there = {each.name: each for each in message.containers if each is not main}
    for name, said in want.sidecars.items():
        container.write_sidecar(there[name] if name in there else message.containers.add(), name, said)


def _write_mounts(message: Any, main: Any, want: RunService, gone: Collection[str]) -> None:
    """Mount what is wanted; what others mounted in the container that takes requests, or in theirs, stays."""
    said = _json(message)
    there = volumes.read(said)
    wanted = []
    for each, live in zip(message.containers, there, strict=True):
        if each is main:
            kept = {path: mount for path, mount in live.items() if path not in gone}
            wanted.append({**kept, **want.mounts})
        else:
            wanted.append(want.sidecars[each.name].get("mounts", {}) if each.name in want.sidecars else live)
    if wanted == there:
        return
    volumes.write(said, wanted)
    fields.assign(message, "volumes", said.get("volumes"))
    for each, written in zip(message.containers, said["containers"], strict=True):
        fields.assign(each, "volumeMounts", written.get("volumeMounts"))


def _json(message: Any) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - late, for start-up

    found: dict[str, Any] = MessageToDict(message)
    return found


def _write_label(template: Any, key: str, value: str) -> None:
    if value:
        template.labels[key] = value
    else:
        template.labels.pop(key, None)


def _write_env(main: Any, want: RunService, gone: Collection[str]) -> None:
    """Write our variables; those that others added stay."""
    entries = {e["name"]: e for e in _json(main).get("env", ()) if e["name"] not in gone}
    for name, section in ((MODEL_ENV, want.model), (RUNTIME_ENV, want.runtime)):
        entries.pop(name, None)
        if section:
            entries[name] = {"name": name, "value": _written(section)}
    entries |= {each["name"]: each for each in container.env_message(want.env, want.secrets)}
    fields.assign(main, "env", [entries[name] for name in sorted(entries)])


def _written(section: Mapping[str, Any]) -> str:
    # Order is meaning here: features are the model's columns, in the order of the spec.
    return json.dumps(section, separators=(",", ":"))


def _parsed(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        # Someone wrote over it by hand; shown as it is, and put right by the next apply.
        return {"": text}
    return found if isinstance(found, dict) else {"": text}


def columns(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the model's columns in order. Maps compare without order, and this order decides what is predicted."""
    features = model.get("features")
    return tuple(features) if isinstance(features, Mapping) else ()
