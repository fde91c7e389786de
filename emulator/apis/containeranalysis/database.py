"""Which versions of which packages are vulnerable: a few that everybody knows, and what is planted.

Google's database has hundreds of thousands; what is not here is not found. Source: the advisories of
https://github.com/advisories; recording containeranalysis_occurrence/vulnerability-list-quoted for the one of Debian.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from emulator.core.world import World
from emulator.images.inventory import OS, PYPI, Package, normal

FILE = Path(__file__).with_name("vulnerabilities.json")
PLANTED = "containeranalysis.planted"
CVSS_MOST = 10
SEVERITIES = ("MINIMAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Advisory:
    """One package that is vulnerable, in some versions.

    Attributes:
        cve: `CVE-2024-6345`: of several packages it may be the same.
        package: As packages are called of its sort.
        sort: `OS` or `PYPI`.
        versions: The affected ones, exactly.
        below: Of Python: every one below this is affected.
        fixed: The version to go to; nothing: there is none.
        severity: As the note says it.
        effective: As the distribution says it; nothing: the same.
        cvss: 0 to 10.
        published: ISO 8601; nothing: not known.
        image: Version name of the only image that it is found in, whether the package is there or not; nothing: all.
    """

    cve: str
    package: str
    sort: str = OS
    versions: tuple[str, ...] = ()
    below: str = ""
    fixed: str = ""
    severity: str = "HIGH"
    effective: str = ""
    cvss: float = 0.0
    published: str = ""
    image: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Advisory":
        """Check and build one.

        Raises:
            ValueError: It is none; the text says why.
        """
        unknown = sorted(raw.keys() - {each.name for each in fields(cls)})
        if unknown:
            raise ValueError(f"a vulnerability has no {', '.join(map(repr, unknown))}")
        if not all(isinstance(raw.get(name), str) and raw[name] for name in ("cve", "package")):
            raise ValueError("a vulnerability has a 'cve' and a 'package'")
        texts = {each.name for each in fields(cls)} - {"versions", "cvss"}
        if not all(isinstance(raw.get(name, ""), str) for name in texts):
            raise ValueError(f"{', '.join(sorted(texts))} are texts")
        versions, cvss = raw.get("versions", ()), raw.get("cvss", 0.0)
        if not isinstance(versions, list | tuple) or not all(isinstance(each, str) for each in versions):
            raise ValueError("'versions' is a list of texts")
        if not isinstance(cvss, int | float) or not 0 <= cvss <= CVSS_MOST:
            raise ValueError(f"'cvss' is a number from 0 to {CVSS_MOST}")
        found = cls(**{**raw, "versions": tuple(versions)})
        if found.severity not in SEVERITIES or found.effective not in ("", *SEVERITIES):
            raise ValueError(f"'severity' and 'effective' are one of {', '.join(SEVERITIES)}")
        if found.sort not in (OS, PYPI) or not (found.versions or (found.below and found.sort == PYPI)):
            raise ValueError(f"'sort' is {OS} or {PYPI}, and 'versions' says which are affected; of {PYPI} 'below' may")
        if found.image and not found.versions:
            raise ValueError("'versions' says which one an image has: 'below' alone tells nothing of one image")
        if found.published:
            datetime.fromisoformat(found.published)
        return found

    def affects(self, package: Package) -> bool:
        """Whether it is about a package as it is installed."""
        if (package.sort, package.name) != (self.sort, normal(self.package) if self.sort == PYPI else self.package):
            return False
        return package.version in self.versions or bool(self.below and _is_below(package.version, self.below))


def _is_below(version: str, limit: str) -> bool:
    try:
        return Version(version) < Version(limit)
    except InvalidVersion:
        return False


def plant(world: World, advisory: Advisory) -> None:
    """Add one, or replace one of the same number, package and image."""
    key = f"{advisory.cve}/{advisory.sort}/{advisory.package}/{advisory.image}"
    world.store.put(PLANTED, key, json.dumps(asdict(advisory)).encode())


def advisories(world: World) -> list[Advisory]:
    """All, the known ones first."""
    raw = [*json.loads(FILE.read_text()), *(json.loads(body) for _, body in world.store.list(PLANTED))]
    return [Advisory.parse(each) for each in raw]


def found(
    known: Iterable[Advisory], image: str, packages: Iterable[Package]
) -> Iterator[tuple[str, list[tuple[Advisory, Package]]]]:
    """Give what is wrong with an image, by number: each with the packages and their versions.

    Args:
        known: Advisories.
        image: Version name.
        packages: What it has.
    """
    there = list(packages)
    by_cve: dict[str, list[tuple[Advisory, Package]]] = {}
    for each in known:
        if each.image:
            hits = [Package(each.sort, each.package, each.versions[0])] if each.image == image and each.versions else []
        else:
            hits = [package for package in there if each.affects(package)]
        by_cve.setdefault(each.cve, []).extend((each, package) for package in hits)
    yield from ((cve, hits) for cve, hits in sorted(by_cve.items()) if hits)
