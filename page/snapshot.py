"""Everything that passes left at one moment, put together by service. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from page.documents import Data

OPERATOR = "operator_"
"""What the name of an operator begins with among services: no service can be called so."""


@dataclass(frozen=True, slots=True)
class Past:
    """What became of services, the newest first.

    Args:
        entries: As `schemas.kept.history` says.
        unreadable: Sentences about those that cannot be read.
        older: How many older ones there are.
        key: Tells one moment's entries from another's; empty while nothing was read yet.
    """

    entries: tuple[Data, ...] = ()
    unreadable: tuple[str, ...] = ()
    older: int = 0
    key: str = ""

    @property
    def destroyed(self) -> dict[tuple[str, str], datetime]:
        """Give when services, and jobs, were destroyed of which nothing became since, by region and name."""
        newest: dict[tuple[str, str], Data] = {}
        for entry in self.entries:
            newest.setdefault((entry["region"], entry["service"]), entry)
        return {key: _moment(entry) for key, entry in newest.items() if entry["outcome"] == "destroyed"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known.

    Args:
        key: Tells one moment's documents from another's; empty while nothing was ever read.
        services: Each service's standing, with what its last report says, by region and name, in that order.
        passes: Latest report of each shard of each operator.
        standings: Documents of what shards knew, without their services.
        unreadable: Sentences about documents that cannot be read.
        local: It is of an emulator: so are commands to copy.
        trouble: Why this is not what is there now; empty where it is.
        uninstalled: When jobs were uninstalled that left documents, by name.
    """

    key: str = ""
    services: Mapping[tuple[str, str], Data] = field(default_factory=dict)
    passes: tuple[Data, ...] = ()
    standings: tuple[Data, ...] = ()
    unreadable: tuple[str, ...] = ()
    local: bool = False
    trouble: str = ""
    uninstalled: Mapping[str, datetime] = field(default_factory=dict)

    @classmethod
    def of(cls, key: str, documents: Mapping[str, Data | str], *, local: bool = False) -> Snapshot:
        """Put documents together.

        Args:
            key: Names their versions.
            documents: By name; a text where one cannot be read.
            local: They are an emulator's.
        """
        read = {name: {**each, "local": local} for name, each in sorted(documents.items()) if not isinstance(each, str)}
        standings = [each for name, each in read.items() if "/standings/" in name]
        passes = [each for name, each in read.items() if "/latest/" in name]
        services: dict[tuple[str, str], Data] = {}
        for told in sorted(standings, key=_moment):
            above = {"local": local, "byHand": not told["operator"], "told": told["at"]}
            services |= {(each["region"], each["name"]): {**each, **above} for each in told["services"]}
        for report in sorted(passes, key=_moment):
            for name, told in report["services"].items():
                where = told["region"], name
                known = services.get(where)
                others = {known.get("operator"), *known.get("alsoBy", ())} if known and "report" in known else set()
                joined = _joined(known, told, name, report)
                services[where] = joined | {"alsoBy": sorted(others - {report["operator"], None})}
        return cls(
            key,
            dict(sorted(services.items())),
            tuple(passes),
            tuple({name: told for name, told in each.items() if name != "services"} for each in standings),
            tuple(each for _, each in sorted(documents.items()) if isinstance(each, str)),
            local,
        )

    def after(self, past: Past) -> Snapshot:
        """Give the same without what was destroyed since somebody saw it: that is told of among changes alone.

        Args:
            past: What became of services, and of jobs; the newest entry of each counts.
        """
        ended = past.destroyed
        uninstalled = self._uninstalled(ended)
        gone = sorted(
            key for key in ended.keys() & self.services.keys() if ended[key] > _when(self.services[key]["told"])
        )
        passes = tuple(_without(report, ended) for report in self.passes)
        if not gone and not uninstalled and passes == self.passes:
            return self
        services = {key: each for key, each in self.services.items() if key not in gone}
        return replace(self, key=f"{self.key}-{past.key}", services=services, passes=passes, uninstalled=uninstalled)

    def _uninstalled(self, ended: Mapping[tuple[str, str], datetime]) -> dict[str, datetime]:
        """Give when jobs were uninstalled after all that they left."""
        last: dict[str, datetime] = {}
        for each in (*self.passes, *self.standings):
            last[each["operator"]] = max(_moment(each), last.get(each["operator"], _moment(each)))
        jobs = {name.removeprefix(OPERATOR): at for (_, name), at in ended.items() if name.startswith(OPERATOR)}
        return {name: at for name, at in jobs.items() if name in last and at >= last[name]}

    def but(self, trouble: str) -> Snapshot:
        """Give the same, as what was known before it could not be looked at."""
        return replace(self, trouble=trouble)

    @property
    def at(self) -> datetime | None:
        """Say of when this is: when the oldest shard's last pass ended; None where there was none.

        What a job left that is gone counts where there is nothing else.
        """
        moments = [_moment(each) for each in self._going_on(self.passes or self.standings)]
        return min(moments, default=None)

    @property
    def due(self) -> tuple[datetime, ...]:
        """Say when the next passes are due, as far as somebody said."""
        said = [
            tuple(map(datetime.fromisoformat, told["next"])) for told in self._going_on(self.standings) if told["next"]
        ]
        return min(said, key=lambda moments: moments[-1]) if said else ()

    def _going_on(self, documents: tuple[Data, ...]) -> tuple[Data, ...]:
        """Give those of jobs that are still there; all where none is."""
        return tuple(each for each in documents if each["operator"] not in self.uninstalled) or documents

    @property
    def over(self) -> datetime | None:
        """Say when the last job went, of those that left anything; None while there may be one."""
        names = {each["operator"] for each in (*self.passes, *self.standings)}
        return max(self.uninstalled.values(), default=None) if names <= self.uninstalled.keys() else None

    @property
    def by_hand(self) -> bool:
        """Tell whether no pass left this, and somebody looked."""
        return bool(self.standings) and not self.passes and not any(each["operator"] for each in self.standings)

    def fleet(self) -> Iterator[Data]:
        """Give every service; operators are none."""
        yield from (each for each in self.services.values() if not each["name"].startswith(OPERATOR))


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _moment(document: Data) -> datetime:
    return _when(document.get("ended") or document["at"])


def _without(report: Data, destroyed: Mapping[tuple[str, str], datetime]) -> Data:
    """Leave out orphans of a report that were destroyed since."""
    ended = _moment(report)
    stay = [
        each
        for each in report["orphaned"]
        if (each["region"], each["name"]) not in destroyed or destroyed[each["region"], each["name"]] <= ended
    ]
    return {**report, "orphaned": stay}


def _joined(standing: Data | None, told: Data, name: str, report: Data) -> Data:
    """Add to what is known of a service what its last pass did."""
    bare = {
        "name": name,
        "region": told["region"],
        "project": report["project"],
        "checked": report["ended"],
        "local": report["local"],
    }
    known = standing or bare
    cost = known.get("cost") or told["cost"]
    told_of = {**bare, **{name: value for name, value in known.items() if value or name not in bare}}
    last = max(known.get("told") or report["ended"], report["ended"], key=_when)
    return {**told_of, "cost": cost, "report": told, "operator": report["operator"], "told": last}
