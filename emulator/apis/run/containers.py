"""What Cloud Run refuses of a template's containers: names, order, environment, ports and probes.

Source: constraints.md 1, 2.3 and 2.4, row by row; texts from the issues named there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emulator.apis.run.defaults import has_gpu
from emulator.apis.run.refusals import bad, check_between
from emulator.core.failures import not_emulated
from emulator.core.texts import is_address, is_header, is_word

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""A DNS label (RFC 1123)."""
STARTUP_MOST_S, STARTUP_WITH_GPU_MOST_S = 600, 1800
"""Seconds that a whole start may take: tries times period."""
STARTUP_EACH_MOST = 240
LIVENESS_EACH_MOST = 3600
PROBES = {"startup_probe": STARTUP_EACH_MOST, "liveness_probe": LIVENESS_EACH_MOST, "readiness_probe": 3600}
"""Probe -> the most seconds of each of its fields."""


def check_containers(containers: Sequence[Any], reserved: frozenset[str]) -> None:
    """Check names, images, order, environment and probes of containers."""
    check_names(containers)
    check_order({container.name: tuple(container.depends_on) for container in containers})
    start_most_s = STARTUP_WITH_GPU_MOST_S if has_gpu(containers) else STARTUP_MOST_S
    for index, container in enumerate(containers):
        where = f"template.containers[{index}]"
        check_built(container, where)
        if not container.image:
            raise bad(f"{where}.image", "must be set")
        # PORT is Cloud Run's own where it sets it: on the container that takes requests. Behind it, Google's own sample
        # of nginx as a proxy sets one.
        behind = not container.ports
        check_environment(container.env, reserved - {"PORT"} if behind else reserved, where)
        check_words(container, where)
        check_probes(container, where, start_most_s)


def check_built(container: Any, where: str) -> None:
    """Refuse what Google builds, or keeps up to date, itself: the image alone would be something else.

    Raises:
        ApiFailure: UNIMPLEMENTED.
    """
    for field, there in (
        ("source_code", container.HasField("source_code")),
        ("base_image_uri", container.base_image_uri),
    ):
        if there:
            raise not_emulated(f"{where}.{field} of Cloud Run")


def check_names(containers: Sequence[Any]) -> None:
    """Check that containers can be told apart."""
    names = [container.name for container in containers]
    if len(containers) > 1 and (not all(names) or len(set(names)) < len(names)):
        raise bad(
            "template.containers", "container names must be given and unique when there is more than one container"
        )
    for index, name in enumerate(names):
        if name and not LABEL.fullmatch(name):
            text = f"'{name}' must use only lowercase letters, numbers and '-', 63 characters at most"
            raise bad(f"template.containers[{index}].name", text)


def check_order(needs: Mapping[str, Sequence[str]]) -> None:
    """Check that every container starts after others that are there, and none after itself."""
    for index, (name, needed) in enumerate(needs.items()):
        where = f"template.containers[{index}].depends_on"
        for other in needed:
            if other not in needs:
                raise bad(where, f"'{other}' is not a container of this template")
        if name in _before(name, needs):
            raise bad(where, f"'{name}' would start after itself: dependencies must not form a circle")


def _before(name: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """All containers that have started when one starts."""
    found: set[str] = set()
    left = list(needs[name])
    while left:
        other = left.pop()
        if other not in found:
            found.add(other)
            left += needs.get(other, ())
    return found


def check_words(container: Any, where: str) -> None:
    """Refuse a NUL, at which a program's arguments and variables end: no container could be given one."""
    words = {
        "command": [*container.command],
        "args": [*container.args],
        "env": [f"{e.name}{e.value}" for e in container.env],
        "working_dir": [container.working_dir],
        "volume_mounts": [f"{each.mount_path}{each.sub_path}" for each in container.volume_mounts],
    }
    for field, texts in words.items():
        if not all(map(is_word, texts)):
            raise bad(f"{where}.{field}", "must not contain the character NUL")


def check_environment(env: Sequence[Any], reserved: frozenset[str], where: str) -> None:
    """Check environment variables (constraints.md 2.4)."""
    seen: set[str] = set()
    if len(env) > 1000:  # noqa: PLR2004 - https://cloud.google.com/run/quotas
        raise bad(f"{where}.env", "at most 1000 environment variables are allowed")
    for index, variable in enumerate(env):
        at = f"{where}.env[{index}].name"
        if not variable.name or "=" in variable.name:
            raise bad(at, f"Invalid environment variable name '{variable.name}'.")
        if variable.name in reserved or variable.name.startswith("X_GOOGLE_"):
            raise bad(
                f"{where}.env",
                f"The following reserved env names were provided: {variable.name}. "
                "These values are automatically set by the system.",
            )
        if variable.name in seen:
            raise bad(at, f"Duplicate environment variable name '{variable.name}'.")
        if len(variable.value.encode()) > 32 * 1024:
            raise bad(f"{where}.env[{index}].value", "must be at most 32 KiB")
        seen.add(variable.name)


def check_probes(container: Any, where: str, start_most_s: int) -> None:
    """Check all probes of a container (constraints.md 2.3).

    Args:
        container: Completed.
        where: Its place in the template.
        start_most_s: The most seconds that its startup probe may take in all.
    """
    for name, most in PROBES.items():
        if container.HasField(name):
            check_probe(getattr(container, name), f"{where}.{name}", most)
    if container.HasField("startup_probe"):
        check_start(container.startup_probe, f"{where}.startup_probe", start_most_s)
    if container.HasField("liveness_probe") and container.liveness_probe.WhichOneof("probe_type") == "tcp_socket":
        raise bad(f"{where}.liveness_probe", "tcp_socket is not supported for liveness probes")


def check_probe(probe: Any, at: str, most: int) -> None:
    """Check numbers and action of a probe. Numbers that a job's probe leaves out are 0 here."""
    check_between(f"{at}.initial_delay_seconds", probe.initial_delay_seconds, 0, most)
    check_between(f"{at}.period_seconds", probe.period_seconds, 0, most)
    check_between(f"{at}.timeout_seconds", probe.timeout_seconds, 0, probe.period_seconds or most)
    check_between(f"{at}.failure_threshold", probe.failure_threshold, 0, 10**6)
    chosen = probe.WhichOneof("probe_type")
    if chosen is None:
        return
    action = getattr(probe, chosen)
    check_between(f"{at}.{chosen}.port", action.port, 0, 65535)
    if chosen == "http_get":
        check_asked(action, f"{at}.http_get")


def check_asked(asked: Any, at: str) -> None:
    """Check path and headers of a probe by HTTP: what no request could be made of would never be answered."""
    if asked.path and not asked.path.startswith("/"):
        raise bad(f"{at}.path", f"'{asked.path}' must begin with '/'")
    if not is_address(asked.path):
        raise bad(f"{at}.path", f"{asked.path!r} must have no spaces and no control characters")
    for header in asked.http_headers:
        if not is_header(header.name, header.value):
            raise bad(f"{at}.http_headers", f"{header.name!r} is no header: its name is a word, its value one line")


def check_start(probe: Any, at: str, most_s: int) -> None:
    """Check how long a start may take in all.

    Source:
        constraints.md 2.3, row "startup"; design/any-container.md 4 for those with a GPU.
    """
    check_between(f"{at}.failure_threshold", probe.failure_threshold, 0, STARTUP_EACH_MOST)
    if probe.failure_threshold * probe.period_seconds > most_s:
        raise bad(at, f"failure_threshold * period_seconds must not exceed {most_s} seconds")


def check_ports(containers: Sequence[Any]) -> None:
    """Check that exactly one container takes requests, on one port."""
    with_port = [container for container in containers if container.ports]
    if len(with_port) != 1 or len(with_port[0].ports) != 1:
        raise bad("template.containers", "Revision template should contain exactly one container with an exposed port.")
    port = with_port[0].ports[0]
    check_between("template.containers.ports.container_port", port.container_port, 1, 65535)
    if port.name not in ("http1", "h2c"):
        raise bad("template.containers.ports.name", f"'{port.name}' must be 'http1' or 'h2c'")
