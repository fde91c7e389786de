"""What we manage of a function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import stamp
from reconciler.core.address import Address
from reconciler.core.naming import fingerprint, mark_of
from reconciler.core.objects import Observed
from reconciler.core.reference import Ref

NAME = "functions_function"
SOURCE_LABEL = "mlservice-source"
"""Holds the digest of the archive: the answer does not tell what a source is (kinds.md section 8)."""
INGRESS = {
    "All": "ALLOW_ALL",
    "Internal": "ALLOW_INTERNAL_ONLY",
    "InternalAndLoadBalancing": "ALLOW_INTERNAL_AND_GCLB",
}
_NOT_COMPARED = frozenset({SOURCE_LABEL, *stamp.KEYS})
_GOOGLES_VARIABLE = "LOG_EXECUTION_ID"
"""Added to every function (kinds.md section 8)."""
_MIB = {"": 2**-20, "k": 2**-10, "M": 1, "G": 2**10}


@dataclass(frozen=True, slots=True)
class FunctionsFunction:
    """The fields we manage. Every other field of the live function is left as found.

    Args:
        digest: Of the archive it is built from; empty of a function that does not work and is to be built again.
        runtime: Such as `python313`.
        environment: Variables of ours.
        account: E-mail of the account that it runs as.
        memory_mib: 128 to 32768.
        cpu_millis: Thousandths of a vCPU; 1000 or more for several requests at once.
        concurrency: Requests at once in one instance.
        timeout_s: Patience with one request, 1 to 3600.
        max_instances: Instances at once.
        ingress: `All`, `Internal`, `InternalAndLoadBalancing`.
        labels: Labels of ours, without those that tell the source, and what it came from.
        by_hand: Instances that somebody keeps running: they cost money all the time.
    """

    digest: str
    runtime: str
    environment: Mapping[str, str]
    account: str | Ref
    memory_mib: int
    cpu_millis: int
    concurrency: int
    timeout_s: int
    max_instances: int
    ingress: str
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def from_api(live: Any) -> FunctionsFunction:
    """Turn a live function into our record; the server's defaults end here."""
    config, ingress = live.service_config, {theirs: ours for ours, theirs in INGRESS.items()}
    return FunctionsFunction(
        digest=live.labels.get(SOURCE_LABEL, ""),
        runtime=live.build_config.runtime,
        environment={key: value for key, value in config.environment_variables.items() if key != _GOOGLES_VARIABLE},
        account=config.service_account_email,
        memory_mib=mib(config.available_memory),
        cpu_millis=round(float(config.available_cpu or 0) * 1000),
        concurrency=config.max_instance_request_concurrency,
        timeout_s=config.timeout_seconds,
        max_instances=config.max_instance_count,
        ingress=ingress.get(config.ingress_settings.name, "All"),
        labels={key: value for key, value in live.labels.items() if key not in _NOT_COMPARED},
        by_hand={"service_config.min_instance_count": str(kept)} if (kept := config.min_instance_count) else {},
    )


def mib(memory: str) -> int:
    """Read `512M` or `512Mi`: functions mean the same by both."""
    number = memory.removesuffix("i").rstrip("kMG")
    unit = memory.removesuffix("i")[len(number) :]
    return round(float(number or 0) * _MIB[unit])


def write(function: Any, fields: FunctionsFunction) -> None:
    """Write our fields, but for source, entry point, environment and labels."""
    config = function.service_config
    function.build_config.runtime = fields.runtime
    config.service_account_email = fields.account
    config.available_memory = f"{fields.memory_mib}Mi"
    config.available_cpu = f"{fields.cpu_millis / 1000:g}"
    config.max_instance_request_concurrency = fields.concurrency
    config.timeout_seconds = fields.timeout_s
    config.max_instance_count = fields.max_instances
    config.ingress_settings = INGRESS[fields.ingress]


def observed(address: Address, live: Any) -> Observed[FunctionsFunction]:
    """Say what a live function is."""
    fields, problem, uri = from_api(live), "", live.service_config.uri
    if live.state.name == "FAILED":
        # Nothing mends it but another deployment, whatever it shows of itself (kinds.md section 8); where it answers
        # then is not known before: its service may be a new one.
        fields, uri = replace(fields, digest=""), ""
        problem = " ".join(message.message for message in live.state_messages) or "it does not work"
    return Observed(
        address,
        fields,
        version=fingerprint(str(live.update_time)),
        mark=mark_of(live.labels),
        settled=live.state.name not in {"DEPLOYING", "DELETING"},
        problem=" ".join(problem.split()),
        output={"name": live.name, "uri": uri},
        live=live,
    )
