"""What goes into an image: the wheels that `uv.lock` pins for one of our programs, and no more than it needs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "mlservice"
ROOTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # The runtime needs two of our own dependencies for specs and one for models in Cloud Storage; the others are the
    # command line's, whose clients of Google's are as large again as the server.
    "runtime": (("runtime", "grpc", "events"), ("pydantic", "pyyaml", "google-cloud-storage")),
    "reconciler": (("git",), ("*",)),
    "page": (("page",), ("pydantic", "pyyaml", "google-cloud-storage")),
}
"""Target -> extras of ours, and which of our own dependencies; `*`: all."""


class LockError(Exception):
    """The lock file does not say what an image needs; the text says why."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package in one version, with the digests that its wheels may have."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        """As a requirements file has it."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={each}" for each in self.hashes)])


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on: Linux with glibc on x86_64, and a version of Python.

    Attributes:
        python: Such as `3.12`.
    """

    python: str

    @property
    def markers(self) -> dict[str, str]:
        """What environment markers ask about (https://packaging.python.org/specifications/dependency-specifiers/)."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": "",
        }


def pins(text: str, target: str, extras: Iterable[str], platform: Platform) -> tuple[Pin, ...]:
    """Walk the lock file from what a target needs.

    Args:
        text: Of `uv.lock`.
        target: `runtime`, `reconciler` or `page`.
        extras: Frameworks.
        platform: Which markers hold.

    Raises:
        LockError: An extra that there is not, or a package without wheels.
    """
    packages = tomllib.loads(text).get("package", [])
    [ours] = [each for each in packages if each["name"] == OURS] or [{}]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    waiting = list(_roots(ours, target, extras))
    seen = set()
    while waiting:
        wanted = waiting.pop()
        if not _applies(wanted, platform):
            continue
        package = _package(packages, wanted, platform)
        found[package["name"], package["version"]] = package
        for extra in ("", *wanted.get("extra", ())):
            key = (package["name"], package["version"], extra)
            if key not in seen:
                seen.add(key)
                optional = package.get("optional-dependencies", {})
                waiting += optional.get(extra, []) if extra else package.get("dependencies", [])
    return tuple(_pin(package) for _, package in sorted(found.items()))


def _roots(ours: Mapping[str, Any], target: str, extras: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    own, named = ROOTS[target]
    optional = ours.get("optional-dependencies", {})
    for extra in (*own, *extras):
        if extra not in optional:
            raise LockError(f"there is no extra '{extra}'")
        yield from optional[extra]
    yield from (each for each in ours.get("dependencies", ()) if "*" in named or each["name"] in named)


def _applies(wanted: Mapping[str, Any], platform: Platform) -> bool:
    from packaging.markers import Marker  # noqa: PLC0415 - late, for start-up

    return "marker" not in wanted or Marker(wanted["marker"]).evaluate(platform.markers)


def _package(packages: Iterable[dict[str, Any]], wanted: Mapping[str, Any], platform: Platform) -> dict[str, Any]:
    """The one version of a package that is for this platform: lock files may hold several."""
    named = [each for each in packages if each["name"] == wanted["name"]]
    if "version" in wanted:
        named = [each for each in named if each["version"] == wanted["version"]]
    fitting = [each for each in named if _is_for(each, platform)]
    if len(fitting) != 1:
        raise LockError(f"the lock file has {len(fitting)} versions of {wanted['name']} for Python {platform.python}")
    return fitting[0]


def _is_for(package: Mapping[str, Any], platform: Platform) -> bool:
    from packaging.markers import Marker  # noqa: PLC0415 - late, for start-up

    markers = package.get("resolution-markers", ())
    return not markers or any(Marker(text).evaluate(platform.markers) for text in markers)


def _pin(package: Mapping[str, Any]) -> Pin:
    hashes = tuple(each["hash"] for each in package.get("wheels", ()))
    if not hashes:
        raise LockError(f"{package['name']} {package['version']} has no wheel: nothing is compiled for an image")
    return Pin(package["name"], package["version"], hashes)


def requirements(found: Iterable[Pin]) -> str:
    """Write pins as a requirements file."""
    return "".join(f"{each}\n" for each in found)


def own_version(text: str) -> str:
    """Give our own version, as the lock file has it."""
    return next(str(each["version"]) for each in tomllib.loads(text)["package"] if each["name"] == OURS)
