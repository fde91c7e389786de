"""What of uptime checks lies in the store, and where the checkers are.

Source: https://cloud.google.com/monitoring/uptime-checks, values of the label `checker_location`; the words for a check
that is not there: kinds.md 1.4.
"""

from typing import Any

from google.cloud.monitoring_v3.types import uptime

from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id

Check = uptime.UptimeCheckConfig.pb()
Region = uptime.UptimeCheckRegion
LOCATIONS: dict[int, tuple[str, ...]] = {
    Region.USA_OREGON: ("usa-oregon",),
    Region.USA_IOWA: ("usa-iowa",),
    Region.USA_VIRGINIA: ("usa-virginia",),
    Region.EUROPE: ("eur-belgium",),
    Region.SOUTH_AMERICA: ("sa-brazil-sao_paulo",),
    Region.ASIA_PACIFIC: ("apac-singapore",),
    Region.USA: ("usa-iowa", "usa-oregon", "usa-virginia"),
}
"""By region."""


def missing(name: str) -> ApiFailure:
    """There is no such check."""
    project, _, own = name.removeprefix("projects/").partition("/uptimeCheckConfigs/")
    return ApiFailure("NOT_FOUND", f"Config not found for check {own} in project {project}")


CHECKS = Collection(
    "monitoring.uptime_check", Check, "projects/*/uptimeCheckConfigs/*", missing=missing, key=by_id, place=by_id
)


def project_of(check: Any) -> str:
    """The project that a check is in."""
    return str(check.name.split("/")[1])


def locations_of(check: Any) -> list[str]:
    """Where a check is made from: everywhere, unless it says where."""
    regions = [int(each) for each in check.selected_regions] or list(LOCATIONS)
    return sorted({location for region in regions for location in LOCATIONS[region]})
