"""Fields of a service and of its template that stand for themselves: read, written and compared by one table.

Keys are Google's JSON names. A key that a spec says nothing of is left as it was found, or, where it was ours or has
what a new service has, is held at that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core import stamp
from reconciler.core.naming import ATTEMPT_LABEL, VERSION_LABEL
from schemas.cloud_run import FREE

Plain = Mapping[str, Any]


def _unless(usual: Any = None) -> Callable[[Any], Any]:
    """Give the form of a value that is blank where it says what is so anyhow."""
    return lambda said: "" if not said or said == usual else said


_OR_BLANK = _unless()


@dataclass(frozen=True, slots=True)
class Field:
    """One field. What a new service has of which nothing is said is blank: plans show no line of it.

    Args:
        blank: An empty value of its type; of numbers, flags and words the empty text.
        path: Where it stands in the message's JSON, where that is not its key.
        mask: Its path in the update mask, for a field outside of the template.
        form: Brings a value into its one form.
    """

    blank: Any = ""
    path: tuple[str, ...] = ()
    mask: str = ""
    form: Callable[[Any], Any] = _OR_BLANK


def _policy(said: Any) -> dict[str, Any]:
    """Give which policy holds; leaving it aside for once is a person's act."""
    return {name: said[name] for name in ("useDefault", "policy") if said.get(name)}


def _egress(said: Any) -> dict[str, Any]:
    """Give VPC access in its one form: Cloud Run takes one interface.

    Source:
        `VpcAccess` of google-cloud-run 0.16.2; the server fills in the egress.
    """
    if not said:
        return {}
    interfaces = said.get("networkInterfaces") or [{}]
    found = {"connector": said.get("connector", ""), **interfaces[0]}
    found["tags"] = list(found.get("tags", ()))
    told = {name: value for name, value in found.items() if value}
    return {**told, "egress": said.get("egress", "PRIVATE_RANGES_ONLY")} if told else {}


def _egress_message(said: Plain) -> dict[str, Any]:
    if not said:
        return {}
    direct = {name: said[name] for name in ("network", "subnetwork", "tags") if said.get(name)}
    found = {"egress": said["egress"]}
    return {**found, "networkInterfaces": [direct]} if direct else {**found, "connector": said["connector"]}


TEMPLATE: Mapping[str, Field] = {
    "executionEnvironment": Field(),
    "sessionAffinity": Field(),
    "healthCheckDisabled": Field(),
    "vpcAccess": Field({}, form=_egress),
    "encryptionKey": Field(),
    "encryptionKeyRevocationAction": Field(),
    "encryptionKeyShutdownDuration": Field(form=_unless("0s")),
    "minInstanceCount": Field(path=("scaling", "minInstanceCount")),
    "serviceMesh": Field(path=("serviceMesh", "mesh")),
}
SERVICE: Mapping[str, Field] = {
    "description": Field(mask="description"),
    "launchStage": Field(mask="launch_stage", form=_unless("GA")),
    "binaryAuthorization": Field({}, mask="binary_authorization", form=_policy),
    "customAudiences": Field([], mask="custom_audiences", form=list),
    "defaultUriDisabled": Field(mask="default_uri_disabled"),
    "iapEnabled": Field(mask="iap_enabled"),
    "scalingMode": Field(path=("scaling", "scalingMode"), mask="scaling", form=_unless("AUTOMATIC")),
    "manualInstanceCount": Field(path=("scaling", "manualInstanceCount"), mask="scaling"),
}
OURS = "mlservice.dev/"
"""Annotations of ours, beside the traffic."""
_MAPS = ("labels", "annotations")
"""Maps whose keys are fields each: `labels.team`. Others write to them too."""
_OURS = frozenset({VERSION_LABEL, ATTEMPT_LABEL, stamp.COMMIT, stamp.UNCOMMITTED, stamp.RUN, stamp.SPECS})
_WRITE: Mapping[str, Callable[[Any], Any]] = {"vpcAccess": _egress_message}


def read(message: Plain, table: Mapping[str, Field], maps: Iterable[str] = _MAPS) -> dict[str, Any]:
    """Read every field of a table from a message's JSON, and the keys of its maps that are not ours."""
    found: dict[str, Any] = {}
    for key, field in table.items():
        value: Any = message
        for part in field.path or (key,):
            value = value.get(part) if isinstance(value, Mapping) else None
        found[key] = field.blank if value is None else field.form(value)
    for name in maps:
        found |= {f"{name}.{key}": value for key, value in message.get(name, {}).items() if key not in _OURS}
    return found


def formed(table: Mapping[str, Field], said: Plain) -> dict[str, Any]:
    """Bring what a spec says into its one form."""
    return {key: table[key].form(value) if key in table else value for key, value in said.items()}


def write(message: Any, table: Mapping[str, Field], values: Plain, gone: Iterable[str] = ()) -> None:
    """Write fields into a message, and leave the others, known here or not, as they are.

    Args:
        message: Protocol buffer to change.
        table: Of the fields.
        values: By key, in their one form.
        gone: Keys that are to have what a new service has.
    """
    for key, value in {**{key: table[key].blank if key in table else None for key in gone}, **values}.items():
        if key not in table:
            name, _, below = key.partition(".")
            here = getattr(message, name)
            here.pop(below, None)
            if value or (value is not None and not below.startswith(OURS)):  # an empty one of ours is to go
                here[below] = value
            continue
        *above, last = table[key].path or (key,)
        part, blank = message, value == table[key].blank
        if blank and above and not message.HasField(snake(above[0])):
            continue
        for step in above:
            part = getattr(part, snake(step))
        assign(part, last, None if blank else _WRITE.get(key, lambda said: said)(value))


def assign(message: Any, name: str, value: Any) -> None:
    """Set one field of a protocol buffer from JSON; None clears it.

    Args:
        message: To change.
        name: JSON name of the field.
        value: As JSON has it.
    """
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - late, for start-up

    message.ClearField(snake(name))
    if value is not None:
        ParseDict({name: value}, message)


def snake(name: str) -> str:
    """Give a field's name as the definition has it, from its JSON name."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def gone(changes: Iterable[Any], field: str, there: Iterable[str]) -> frozenset[str]:
    """Give the keys of ours that are to go from a map field whose values have fields of their own.

    Args:
        changes: `FieldChange`s of the record.
        field: Of the record.
        there: Keys that are there: what a path names below one of them is no key.
    """
    paths = {change.path for change in changes if change.field == field and change.after is None}
    return frozenset(key for key in there if f"{field}.{key}" in paths)


def mask_of(path: str) -> str:
    """Give the path in the update mask of a field of `SERVICE`, or of one of its annotations.

    Args:
        path: Of a change, such as `service.description`.
    """
    key = path.removeprefix("service.").split(".", 1)[0].split("[", 1)[0]
    return SERVICE[key].mask if key in SERVICE else key


def free(cloud_run: Plain) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide what a spec says in Cloud Run's own words into fields of the service and of the template."""
    service: dict[str, Any] = {}
    template: dict[str, Any] = {}
    for path, field in FREE.items():
        value: Any = cloud_run
        parts = path.split(".")
        for part in parts:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            (template if field.template else service)[parts[1] if field.template else path] = value
    return service, template
